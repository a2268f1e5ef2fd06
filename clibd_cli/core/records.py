"""What flows through clibd: specimens in, hits and calls out, skips beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from clibd_cli.core.lineage import UNLABELLED, Lineage

Modality = Literal["image", "dna", "text"]
MODALITIES: tuple[Modality, ...] = ("image", "dna", "text")


@dataclass(frozen=True, slots=True)
class Specimen:
    """One thing to embed.

    Attributes:
        specimen_id: unique within its modality in one run; a photo and a barcode of the same
            animal share it.
        content: what the encoder reads: the path of the photo, the cleaned barcode (upper case,
            no gaps), or the taxonomic words.
        source: where it came from, for people: a path, or `file#record`.
        turned: whether the barcode was read from the other strand, and `content` turns it round.
        near_empty: whether next to nothing is in the photo, where that was looked at.
    """

    specimen_id: str
    modality: Modality
    content: str
    source: str
    lineage: Lineage = UNLABELLED
    bin_uri: str | None = None
    turned: bool = False
    near_empty: bool = False


@dataclass(frozen=True, slots=True)
class Skip:
    """An input that could not be used, and why. It is data: counted and written, never raised."""

    source: str
    specimen_id: str
    reason: str

    def __str__(self) -> str:
        known = not self.specimen_id or self.specimen_id in self.source
        name = "" if known else f" ({self.specimen_id})"
        return f"{self.source}{name}: {self.reason}"


class Hit(NamedTuple):
    """One key that a query found: a unique vector of the index and its specimens.

    A tuple is made four times as fast as a frozen dataclass, and each query makes forty.

    Attributes:
        similarity: cosine, -1 to 1.
        labels: each distinct lineage among the key's specimens, with its number of specimens.
        specimen_id, lineage: of the specimen that speaks for the key: among the most completely
            named, the first with the commonest lineage.
        identity: equal bases among those that query and key share, 0 to 1, and
        overlap_bp: how many those are; None where nothing was aligned.
    """

    vector: int
    modality: Modality
    similarity: float
    specimen_id: str
    lineage: Lineage
    bin_uri: str | None
    source: str
    labels: tuple[tuple[Lineage, int], ...]
    identity: float | None = None
    overlap_bp: int | None = None

    def aligned(self, identity: float, overlap_bp: int) -> Hit:
        """This hit beside the query, base by base; faster than `_replace`."""
        return Hit(
            self.vector,
            self.modality,
            self.similarity,
            self.specimen_id,
            self.lineage,
            self.bin_uri,
            self.source,
            self.labels,
            identity,
            overlap_bp,
        )

    @property
    def n_specimens(self) -> int:
        """How many reference specimens share this vector."""
        return sum(count for _, count in self.labels)


@dataclass(frozen=True, slots=True)
class Call:
    """What clibd says about one specimen: one row of the results.

    Attributes:
        lineage: empty below the rank that the evidence supports.
        confidence: 0 to 1 for each rank that is named, None elsewhere.
        n_support: reference specimens among the neighbours that carry the deepest name.
        evidence: `image`, `dna`, `text` or `image+dna`.
        conflict: what photo and barcode say, where they contradict each other.
        near: the nearest references of each kind of evidence, best first, those of a photo before
            those of a barcode.
        photo: the path of its photo, as it was opened; empty where there is none.
        explanation: the path of a picture of where the encoder looked, from the results' folder.
    """

    specimen_id: str
    lineage: Lineage
    confidence: dict[str, float | None]
    nearest: Hit | None
    n_support: int
    evidence: str
    source: str
    flags: tuple[str, ...] = ()
    conflict: str = ""
    near: tuple[Hit, ...] = ()
    photo: str = ""
    explanation: str = ""
