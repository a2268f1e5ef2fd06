"""What the flags of a result mean, and which ones are looked at first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tone = Literal["alert", "attention", "note"]


@dataclass(frozen=True, slots=True)
class Flag:
    """A word in the column `flags`.

    Attributes:
        tone: `alert` where the specimen or its data are in doubt, `attention` where the name is,
            `note` where the reader should only know.
        meaning: one sentence for people.
    """

    word: str
    tone: Tone
    meaning: str

    @property
    def label(self) -> str:
        """The word as people read it."""
        return self.word.replace("_", " ")


KNOWN = (
    Flag(
        "conflict",
        "alert",
        "Photo and barcode name different orders or families: a swapped well or a contamination.",
    ),
    Flag("chimera_suspected", "alert", "The two halves of the barcode resemble different species."),
    Flag("stop_codons", "alert", "Stop codons in every reading frame: perhaps a pseudogene."),
    Flag(
        "frame_shift",
        "alert",
        "The reading frame breaks against the reference: a pseudogene or sequencing errors.",
    ),
    Flag("far_from_references", "attention", "No reference resembles this specimen well."),
    Flag(
        "new_species_suspected",
        "attention",
        "Probably a species that the references do not hold.",
    ),
    Flag("few_references", "attention", "The name rests on very few reference specimens."),
    Flag("short_barcode", "attention", "The barcode is too short to tell close species apart."),
    Flag("reverse_complemented", "note", "The barcode was given backwards, and has been turned."),
)
"""The flags of `classify`, the gravest first."""

_BY_WORD = {flag.word: (place, flag) for place, flag in enumerate(KNOWN)}
_UNKNOWN_PLACE = len(KNOWN) - 1.5  # before what is only a note


def split_flags(cell: str | None) -> tuple[str, ...]:
    """The words of a cell, without repeats, the gravest first."""
    words = dict.fromkeys(word.strip() for word in (cell or "").split(";"))
    return tuple(sorted(filter(None, words), key=lambda word: (_place(word), word)))


def flag_of(word: str) -> Flag:
    """What is known of a flag; one that nobody knows asks for attention."""
    known = _BY_WORD.get(word)
    return known[1] if known else Flag(word, "attention", "")


def gravity(words: tuple[str, ...]) -> float:
    """Sorts rows: the gravest flag first, rows without a flag last."""
    return _place(words[0]) if words else float(len(KNOWN))


def _place(word: str) -> float:
    known = _BY_WORD.get(word)
    return known[0] if known else _UNKNOWN_PLACE
