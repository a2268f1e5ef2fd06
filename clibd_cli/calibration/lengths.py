"""How much of a barcode a name rests on: short pieces are calibrated apart from whole barcodes.

What two differences mean depends on the bases that were compared. One curve for all lengths told
pieces of 30 to 100 bases a confidence of 0.93 in their family, and 63 to 90 % of them were right.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from clibd_cli.core.records import Hit

LEAST_BASES = (0, 50, 80, 160, 280, 450)
"""Where a calibration begins to hold: the usual fragments of 130, 157, 313 and 418 bases lie inside
the ranges."""

SHORTEST = 30
"""Bases of the shortest pieces that are asked."""

PIECES: tuple[tuple[int, int], ...] = tuple(
    (max(SHORTEST, least), below) for least, below in pairwise(LEAST_BASES)
)
"""Lengths of pieces to be asked, from and below; longer ones are as good as whole."""


def clear_bases(barcode: str) -> int:
    """How many bases of a barcode are not ambiguous."""
    return len(barcode.encode("ascii", "replace").translate(None, b"RYSWKMBDHVN"))


def bases_compared(barcode: str, hits: Sequence[Hit]) -> int:
    """How many bases the nearest of the hits shares with a barcode, or how many there are."""
    return (hits[0].overlap_bp if hits else None) or clear_bases(barcode)


def range_of(bases: int) -> int:
    """Where the range begins in which `bases` lie."""
    return max(least for least in LEAST_BASES if least <= bases)
