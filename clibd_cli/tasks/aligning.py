"""Barcodes against the references that were found for them, base by base.

The embedding proposes the references, and the alignment decides among those that are close (see
`core.nearness`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from clibd_cli.alignment.identity import Comparison, compare, overlaps
from clibd_cli.core.nearness import nearness
from clibd_cli.core.records import Hit, Specimen

if TYPE_CHECKING:
    from clibd_cli.vectors.index import ReferenceIndex

CANDIDATES = 20
"""References that are aligned with a barcode."""

Align = Literal["always", "partial", "never"]
"""When an alignment puts the references of a barcode in order; `partial`: only where the barcode is
partial, so that the encoder did not see enough of it."""

_PARTIAL = 0.75
"""Of the reference's length: a shorter barcode is partial."""


class Aligner:
    """Aligns queries with the barcodes of one index, which has some.

    Args:
        partial_only: only partial barcodes get their references in another order than that of
            the embedding.
    """

    def __init__(self, index: ReferenceIndex, partial_only: bool = False) -> None:
        self._index = index
        self._partial_only = partial_only

    def arrange(
        self, query: Specimen, hits: Sequence[Hit], k: int
    ) -> tuple[list[Hit], Comparison | None]:
        """The `k` nearest of the hits with their identity, and the nearest base by base."""
        nearest = self.nearest(query, hits, k)
        if not nearest or nearest[0].identity is None:
            return nearest, None
        return nearest, compare(query.content, self._barcode(nearest[0]))

    def nearest(self, query: Specimen, hits: Sequence[Hit], k: int) -> list[Hit]:
        """The `k` nearest of the hits, with their identity.

        Args:
            hits: best first; those of modality `dna` are aligned.
        """
        barcodes = [self._barcode(hit) for hit in hits]
        aligned = overlaps(query.content, barcodes)
        judged = [
            replace(hit, identity=found.identity, overlap_bp=found.bases) if found else hit
            for hit, found in zip(hits, aligned, strict=True)
        ]
        if not self._partial_only or _is_partial(query, barcodes):
            judged.sort(key=nearness)
        return judged[:k]

    def _barcode(self, hit: Hit) -> str:
        found = self._index.barcode(hit.vector) if hit.modality == "dna" else None
        return found or ""


def _is_partial(query: Specimen, barcodes: Sequence[str]) -> bool:
    first = next(filter(None, barcodes), "")
    return len(query.content) < _PARTIAL * len(first)
