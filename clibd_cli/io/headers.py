"""FASTA headers: who the specimen is, what it is called, and which marker was sequenced.

BOLD writes `PROCESSID|taxon|MARKER|GENBANK` in any order, and the taxon may hold spaces: a header
with a `|` is never split at a space. SINTAX writes `ID;tax=o:…,s:…;`, QIIME and UNITE
`ID o__…;s__…`. Of any other header the first word is the id.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from clibd_cli.core.lineage import RANKS, UNLABELLED, Lineage, clean_text
from clibd_cli.io.taxonomy import lineage_of_name, lineage_of_parts

MAX_HEADER = 2_000
"""Characters of a header that are read; beyond, there is no sense in it."""

BARCODE_MARKERS = frozenset({"COI-5P", "COI5P", "COI", "COXI", "COX1", "CO1", "MT-CO1", "COX-1"})
"""Names of the region that the models read. COI-3P is the other end of the gene."""

_OTHER_MARKERS_TEXT = """
    COI-3P COI-PSEUDO COI-LIKE COI-5PNMT1 COII COXII COX2 COIII COXIII COX3 CYTB CYT-B ND1 ND2
    ND4 ND5 ND6 ATP6 12S 16S 18S 18S-3P 18S-V4 18S-5P 28S 28S-D2 28S-D3 28S-D9-D10 5.8S
    ITS ITS1 ITS2
    MATK RBCL RBCLA TRNH-PSBA TRNL-F TRNL EF1-ALPHA EF1A WNT1 RPB1 RPB2 H3 H3-NUMT RAG1 RAG2
    TUFA UPA D-LOOP DLOOP ARGKIN GAPDH IDH MDH RPS5 PGI TPI TULP
"""
_MARKERS = BARCODE_MARKERS | frozenset(_OTHER_MARKERS_TEXT.split())
_PROCESS_ID = re.compile(r"[A-Z]{3,8}\d{1,7}-\d\d")
_BIN = re.compile(r"BOLD:[A-Z]{3}\d{4}")
_ACCESSION = re.compile(r"[A-Z]{1,6}_?\d{5,10}(?:\.\d+)?(?:-SUPPRESSED)?")
_NCBI = ("gi|", "gb|", "ref|", "emb|", "dbj|", "lcl|", "gnl|")
_SINTAX = re.compile(r";\s*tax=")
_QIIME = re.compile(r"(?:^|[\s|;])[dkpcofgs]__")
_SIZE = re.compile(r";size=\d+;?")


@dataclass(frozen=True, slots=True)
class Header:
    """What a FASTA header says.

    Attributes:
        specimen_id: "" where the header is empty.
        marker: the marker as written, or None where none is named.
        aliases: other forms of the id, by which a table of labels may know the record.
    """

    specimen_id: str
    lineage: Lineage = UNLABELLED
    bin_uri: str | None = None
    marker: str | None = None
    aliases: tuple[str, ...] = ()


def read_header(text: str) -> Header:
    """Read a header line without its `>`."""
    text = text[:MAX_HEADER]
    if "tax=" in text and (tax := _SINTAX.search(text)):
        return _plain(text[: tax.start()], lineage_of_parts(text[tax.end() :]))
    if "__" in text and (tax := _QIIME.search(text)):
        first_field = text[: tax.start()].split("|")[0].rstrip("; ")
        return _plain(first_field, lineage_of_parts(text[tax.start() :]))
    if "|" in text and not text.startswith(_NCBI):
        return _bold(text)
    return _plain(text, UNLABELLED)


def is_barcode_marker(marker: str) -> bool:
    """Whether `marker` names the part of COI that the models read."""
    return marker.strip().upper() in BARCODE_MARKERS


def _plain(text: str, lineage: Lineage) -> Header:
    text = _SIZE.sub("", clean_text(text))
    return _with_id((text.split() or [""])[0], lineage)


def _bold(text: str) -> Header:
    fields = [field.strip() for field in clean_text(text).split("|")]
    marker = next((field for field in fields if _is_marker(field)), None)
    bin_uri = process_id = None
    others = []
    for field in fields:
        if bin_uri is None and _BIN.fullmatch(field):
            bin_uri = field
        elif process_id is None and _PROCESS_ID.fullmatch(field.split(".", 1)[0]):
            process_id = field
        elif field and field != marker:
            others.append(field)
    specimen_id = process_id or (others.pop(0) if others else "")
    taxa = tuple(field for field in others if not _ACCESSION.fullmatch(field))
    lineage = _lineage(taxa, trusted=bool(marker or bin_uri or process_id))
    return _with_id(specimen_id, lineage, bin_uri, marker)


def _with_id(
    written: str, lineage: Lineage, bin_uri: str | None = None, marker: str | None = None
) -> Header:
    """BOLD's record id `ABGEN939-20.COI-5P` is the process id `ABGEN939-20` and the marker."""
    first, _, last = written.partition(".")
    if last and _is_marker(last) and _PROCESS_ID.fullmatch(first):
        return Header(first, lineage, bin_uri, marker or last, (written,))
    return Header(written, lineage, bin_uri, marker)


@lru_cache(maxsize=1 << 14)
def _lineage(fields: tuple[str, ...], trusted: bool) -> Lineage:
    """The names in all fields together, a species first, a lone word (which may be a place) last.

    Where nothing else speaks for BOLD, a lone word is no genus.
    """
    found = [_taxon(field) for field in fields]
    strong = [lineage for lineage in found if lineage and lineage.deepest != "genus"]
    weak = [lineage for lineage in found if lineage.deepest == "genus"]
    labels: dict[str, str] = {}
    for lineage in [*strong, *(weak[:1] if trusted else [])]:
        for rank in RANKS:
            labels[rank] = labels.get(rank) or lineage.at(rank) or ""
    return Lineage.from_labels(labels) if labels else UNLABELLED


def _taxon(field: str) -> Lineage:
    return lineage_of_name(field if " " in field else field.replace("_", " "))


def _is_marker(field: str) -> bool:
    return field.upper() in _MARKERS
