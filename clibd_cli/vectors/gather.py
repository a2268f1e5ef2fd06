"""Reference rows on their way into an index: distinct vectors to arrays, specimens to a table."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from clibd_cli.core.closing import Closing
from clibd_cli.core.lineage import RANKS
from clibd_cli.core.records import MODALITIES, Modality
from clibd_cli.vectors.header import KEYS, IndexHeader, check_file, vectors_file
from clibd_cli.vectors.keys import KeyCounts, count_keys, keys_schema, read_keys, write_keys
from clibd_cli.vectors.opening import open_vectors
from clibd_cli.vectors.schema import STRENGTH, vectors_of
from clibd_cli.vectors.unique import UniqueVectors

if TYPE_CHECKING:
    import pyarrow as pa

STORE_COLUMNS = (
    "specimen_id",
    "modality",
    "embedding",
    *RANKS,
    "bin_uri",
    "barcode",
    "source",
    "content_sha256",
    STRENGTH,
)
_COPY_BLOCK = 8192


class Gatherer(Closing):
    """Collects references in `folder`; a context manager, complete after `finish`.

    Attributes:
        repeated: rows left out because the same specimen with the same content was there already.
        relabelled: how many of them had another name there, which is kept.
    """

    def __init__(self, folder: Path, dim: int, dtype: str) -> None:
        self._folder = folder
        self._dim = dim
        self._dtype = dtype
        self._arrays: dict[Modality, UniqueVectors] = {}
        self._seen: dict[bytes, bytes] = {}
        self._tables: list[pa.Table] = []
        self.repeated = 0
        self.relabelled = 0

    def take_over(self, base: Path, header: IndexHeader) -> None:
        """Start with all references of the index in `base`, their vectors numbered as there."""
        keys = read_keys(check_file(base, header, KEYS))
        for batch in keys.select(list(_IDENTITY)).to_batches():
            self._not_seen(batch)
        self._tables.append(_completed(keys).cast(keys_schema()))
        for modality in header.modalities:
            vectors = open_vectors(base, header, modality)
            for start in range(0, len(vectors), _COPY_BLOCK):
                self._array(modality).number(vectors[start : start + _COPY_BLOCK])

    def add(self, rows: pa.RecordBatch) -> None:
        """Take in rows of a store (`STORE_COLUMNS`)."""
        import pyarrow.compute as pc

        rows = _completed(rows)
        fresh = rows.filter(self._not_seen(rows))
        self.repeated += rows.num_rows - fresh.num_rows
        for modality in MODALITIES:
            part = fresh.filter(pc.equal(fresh.column("modality"), modality))
            if part.num_rows:
                self._take(modality, part)

    def finish(self) -> KeyCounts:
        """Write the table of keys, and count them."""
        import pyarrow as pa

        self.close()
        keys = pa.concat_tables(self._tables or [keys_schema().empty_table()])
        keys = keys.sort_by([("modality", "ascending"), ("vector", "ascending")])
        write_keys(keys, self._folder / KEYS)
        return count_keys(keys)

    def close(self) -> None:
        """Complete the arrays."""
        for array in self._arrays.values():
            array.close()

    def _take(self, modality: Modality, rows: pa.RecordBatch) -> None:
        import pyarrow as pa

        numbers = self._array(modality).number(vectors_of(rows.column("embedding"), self._dim))
        columns = {name: rows.column(name) for name in STORE_COLUMNS if name != "embedding"}
        columns["vector"] = pa.array(numbers)
        schema = keys_schema()
        arrays = [columns[name] for name in schema.names]
        self._tables.append(pa.Table.from_arrays(arrays, schema=schema))

    def _array(self, modality: Modality) -> UniqueVectors:
        if modality not in self._arrays:
            path = self._folder / vectors_file(modality)
            self._arrays[modality] = UniqueVectors(path, self._dim, self._dtype)
        return self._arrays[modality]

    def _not_seen(self, rows: pa.RecordBatch) -> pa.Array:
        """Which rows are new; they count as seen from now on."""
        import pyarrow as pa

        fresh = []
        for row in zip(*(rows.column(name).to_pylist() for name in _IDENTITY), strict=True):
            specimen, label = _digest(row[:3]), _digest(row[3:])
            fresh.append(specimen not in self._seen)
            self.relabelled += self._seen.setdefault(specimen, label) != label
        return pa.array(fresh, pa.bool_())


_Rows = TypeVar("_Rows", "pa.Table", "pa.RecordBatch")


def _completed(rows: _Rows) -> _Rows:
    """The rows with a column for strengths, which older stores and indexes lack."""
    import pyarrow as pa

    if STRENGTH in rows.schema.names:
        return rows
    return rows.append_column(STRENGTH, pa.nulls(rows.num_rows, pa.float32()))


_IDENTITY = ("modality", "content_sha256", "specimen_id", *RANKS)


def _digest(values: tuple[str | None, ...]) -> bytes:
    text = "\n".join(value or "" for value in values)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
