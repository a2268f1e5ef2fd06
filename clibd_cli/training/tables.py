"""Tables and FASTA files, as users have them, read into one collection of specimens.

Barcodes are read as `clibd embed --dna` reads them, with the same ids and the same skips. A row of
a table of photos has the id that `clibd embed --photos --labels TABLE` gives its photo. A table
with neither barcodes nor photos is read for its ids and names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import Skip, Specimen
from clibd_cli.io.barcodes import is_fasta, read_barcodes
from clibd_cli.io.columns import BARCODE_IDS, FILES, IDS, SEQUENCE, SPECIMEN
from clibd_cli.io.labels import LabelTable, Unmatched
from clibd_cli.io.names import UniqueIds, Warn, printable
from clibd_cli.io.photo_files import PHOTO_SUFFIXES
from clibd_cli.io.ranks import RankColumns, id_reader
from clibd_cli.io.streams import BrokenInputError, check_readable, first_line, read_lines
from clibd_cli.io.tables import Row, Table
from clibd_cli.training.units import Collection


@dataclass(frozen=True, slots=True)
class Source:
    """An input and what it holds; `rows` are photos, or names where there is nothing else."""

    name: str
    barcodes: bool
    rows: bool


def look_at(names: Sequence[str]) -> list[Source]:
    """What each file holds, by its first line; `-` holds barcodes.

    Raises:
        ClibdError: where one is missing, or is neither FASTA nor a table with ids.
    """
    check_readable(names)
    return [Source(name, True, False) if name == "-" else _look_at(name) for name in names]


def read_into(
    collection: Collection,
    sources: Sequence[Source],
    labels: LabelTable | None,
    min_bases: int,
    warn: Warn,
) -> Iterator[Specimen | Skip]:
    """Put all specimens of `sources` into `collection`; each is passed on, and so are skips.

    A row whose barcode cannot be used is kept where it names a photo.
    """
    read_twice = tuple(f"{printable(s.name)}#" for s in sources if s.barcodes and s.rows)
    held: list[Skip] = []
    barcodes = [source.name for source in sources if source.barcodes]
    alone = any(source.barcodes and not source.rows for source in sources)
    whole_ids = _ids_with_spaces(sources) if alone else frozenset()
    for record in read_barcodes(barcodes, labels, min_bases, warn, whole_ids):
        if isinstance(record, Specimen):
            collection.add(record)
        elif record.specimen_id and record.source.startswith(read_twice):
            held.append(record)
            continue
        yield record
    had_barcodes, meet = len(collection), False
    first: list[str] = []
    for record in _read_rows(sources, labels, warn):
        if isinstance(record, Specimen):
            meet = meet or collection.has_barcode(record.specimen_id)
            if len(first) < 3:
                first.append(record.specimen_id)
            collection.add(record)
        yield record
    if had_barcodes and first and not meet:
        tables = ", ".join(printable(source.name) for source in sources if source.rows)
        warn(
            f"no barcode has an id of {tables} (which has {', '.join(first)}): they are taken "
            "for different specimens"
        )
    yield from (skip for skip in held if skip.specimen_id not in collection)


def _ids_with_spaces(sources: Sequence[Source]) -> frozenset[str]:
    """The ids in tables beside FASTA files that a FASTA header must not be cut for."""
    found: set[str] = set()
    for source in sources:
        if source.rows:
            rows = _RowReader(source, None, UniqueIds(), Unmatched(None, "rows"))
            with suppress(BrokenInputError):  # told when the rows themselves are read
                ids = (row.specimen_id for row in rows if isinstance(row, Specimen))
                found.update(name for name in ids if " " in name)
    return frozenset(found)


def _look_at(name: str) -> Source:
    first, _ = first_line(read_lines(name))
    if first is None:
        raise ClibdError(f"{printable(name)} is empty", "Give a table, or FASTA.")
    if is_fasta(first):
        return Source(name, True, False)
    table = Table(iter([first]), printable(name))
    barcodes = table.find(SEQUENCE) is not None and bool(table.find_all(BARCODE_IDS))
    rows = bool(table.find_all(FILES) or (table.find_all(IDS) and not barcodes))
    if not (barcodes or rows):
        raise ClibdError(
            f"{table.name} has no column with ids ({', '.join(IDS)}) or photos "
            f"({', '.join(FILES)}). Columns found: {table.describe()}",
            "Rename the columns, or give another table.",
        )
    return Source(name, barcodes, rows)


def _read_rows(
    sources: Sequence[Source], labels: LabelTable | None, warn: Warn
) -> Iterator[Specimen | Skip]:
    """The photos and names in all tables, with ids that are unique among the photos."""
    ids, unmatched = UniqueIds(), Unmatched(labels, "rows")
    for source in sources:
        if not source.rows:
            continue
        try:
            for record in _RowReader(source, labels, ids, unmatched):
                # Skips of a table that has been read for its barcodes have been told.
                if isinstance(record, Specimen) or not source.barcodes:
                    yield record
        except BrokenInputError as error:
            if not source.barcodes:
                reason = f"{error.message}; records from there on are lost"
                yield Skip(printable(source.name), "", reason)
    ids.report("photos", warn)
    unmatched.report(warn)


class _RowReader:
    """The rows of a table as specimens: those with a file are photos, others are names."""

    def __init__(
        self, source: Source, labels: LabelTable | None, ids: UniqueIds, unmatched: Unmatched
    ) -> None:
        self._table = table = Table(read_lines(source.name), printable(source.name))
        self._ranks = RankColumns(table)
        self._files_of = id_reader(table.find_all(FILES))
        self._own_ids_of = id_reader(table.find_all(BARCODE_IDS if source.barcodes else SPECIMEN))
        self._ids_of = id_reader(table.find_all(IDS))
        self._only_photos = source.barcodes
        self._labels, self._ids, self._unmatched = labels, ids, unmatched

    def __iter__(self) -> Iterator[Specimen | Skip]:
        for row in self._table:
            record = row if isinstance(row, Skip) else self._specimen(row)
            if record is not None:
                yield record

    def _specimen(self, row: Row) -> Specimen | Skip | None:
        files, own, others = (
            read(row.cells) for read in (self._files_of, self._own_ids_of, self._ids_of)
        )
        if self._only_photos and not (files and own):
            return None
        names = (*own, *(map(_photo_id, files)), *others)
        source = f"{self._table.name}#{names[0] if names else f'line {row.line}'}"
        if not names:
            return Skip(source, "", "the row has neither an id nor a photo")
        label = None
        if self._labels is not None:
            label = self._labels.find(*own, *files, *others)
            self._unmatched.count(names[0], label)
        specimen_id = (label.specimen_id if label else None) or names[0]
        return Specimen(
            specimen_id=self._ids.take(specimen_id) if files else specimen_id,
            modality="image" if files else "text",
            content=files[0] if files else "",
            source=source,
            lineage=(label.lineage if label else None) or self._ranks.lineage(row.cells),
            bin_uri=(label.bin_uri if label else None) or self._ranks.bin_uri(row.cells),
        )


def _photo_id(file: str) -> str:
    """`./plate1\\A01.jpg` as `embed` calls it where its folder is that of the table."""
    parts = PurePosixPath(file.replace("\\", "/")).parts
    path = PurePosixPath(*(part for part in parts if part not in ("..", "/")))
    if path.suffix.lower() in PHOTO_SUFFIXES:
        path = path.with_suffix("")
    return os.fspath(path)
