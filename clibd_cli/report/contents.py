"""What a report shows: rows, the references near them, what was skipped, and counts of it all."""

from __future__ import annotations

from dataclasses import dataclass, field

Names = tuple[str | None, str | None, str | None, str | None]
"""Names at order, family, genus and species."""

Shares = tuple[float | None, float | None, float | None, float | None]
"""Confidences, 0 to 1, at order, family, genus and species."""


@dataclass(frozen=True, slots=True)
class NearReference:
    """One of the references nearest to a specimen.

    Attributes:
        similarity: cosine, -1 to 1.
        identity: share of equal bases in the overlap, 0 to 1; None without an alignment.
        n_specimens: reference specimens that share the vector.
        photo: the path of its photo, None where it is no photo.
    """

    key_id: str
    modality: str
    names: Names
    similarity: float | None = None
    identity: float | None = None
    overlap_bp: int | None = None
    bin_uri: str | None = None
    n_specimens: int | None = None
    source: str = ""
    photo: str | None = None


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One specimen of the results.

    Attributes:
        position: its place in the results, from 1.
        names: None below the deepest rank that the evidence supports.
        flags: the gravest first.
        conflict: both answers, in words, where photo and barcode contradict each other.
        photo, explanation: paths of pictures; the latter of where the encoder looked.
        nearest: the references nearest to it, the best first.
    """

    position: int
    specimen_id: str
    names: Names
    confidence: Shares = (None, None, None, None)
    nearest_id: str = ""
    nearest_species: str = ""
    similarity: float | None = None
    identity: float | None = None
    overlap_bp: int | None = None
    n_support: int | None = None
    evidence: str = ""
    flags: tuple[str, ...] = ()
    source: str = ""
    conflict: str = ""
    photo: str | None = None
    explanation: str | None = None
    nearest: tuple[NearReference, ...] = ()


@dataclass(frozen=True, slots=True)
class SkippedInput:
    """An input that could not be used."""

    source: str
    specimen_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Of the whole results, whatever the page shows of them.

    Attributes:
        named: specimens with a name, for each rank from order to species.
        flags: specimens by flag word.
        evidence: specimens by kind of evidence.
        skipped: inputs by reason.
    """

    n: int
    named: tuple[int, ...]
    flagged: int
    flags: dict[str, int] = field(default_factory=dict)
    evidence: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contents:
    """All that goes into a page.

    Attributes:
        title: what the report is of: the name of the results file.
        rows: those that the page shows, in their order there.
        skipped: those that the page lists.
        settings: what the reader should know of the run at first sight, name and value.
        provenance: the run log, flattened, name and value.
        notes: sentences on what was left out, and why.
    """

    title: str
    version: str
    counts: Counts
    rows: list[ReportRow]
    skipped: list[SkippedInput] = field(default_factory=list)
    settings: list[tuple[str, str]] = field(default_factory=list)
    provenance: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
