"""Results as Darwin Core: an occurrence and its identification for each specimen.

Terms are those of https://dwc.tdwg.org/list/ (2023-09-18 and later). Nothing is invented: what
neither the results nor the user says stays empty. Where and when a specimen was collected is for
the lab to add, by `materialEntityID`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from clibd_cli.core.flags import FLAGS, NEW_SPECIES
from clibd_cli.core.lineage import RANKS
from clibd_cli.io.result_rows import ResultRow
from clibd_cli.io.scientific_names import SpeciesName, is_genus, take_apart

DWC = "http://rs.tdwg.org/dwc/terms/"

HIGHER_RANKS = ("kingdom", "phylum", "class")
"""Ranks that clibd does not name: they are the same for all specimens, if the user says so."""

TAXON_TERMS = (
    "scientificName", "taxonRank", "kingdom", "phylum", "class", "order", "family", "genus",
    "specificEpithet", "infraspecificEpithet",
)  # fmt: skip
IDENTIFICATION_TERMS = (
    "verbatimIdentification", "identificationQualifier", "identificationVerificationStatus",
    "identifiedBy", "dateIdentified", "identificationRemarks",
)  # fmt: skip
OCCURRENCE_TERMS = (
    "occurrenceID", "basisOfRecord", "occurrenceStatus", "materialEntityID", *TAXON_TERMS,
    *IDENTIFICATION_TERMS, "previousIdentifications", "associatedMedia", "associatedSequences",
    "occurrenceRemarks",
)  # fmt: skip
DNA_TERMS = ("DNA_sequence", "target_gene")
"""Of GBIF's extension for DNA-derived data; further columns of the flat table with barcodes."""

BASES_OF_RECORD = (
    "MaterialSample", "MaterialEntity", "PreservedSpecimen", "LivingSpecimen", "MachineObservation",
    "HumanObservation", "MaterialCitation", "Occurrence",
)  # fmt: skip

UNVERIFIED = "unverified"
"""HISPID's and ABCD's word for an identification that no person has confirmed (their value 0)."""

INCERTAE_SEDIS = "incertae sedis"

_REMARKS = {flag.word: flag.remark for flag in FLAGS if flag.remark}
"""What flags say of the specimen and its barcode; the others speak of the identification."""


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """What is the same for all specimens of an export.

    Attributes:
        identified_by: who or what identified them.
        date_identified: ISO 8601 date; None where nobody knows.
        method: how they were identified, in words; empty where nobody knows.
        basis_of_record: for all of them; None decides by the evidence (`basis_of_record`).
        higher: their `kingdom`, `phylum`, `class`, as far as the user says.
        id_prefix: what makes the specimen ids unique in the world.
    """

    identified_by: str = "clibd"
    date_identified: str | None = None
    method: str = ""
    basis_of_record: str | None = None
    higher: Mapping[str, str] = field(default_factory=lambda: {"kingdom": "Animalia"})
    id_prefix: str = ""


@dataclass(frozen=True, slots=True)
class Barcode:
    """A specimen's sequence and the record that it was read from (`file#record`)."""

    sequence: str
    source: str


Cells = dict[str, str | None]
"""A row of a Darwin Core table, by term."""


def occurrence_row(row: ResultRow, facts: DatasetFacts, barcode: Barcode | None = None) -> Cells:
    """The occurrence of a specimen with its identification, under `OCCURRENCE_TERMS`.

    With a barcode, `DNA_TERMS` too.
    """
    evidence = str(row.get("evidence") or "")
    source = row.get("source")
    # The source of a row with a photo is the photo's.
    sequence = barcode.source if barcode else source if evidence == "dna" else None
    conflict = row.get("conflict")
    return {
        "occurrenceID": f"{facts.id_prefix}{row['specimen_id']}",
        "basisOfRecord": facts.basis_of_record or basis_of_record(evidence, barcode is not None),
        "occurrenceStatus": "present",
        "materialEntityID": row["specimen_id"],
        **taxon_cells(row, facts.higher),
        **_identification_cells(row, facts),
        "previousIdentifications": " | ".join(_answers(conflict)) if conflict else None,
        "associatedMedia": source if "image" in evidence else None,
        "associatedSequences": sequence,
        "occurrenceRemarks": "; ".join(_REMARKS[f] for f in _flags(row) if f in _REMARKS),
        "DNA_sequence": barcode.sequence if barcode else None,
        "target_gene": "COI" if barcode else None,
    }


def basis_of_record(evidence: str, has_barcode: bool = False) -> str:
    """What kind of record the evidence makes, claiming no more than it shows.

    A barcode was read from tissue: `MaterialSample`. A photo alone does not tell whether the animal
    was kept, and a machine has read it: `MachineObservation`. Labs that keep their specimens say so
    (`PreservedSpecimen`).
    """
    if has_barcode or "dna" in evidence:
        return "MaterialSample"
    return "MachineObservation" if "image" in evidence else "Occurrence"


def taxon_cells(row: ResultRow, higher: Mapping[str, str]) -> Cells:
    """`TAXON_TERMS`, `verbatimIdentification` and `identificationQualifier` of a row.

    The scientific name is that of the deepest rank that has one. A label that is no published name
    (`scientific_names`) stays in `verbatimIdentification`, and gives its genus, if it has one.
    """
    label = row.get("species")
    species = take_apart(label) if label else SpeciesName()
    genus = row.get("genus")
    if genus and not is_genus(genus):
        genus = None
    if species.name:
        genus = genus or species.name.split()[0]
    named = {**higher, **{rank: row.get(rank) for rank in ("order", "family")}, "genus": genus}
    name, rank = (species.name, species.rank) if species.name else _deepest(named)
    return {
        "scientificName": name,
        "taxonRank": rank,
        **{rank: named.get(rank) or None for rank in (*HIGHER_RANKS, "order", "family", "genus")},
        "specificEpithet": species.epithet,
        "infraspecificEpithet": species.infraspecific,
        "verbatimIdentification": next((row[r] for r in reversed(RANKS) if row.get(r)), None),
        "identificationQualifier": _qualifier(row, species),
    }


def identification_rows(row: ResultRow, occurrence: Cells, facts: DatasetFacts) -> Iterator[Cells]:
    """All identifications of a specimen: the current one, and each half of a conflict.

    Args:
        occurrence: what `occurrence_row` made of the same row.
    """
    yield {term: occurrence[term] for term in (*IDENTIFICATION_TERMS, *TAXON_TERMS)}
    for answer in _answers(row.get("conflict")):
        yield {
            "verbatimIdentification": answer,
            "identificationVerificationStatus": UNVERIFIED,
            "identifiedBy": facts.identified_by,
            "dateIdentified": facts.date_identified,
            "identificationRemarks": "one of two that contradict each other",
        }


def _deepest(named: Mapping[str, str | None]) -> tuple[str, str | None]:
    found = [(name, rank) for rank in (*HIGHER_RANKS, *RANKS) if (name := named.get(rank))]
    return found[-1] if found else (INCERTAE_SEDIS, None)


def _identification_cells(row: ResultRow, facts: DatasetFacts) -> Cells:
    return {
        "identificationVerificationStatus": UNVERIFIED,
        "identifiedBy": facts.identified_by,
        "dateIdentified": facts.date_identified,
        "identificationRemarks": "; ".join(_remarks(row, facts.method)),
    }


def _remarks(row: ResultRow, method: str) -> Iterator[str]:
    """What an expert needs in order to doubt the identification."""
    confidence = {rank: row.get(f"confidence_{rank}") for rank in RANKS}
    told = [f"{rank} {value:.4f}" for rank, value in confidence.items() if value is not None]
    if told:
        yield f"confidence: {', '.join(told)}"
    if row.get("nearest_id"):
        yield f"nearest reference: {', '.join(_nearest(row))}"
    if row.get("n_support") is not None:
        yield f"references in support: {row['n_support']}"
    if row.get("evidence"):
        yield f"evidence: {row['evidence']}"
    if flags := _flags(row):
        yield f"flags: {', '.join(flags)}"
    if method:
        yield method


def _nearest(row: ResultRow) -> Iterator[str]:
    species = row.get("nearest_species")
    yield f"{row['nearest_id']}{f' ({species})' if species else ''}"
    if row.get("nearest_similarity") is not None:
        yield f"cosine similarity {row['nearest_similarity']:.4f}"
    if row.get("identity") is not None:
        over = f" over {row['overlap_bp']} bp" if row.get("overlap_bp") is not None else ""
        yield f"identity {row['identity']:.4f}{over}"


def _flags(row: ResultRow) -> list[str]:
    return [flag.strip() for flag in str(row.get("flags") or "").split(";") if flag.strip()]


def _qualifier(row: ResultRow, species: SpeciesName) -> str | None:
    """The doubt in the label itself, else that of a suspected new species.

    "aff." is a species near to the one named, but another one.
    """
    if species.qualifier:
        return species.qualifier
    if NEW_SPECIES.word not in _flags(row):
        return None
    return f"aff. {species.epithet}" if species.epithet else "sp. nov.?"


def _answers(conflict: str | None) -> list[str]:
    """`image: A b; dna: C d` as two identifications."""
    return [answer.strip() for answer in (conflict or "").split(";") if answer.strip()]
