"""Which of two references is nearer, and by how much, with an alignment or without.

Among references within 3 % of a barcode, which is as far as one species usually goes, the one with
the fewest different bases is the nearest. Farther away, positions that changed several times blur
that count, and the embedding, which learned what tells genera apart, finds the genus of a new
species more often: there its order stands (measured by `benchmarks/kept_back_barcodes.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from clibd_cli.core.records import Hit

DECISIVE = 0.97
"""Identity from which the alignment decides."""

_DOUBT = 0.5
"""Bases that count as different beside those that are, so that of two references without any
difference the one that covers more of the barcode is nearer."""

_SAME = 1e-5
"""Cosine distances below this are rounding: the vectors are the same."""


def decides(hit: Hit) -> bool:
    """Whether a reference is so alike that the alignment says how near it is."""
    return hit.identity is not None and hit.identity >= DECISIVE


def nearness(hit: Hit) -> tuple[bool, float, float]:
    """A sorting key, lowest for the nearest reference."""
    return not decides(hit), distance(hit), -hit.similarity


def in_order(hits: Sequence[Hit]) -> list[Hit]:
    """The hits, the nearest first.

    Args:
        hits: by falling similarity, in which those that are not alike enough stay.
    """
    near = sorted(filter(decides, hits), key=nearness)
    return [*near, *(hit for hit in hits if not decides(hit))] if near else list(hits)


def distance(hit: Hit) -> float:
    """The share of different bases where the alignment decides, else the cosine distance."""
    if hit.identity is not None and hit.overlap_bp and decides(hit):
        return 1.0 - hit.identity + _DOUBT / hit.overlap_bp
    return max(1.0 - hit.similarity, _SAME)


def comparable(hits: Sequence[Hit]) -> Sequence[Hit]:
    """The hits whose distances are on one scale with that of the nearest.

    Args:
        hits: of one kind of evidence, the nearest first.
    """
    if hits and decides(hits[0]):
        return [hit for hit in hits if decides(hit)]
    return hits
