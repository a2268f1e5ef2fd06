"""The strand of an index's barcodes: learnt when it is built, used before a query is encoded."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

from clibd_cli.alignment.strand import FILE, Strand, reverse_complement
from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import Specimen
from clibd_cli.core.typed_json import BAD_JSON
from clibd_cli.vectors.header import check_file
from clibd_cli.vectors.index import ReferenceIndex

_SAMPLE = 2000
"""Barcodes that the table of words is made from."""


def learn_strand(folder: Path) -> dict[str, str]:
    """The file that tells the strand of the barcodes in an index; nothing where it has none."""
    index = ReferenceIndex(folder, barcodes=True)
    if not index.has_barcodes:
        return {}
    return {FILE: Strand.of(islice(index.barcodes(), _SAMPLE)).to_json()}


def read_strand(index: ReferenceIndex) -> Strand | None:
    """What the index knows of the strand of its barcodes.

    Raises:
        ClibdError: where the file is damaged.
    """
    if FILE not in index.header.sha256:
        return None
    path = check_file(index.folder, index.header, FILE)
    try:
        return Strand.from_json(path.read_text(encoding="utf-8"))
    except BAD_JSON as error:
        raise ClibdError(f"{path} is damaged: {error}", "Build the index anew.") from error


def turned(query: Specimen, strand: Strand | None) -> Specimen:
    """A specimen with its barcode on the strand of the references.

    What is no barcode on either strand, such as a run of one base, stays as it is.
    """
    if strand is None or query.modality != "dna" or not strand.is_reversed(query.content):
        return query
    other = reverse_complement(query.content)
    if strand.is_strange(other):
        return query
    return replace(query, content=other, turned=True)
