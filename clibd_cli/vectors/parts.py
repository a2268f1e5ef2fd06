"""Finding and reading the parts of one or many embedding stores as one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.core.bombs import BombGuard
from clibd_cli.core.errors import ClibdError
from clibd_cli.vectors.schema import TEXTS, StoreFacts, facts_of
from clibd_cli.vectors.sums import REPAIR, check_sum, read_sums

if TYPE_CHECKING:
    import pyarrow as pa

_PATTERN = "part-[0-9]*.parquet"
SHARD = re.compile(r"shard-\d+-of-(\d+)")
"""The name of a shard's store; its group is the number of shards."""
_SHARDS = "shard-*-of-*"
UNFINISHED = "_unfinished"
"""A file of this name says that a run was broken off, and how to go on with it."""
_ROWS_A_BATCH = 8192


def part_paths(folder: Path) -> list[Path]:
    """The complete parts that lie directly in `folder`, in the order they were written."""
    return sorted(folder.glob(_PATTERN))


def find_stores(folder: Path) -> list[Path]:
    """Every store at or below `folder` (shards, several runs), sorted by path."""
    found = {folder} if part_paths(folder) else set()
    for path in folder.rglob(_PATTERN):
        if not any(part.startswith(".") for part in path.relative_to(folder).parts):
            found.add(path.parent)
    return sorted(found)


def is_store(folder: Path) -> bool:
    """Whether `folder` itself is a store, whole or in shards."""
    return bool(part_paths(folder)) or any(part_paths(p) for p in folder.glob(_SHARDS))


def refuse_unfinished(stores: Sequence[Path]) -> None:
    """Refuse stores whose rows are not all there, since what lacks would be missed silently.

    Raises:
        ClibdError: naming the command that finishes the store, or the part that is gone.
    """
    for store in stores:
        if (shard := SHARD.fullmatch(store.name)) is not None:
            missing = _missing_shards(store.parent, int(shard[1]))
            if missing:
                raise ClibdError(
                    f"{store.parent} lacks the shard {missing[0]}", "Run `clibd embed` for it."
                )
        marker = store / UNFINISHED
        if marker.is_file():
            command = marker.read_text(encoding="utf-8", errors="replace").strip()
            raise ClibdError(
                f"{store} is unfinished: the run that fills it was broken off",
                f"Run the same command again first{f': {command}' if command else '.'}",
            )
        gone = sorted(name for name in read_sums(store) if not (store / name).is_file())
        if gone:
            raise ClibdError(
                f"{store} lacks its file {gone[0]}", "Run the same `clibd embed` again."
            )


def _missing_shards(folder: Path, n: int) -> list[str]:
    names = [f"shard-{i}-of-{n}" for i in range(1, n + 1)]
    return [name for name in names if not (folder / name).is_dir()]


def read_facts(part: Path) -> StoreFacts:
    """What a part says of itself.

    Raises:
        ClibdError: where it cannot be read or is no part of a store.
    """
    import pyarrow.parquet as pq

    with _named(part):
        return facts_of(pq.read_schema(part), str(part))


def common_facts(stores: Sequence[Path]) -> StoreFacts:
    """The facts that all parts of all the stores share.

    Raises:
        ClibdError: where there is no part, or two differ in their model's fingerprint.
    """
    parts = [part for store in stores for part in part_paths(store)]
    if not parts:
        raise ClibdError("there is no embedding store to read", "Make one with `clibd embed`.")
    first = read_facts(parts[0])
    for part in parts[1:]:
        other = read_facts(part)
        if (other.fingerprint, other.dim) != (first.fingerprint, first.dim):
            raise ClibdError(
                f"{parts[0]} was made with {first.model} ({first.fingerprint[:12]}) and {part} "
                f"with {other.model} ({other.fingerprint[:12]}): they cannot mix",
                "Embed both with the same model.",
            )
    return first


def read_rows(
    stores: Sequence[Path], columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """All rows of the stores, in their order, a bounded batch at a time.

    Each part is compared with its SHA-256 before any row of it is given.

    Raises:
        ClibdError: naming the part that is damaged.
    """
    wanted = None if columns is None else list(columns)
    for store in stores:
        sums = read_sums(store)
        for part in part_paths(store):
            check_sum(part, sums)
            yield from _rows_of(part, wanted)


def _rows_of(part: Path, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    opened = partial(pq.ParquetFile, part, page_checksum_verification=True)
    with _named(part), opened(read_dictionary=list(TEXTS)) as file:
        guard = BombGuard(str(part), part.stat().st_size)
        missing = file.metadata.num_rows
        guard.expect(missing * len(TEXTS))
        for rows in file.iter_batches(batch_size=_ROWS_A_BATCH, columns=columns):
            rows.validate(full=True)  # texts are UTF-8
            missing -= rows.num_rows
            arrays = [
                guard.texts(array) if pa.types.is_dictionary(array.type) else array
                for array in rows.columns
            ]
            fields = [f.with_type(a.type) for f, a in zip(rows.schema, arrays, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))
        if missing:
            raise OSError(f"{missing:,} of its rows are missing")


def count_rows(stores: Sequence[Path]) -> int:
    """The number of rows, from the footers alone."""
    import pyarrow.parquet as pq

    total = 0
    for part in (path for store in stores for path in part_paths(store)):
        with _named(part):
            total += pq.read_metadata(part).num_rows
    return total


@contextmanager
def _named(part: Path) -> Iterator[None]:
    """Errors of Arrow and of the disk become one that names the part."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ClibdError(f"{part} is damaged or not a part of a store: {reason}", REPAIR) from error
