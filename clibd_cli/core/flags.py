"""The words in the column `flags`: what each of them means, the gravest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tone = Literal["alert", "attention", "note"]


@dataclass(frozen=True, slots=True)
class Flag:
    """A word that tells people where to look twice.

    Attributes:
        tone: `alert` where the specimen or its data are in doubt, `attention` where the name is,
            `note` where the reader should only know.
        meaning: one sentence for people.
        remark: what a published record says of the specimen; empty where the flag speaks of the
            name.
    """

    word: str
    tone: Tone
    meaning: str
    remark: str = ""

    @property
    def label(self) -> str:
        """The word as people read it."""
        return self.word.replace("_", " ")


CONFLICT = Flag(
    "conflict",
    "alert",
    "Photo and barcode name different orders or families: a swapped well or a contamination.",
    "photo and barcode disagree: possibly a swapped well or a contamination",
)
CHIMERA = Flag(
    "chimera_suspected",
    "alert",
    "Parts of the barcode are of different animals, or not in the order of its reference.",
    "parts of the barcode resemble different taxa, or are in another order: possibly a chimera",
)
STOP_CODONS = Flag(
    "stop_codons",
    "alert",
    "Stop codons in every reading frame: perhaps a pseudogene.",
    "the barcode has stop codons in all frames: possibly a pseudogene",
)
FRAME_SHIFT = Flag(
    "frame_shift",
    "alert",
    "Bases lost or gained beside a close reference: a pseudogene or sequencing errors.",
    "the barcode has a frame shift: possibly a pseudogene",
)
NEAR_EMPTY = Flag(
    "near_empty_photo",
    "alert",
    "Next to nothing is in the photo: an empty well, or a specimen out of focus or at the rim.",
    "next to nothing is in the photo",
)
FAR = Flag(
    "far_from_references",
    "attention",
    "Nearer to nothing than one new species in fifty, or no barcode of this gene.",
)
NEW_SPECIES = Flag(
    "new_species_suspected",
    "attention",
    "The genus is named, and the species is probably none of the references'.",
)
FEW = Flag("few_references", "attention", "A single reference specimen carries the name.")
SHORT_BARCODE = Flag(
    "short_barcode",
    "attention",
    "Fewer than 500 bases: close species may look the same.",
    "the barcode is short",
)
REVERSED = Flag(
    "reverse_complemented",
    "note",
    "The barcode was read from the other strand, and has been turned.",
    "the barcode was given as reverse complement",
)

FLAGS = (
    CONFLICT,
    CHIMERA,
    STOP_CODONS,
    FRAME_SHIFT,
    NEAR_EMPTY,
    FAR,
    NEW_SPECIES,
    FEW,
    SHORT_BARCODE,
    REVERSED,
)
"""All that `classify` gives, the gravest first."""
