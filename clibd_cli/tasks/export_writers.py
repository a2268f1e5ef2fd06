"""The files of an export, opened: rows of results go in one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.io.names import Warn, shorten

if TYPE_CHECKING:
    from clibd_cli.io.barcode_lookup import BarcodeLookup
    from clibd_cli.io.darwin_core import DatasetFacts
    from clibd_cli.io.result_rows import ResultRow

    WriteRow = Callable[[ResultRow], None]


@contextmanager
def open_darwin_core(
    target: Path, facts: DatasetFacts, lookup: BarcodeLookup | None
) -> Iterator[WriteRow]:
    """One flat table: commas for `.csv`, tabs for any other suffix."""
    from clibd_cli.io.darwin_core import DNA_TERMS, OCCURRENCE_TERMS, occurrence_row
    from clibd_cli.io.writers import DelimitedWriter

    columns = dict.fromkeys((*OCCURRENCE_TERMS, *(DNA_TERMS if lookup else ())), str)
    delimiter = "," if target.suffix.lower() == ".csv" else "\t"
    with DelimitedWriter(target, columns, delimiter) as table:

        def write(row: ResultRow) -> None:
            barcode = lookup.find(row["specimen_id"]) if lookup else None
            table.write(occurrence_row(row, facts, barcode))

        yield write


@contextmanager
def open_darwin_core_archive(
    target: Path,
    facts: DatasetFacts,
    lookup: BarcodeLookup | None,
    compared: Mapping[str, str | None],
    title: str,
) -> Iterator[WriteRow]:
    """An archive of occurrences, the history of their identification, and their barcodes.

    Args:
        compared: how and with what barcodes were compared, by term of the DNA extension.
    """
    from clibd_cli.io.darwin_core import identification_rows, occurrence_row
    from clibd_cli.io.darwin_core_archive import (
        IDENTIFICATIONS,
        OCCURRENCES,
        SEQUENCES,
        open_archive,
    )

    extensions = [IDENTIFICATIONS, SEQUENCES] if lookup else [IDENTIFICATIONS]
    with open_archive(target, extensions, title, facts.identified_by) as tables:

        def write(row: ResultRow) -> None:
            barcode = lookup.find(row["specimen_id"]) if lookup else None
            cells = occurrence_row(row, facts, barcode)
            key = {"id": cells["occurrenceID"]}
            tables[OCCURRENCES.file].write({**key, **cells})
            for identification in identification_rows(row, cells, facts):
                tables[IDENTIFICATIONS.file].write({**key, **identification})
            if barcode:
                tables[SEQUENCES.file].write({**key, **compared, **cells})

        yield write


@contextmanager
def open_taxonomy_table(
    target: Path, columns: Mapping[str, type], higher: Mapping[str, str], warn: Warn
) -> Iterator[WriteRow]:
    """A taxonomy table under `columns`; what its readers will not take is told at the end."""
    from clibd_cli.io.taxonomy_table import QIIME_COLUMNS, taxonomy_row, will_be_lost
    from clibd_cli.io.writers import DelimitedWriter

    lost, deep = 0, False
    examples: list[str] = []
    id_column, taxon_column, _ = columns
    with DelimitedWriter(target, columns, "\t") as table:

        def write(row: ResultRow) -> None:
            nonlocal lost, deep
            cells = taxonomy_row(row, columns, higher)
            table.write(cells)
            deep = deep or ";" in cells[taxon_column]
            if will_be_lost(cells[id_column]):
                lost += 1
                if len(examples) < 3:
                    examples.append(cells[id_column])

        yield write
    if lost:
        told = f"specimen ids that QIIME 2 or biom will not find: {lost:,}"
        warn(f"{told} ({shorten(examples, lost)}); rename them, in the feature table, too")
    if columns == QIIME_COLUMNS and not deep:
        warn("no specimen has a name below the first rank, which QIIME 2 refuses to import")
