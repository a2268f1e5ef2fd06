"""The identity of two barcodes that differ in their ends, without gaps between."""

from __future__ import annotations

from collections import Counter

_WORD = 12
_STEP = 3
LEAST_OVERLAP = 150
"""Bases that two barcodes must share places of, before their identity says anything."""


def ungapped_identity(a: str, b: str) -> float | None:
    """The share of equal bases over the overlap of two cleaned barcodes, 0 to 1.

    They are laid beside each other where most of their words of 12 letters coincide; COI barcodes
    of arthropods rarely need a gap. Letters other than A, C, G and T do not count. None where
    they share no word, or fewer than `LEAST_OVERLAP` bases.
    """
    import numpy as np

    shift = _shift(a, b)
    if shift is None:
        return None
    start_a, start_b = max(0, shift), max(0, -shift)
    n = min(len(a) - start_a, len(b) - start_b)
    x = np.frombuffer(a[start_a : start_a + n].encode("ascii"), np.uint8)
    y = np.frombuffer(b[start_b : start_b + n].encode("ascii"), np.uint8)
    bases = np.frombuffer(b"ACGT", np.uint8)
    known = np.isin(x, bases) & np.isin(y, bases)
    overlap = int(known.sum())
    return float((x == y)[known].mean()) if overlap >= LEAST_OVERLAP else None


def _shift(a: str, b: str) -> int | None:
    """How far `b` begins within `a` (before it, where negative)."""
    if len(a) == len(b) and sum(x == y for x, y in zip(a, b, strict=True)) > 0.8 * len(a):
        return 0
    places = {b[i : i + _WORD]: i for i in range(len(b) - _WORD + 1)}
    shifts: Counter[int] = Counter()
    for i in range(0, len(a) - _WORD + 1, _STEP):
        place = places.get(a[i : i + _WORD])
        if place is not None:
            shifts[i - place] += 1
    return max(shifts, key=lambda shift: (shifts[shift], -abs(shift)), default=None)
