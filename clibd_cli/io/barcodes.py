"""Barcodes from FASTA files and tables, as a stream of specimens and skips.

The source of a specimen is `FILE#ID`. A skip tells the place in the file, for its id may come again
or be missing: `FILE#record N` in FASTA, `FILE#line N` in a table, from 1.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.lineage import Lineage, clean_label, clean_text
from clibd_cli.core.records import Skip, Specimen
from clibd_cli.io.columns import BARCODE_IDS, FILES, IDS, MARKER, SEQUENCE
from clibd_cli.io.fasta import read_fasta
from clibd_cli.io.headers import is_barcode_marker, read_header
from clibd_cli.io.labels import LabelTable, Unmatched
from clibd_cli.io.names import StrPath, UniqueIds, Warn, ignore, printable
from clibd_cli.io.ranks import RankColumns, id_reader
from clibd_cli.io.sequences import MIN_BASES, clean_barcode, why_unusable
from clibd_cli.io.streams import BrokenInputError, check_readable, first_line, read_lines
from clibd_cli.io.tables import Table

_LONGEST_MISSING = 20
"""A cell longer than this is no way of writing "missing"."""


class _Record(NamedTuple):
    """A record as its file gives it.

    Attributes:
        ids: the specimen's own id first.
        source: by its id, `place`: by its number in the file.
    """

    ids: tuple[str, ...]
    source: str
    place: str
    raw: str
    lineage: Lineage
    bin_uri: str | None
    marker: str | None


def read_barcodes(
    inputs: Iterable[StrPath],
    labels: LabelTable | None = None,
    min_bases: int = MIN_BASES,
    warn: Warn = ignore,
    whole_ids: Container[str] = (),
) -> Iterator[Specimen | Skip]:
    """The barcodes in `inputs`, in order: one specimen or skip for each record.

    Args:
        inputs: FASTA files or tables with an id and a sequence column, told apart by content,
            plain or compressed; `-` is the standard input.
        labels: what it says of a record replaces the id, lineage and BIN in the record's file;
            ranks that it does not name are taken from the file where the two agree.
        min_bases: how many A, C, G and T a barcode must have.
        warn: told once, at the end, of repeated ids and of records without a label.
        whole_ids: ids that may hold spaces. A FASTA header that is one of them, or an id of
            `labels`, is the record's id as it stands; of any other the first word is.

    Ids are unique in the whole run: the first record keeps its id, later ones become `id#2` ...
    A file without a record is one skip.

    Raises:
        ClibdError: before the first record where a file is missing, and at the file where one
            is neither FASTA nor such a table.
    """
    names = [inputs] if isinstance(inputs, (str, os.PathLike)) else list(inputs)
    check_readable(names)
    ids = UniqueIds()
    # Of a table that labels photo files alone, no barcode expects anything.
    unmatched = Unmatched(labels if labels and labels.knows_ids else None, "barcodes")
    for name in names:
        for record in _read_file(name, partial(_is_id, labels, whole_ids)):
            if isinstance(record, Skip):
                yield record
                continue
            result = _judged(record, labels, min_bases, ids, unmatched)
            yield result
    ids.report("barcodes", warn)
    unmatched.report(warn)


def is_fasta(first: str) -> bool:
    """Whether a file is FASTA, by its first line that is not blank.

    A comment (`;`) may begin one; so may the nameless first column of a table.
    """
    line = first.lstrip()
    if line.startswith(";"):
        return not Table(iter([line]), "").find_all((*SEQUENCE, *IDS, *FILES))
    return line.startswith(">")


def _is_id(labels: LabelTable | None, whole_ids: Container[str], text: str) -> bool:
    return text in whole_ids or (labels is not None and labels.knows_id(text))


def _judged(
    record: _Record,
    labels: LabelTable | None,
    min_bases: int,
    ids: UniqueIds,
    unmatched: Unmatched,
) -> Specimen | Skip:
    if not record.ids:
        return Skip(record.place, "", "the record has no id")
    barcode = clean_barcode(record.raw)
    reason = _wrong_marker(record.marker) or why_unusable(barcode, min_bases)
    if reason:
        return Skip(record.place, record.ids[0], reason)
    specimen_id, lineage, bin_uri = record.ids[0], record.lineage, record.bin_uri
    if labels is not None:
        label = labels.find(*record.ids)
        unmatched.count(specimen_id, label)
        if label:
            specimen_id = label.specimen_id or specimen_id
            lineage = label.lineage.completed_by(lineage)
            bin_uri = label.bin_uri or bin_uri
    return Specimen(ids.take(specimen_id), "dna", barcode, record.source, lineage, bin_uri)


def _wrong_marker(marker: str | None) -> str | None:
    if marker is None or is_barcode_marker(marker):
        return None
    if marker.upper().startswith("COI-"):
        return f"marker {marker} is not the barcode region of COI (COI-5P)"
    return f"marker {marker} is not COI"


def _read_file(name: StrPath, is_id: Callable[[str], bool]) -> Iterator[_Record | Skip]:
    shown = "stdin" if os.fspath(name) == "-" else printable(name)
    empty = True
    try:
        for record in _parsed(read_lines(name), shown, is_id):
            empty = False
            yield record
    except BrokenInputError as error:
        yield Skip(shown, "", f"{error.message}; records from there on are lost")
    else:
        if empty:
            yield Skip(shown, "", "no records")


def _parsed(
    lines: Iterator[str], name: str, is_id: Callable[[str], bool]
) -> Iterator[_Record | Skip]:
    first, rest = first_line(lines)
    if first is None:
        return iter(())
    if is_fasta(first):
        return _fasta_records(rest, name, is_id)
    if first.lstrip().startswith("@"):
        raise ClibdError(
            f"{name} looks like FASTQ", "Convert it to FASTA first: seqkit fq2fa, or vsearch."
        )
    return _table_records(Table(rest, name))


def _fasta_records(
    lines: Iterable[str], name: str, is_id: Callable[[str], bool]
) -> Iterator[_Record]:
    for number, (title, letters) in enumerate(read_fasta(lines), 1):
        header = read_header(title)
        if " " in title and is_id(whole := clean_text(title)):
            header = replace(header, specimen_id=whole, aliases=())
        ids = (header.specimen_id, *header.aliases) if header.specimen_id else ()
        source, place = f"{name}#{ids[-1] if ids else ''}", f"{name}#record {number}"
        yield _Record(ids, source, place, letters, header.lineage, header.bin_uri, header.marker)


def _table_records(table: Table) -> Iterator[_Record | Skip]:
    id_columns, sequence = table.find_all(BARCODE_IDS), table.find(SEQUENCE)
    if sequence is None or not id_columns:
        raise _no_barcodes(
            table, "no column with sequences" if id_columns else "no column with ids"
        )
    ids_of, ranks, marker = id_reader(id_columns), RankColumns(table), table.find(MARKER)
    for row in table:
        if isinstance(row, Skip):
            yield row
            continue
        ids, raw = ids_of(row.cells), row.cells[sequence]
        if len(raw) <= _LONGEST_MISSING and not clean_label(raw):
            raw = ""
        yield _Record(
            ids,
            f"{table.name}#{ids[0] if ids else ''}",
            f"{table.name}#line {row.line}",
            raw,
            ranks.lineage(row.cells),
            ranks.bin_uri(row.cells),
            None if marker is None or not raw else clean_label(row.cells[marker]),
        )


def _no_barcodes(table: Table, what: str) -> ClibdError:
    return ClibdError(
        f"{table.name} has {what}: it is neither FASTA (no '>' at its start) nor a table with an "
        f"id ({', '.join(BARCODE_IDS[:6])} ...) and a sequence ({', '.join(SEQUENCE)}). "
        f"Columns found: {table.describe()}",
        "Give FASTA, or rename the columns.",
    )
