"""Whether every byte of a store or an index still is what was written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clibd_cli.vectors.header import IndexHeader, check_file, read_header
from clibd_cli.vectors.parts import (
    common_facts,
    count_rows,
    find_stores,
    part_paths,
    read_rows,
    refuse_unfinished,
)
from clibd_cli.vectors.schema import StoreFacts, vectors_of
from clibd_cli.vectors.sums import check_sum, read_sums


@dataclass(frozen=True, slots=True)
class VerifiedStore:
    """A store that was read to its end.

    Attributes:
        unlisted: its stores with parts that have no checksum, as an older clibd wrote them: of
            those, only what Parquet guards was checked.
    """

    facts: StoreFacts
    rows: int
    unlisted: tuple[Path, ...]


def verify_store(folder: Path) -> VerifiedStore:
    """Read all files of the store in `folder`, or of the stores below it.

    Raises:
        ClibdError: naming the first file that is damaged or missing.
    """
    stores = find_stores(folder)
    refuse_unfinished(stores)
    listed = {store: read_sums(store) for store in stores}
    for store, sums in listed.items():
        for name in sums:
            check_sum(store / name, sums)
    facts = common_facts(stores)
    parts = {store: {path.name for path in part_paths(store)} for store in stores}
    unlisted = tuple(store for store, sums in listed.items() if not parts[store] <= sums.keys())
    for batch in read_rows(unlisted):
        vectors_of(batch.column("embedding"), facts.dim)
    return VerifiedStore(facts, count_rows(stores), unlisted)


def verify_index(folder: Path) -> IndexHeader:
    """The header of an index whose files all are those that it names.

    Raises:
        ClibdError: naming the first file that is damaged or missing.
    """
    header = read_header(folder)
    for name in header.sha256:
        check_file(folder, header, name)
    return header
