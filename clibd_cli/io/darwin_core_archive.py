"""A Darwin Core archive: tables in a zip, with `meta.xml` that says what their columns are.

The format is https://dwc.tdwg.org/text/; row types and terms of the extensions are those of
https://rs.gbif.org/extensions.html (identification history of 2025-07-10, DNA derived data of
2024-07-11). The same tables give the same bytes: no entry bears a time.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO
from xml.sax.saxutils import escape, quoteattr
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from clibd_cli.core.atomic import atomic_path
from clibd_cli.io.darwin_core import (
    DWC,
    IDENTIFICATION_TERMS,
    OCCURRENCE_TERMS,
    TAXON_TERMS,
)
from clibd_cli.io.writers import DelimitedRows

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold."""

DNA_URIS = {
    "DNA_sequence": "http://rs.gbif.org/terms/dna_sequence",
    "target_gene": "https://w3id.org/mixs/0000044",
    "otu_seq_comp_appr": "https://w3id.org/mixs/0000086",
    "otu_db": "https://w3id.org/mixs/0000087",
}
"""Terms of GBIF's DNA extension; the last two say how and with what the barcode was compared."""


@dataclass(frozen=True, slots=True)
class ArchiveTable:
    """A table of the archive.

    Attributes:
        row_type: the class of its rows.
        terms: name and URI of each column but the first, which is `id`.
    """

    file: str
    row_type: str
    terms: Mapping[str, str]

    @property
    def columns(self) -> dict[str, type]:
        """The columns in their order, all of them text."""
        return dict.fromkeys(("id", *self.terms), str)


def _dwc(terms: Sequence[str]) -> dict[str, str]:
    return {term: DWC + term for term in terms}


OCCURRENCES = ArchiveTable("occurrence.txt", f"{DWC}Occurrence", _dwc(OCCURRENCE_TERMS))
IDENTIFICATIONS = ArchiveTable(
    "identification.txt",
    f"{DWC}Identification",
    _dwc((*IDENTIFICATION_TERMS, *TAXON_TERMS)),
)
SEQUENCES = ArchiveTable(
    "dnaderiveddata.txt", "http://rs.gbif.org/terms/1.0/DNADerivedData", DNA_URIS
)


@contextmanager
def open_archive(
    path: Path, extensions: Sequence[ArchiveTable], title: str, contact: str
) -> Iterator[dict[str, DelimitedRows]]:
    """A writer of rows for each table, by its file; the archive is made at the end of the block.

    Tables wait on the disk, so that an archive may be longer than memory.

    Args:
        extensions: the tables beside the occurrences.
        title, contact: of the data set, for `eml.xml`; whoever publishes it completes that file.
    """
    tables = (OCCURRENCES, *extensions)
    with atomic_path(path) as partial, TemporaryDirectory(prefix="clibd-") as folder:
        files: list[IO[str]] = []
        try:
            for table in tables:
                files.append((Path(folder) / table.file).open("w", encoding="utf-8", newline=""))
            yield {
                table.file: DelimitedRows(file, table.columns, "\t")
                for table, file in zip(tables, files, strict=True)
            }
        finally:
            for file in files:
                file.close()
        with ZipFile(partial, "w", ZIP_DEFLATED) as archive:
            _add_text(archive, "meta.xml", meta_xml(tables))
            _add_text(archive, "eml.xml", eml_xml(title, contact))
            for table in tables:
                entry = _entry(table.file)
                with (
                    (Path(folder) / table.file).open("rb") as source,
                    archive.open(entry, "w", force_zip64=True) as target,
                ):
                    shutil.copyfileobj(source, target, 1 << 20)


def meta_xml(tables: Sequence[ArchiveTable]) -> str:
    """What is in the archive: the core, the extensions, and the term behind each column."""
    core, *extensions = tables
    parts = [_table_xml("core", "id", core)]
    parts += [_table_xml("extension", "coreid", table) for table in extensions]
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<archive xmlns="http://rs.tdwg.org/dwc/text/" metadata="eml.xml">\n'
        f"{''.join(parts)}</archive>\n"
    )


def _table_xml(kind: str, key: str, table: ArchiveTable) -> str:
    fields = "".join(
        f'    <field index="{place}" term={quoteattr(uri)}/>\n'
        for place, uri in enumerate(table.terms.values(), 1)
    )
    return (
        f'  <{kind} encoding="UTF-8" fieldsTerminatedBy="\\t" linesTerminatedBy="\\n" '
        f'fieldsEnclosedBy=\'"\' ignoreHeaderLines="1" rowType={quoteattr(table.row_type)}>\n'
        f"    <files><location>{table.file}</location></files>\n"
        f'    <{key} index="0"/>\n{fields}  </{kind}>\n'
    )


def eml_xml(title: str, contact: str) -> str:
    """A data set's description with the least that EML asks for."""
    who = f"<organizationName>{escape(contact)}</organizationName>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<eml:eml xmlns:eml="https://eml.ecoinformatics.org/eml-2.2.0" packageId="clibd-export" '
        'system="clibd" scope="system" xml:lang="en">\n'
        "  <dataset>\n"
        f'    <title xml:lang="en">{escape(title)}</title>\n'
        f"    <creator>{who}</creator>\n"
        "    <abstract><para>Specimens identified by clibd from photos and COI barcodes. No person "
        "has verified the identifications unless the data say so.</para></abstract>\n"
        f"    <contact>{who}</contact>\n"
        "  </dataset>\n"
        "</eml:eml>\n"
    )


def _add_text(archive: ZipFile, name: str, text: str) -> None:
    archive.writestr(_entry(name), text.encode("utf-8", "replace"))


def _entry(name: str) -> ZipInfo:
    entry = ZipInfo(name, _EPOCH)
    entry.compress_type = ZIP_DEFLATED
    entry.create_system = 3  # the same on every system
    entry.external_attr = 0o644 << 16
    return entry
