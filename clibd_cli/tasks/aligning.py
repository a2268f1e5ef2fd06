"""Barcodes against the references that were found for them, base by base.

The embedding proposes the references, and the alignment decides among those that are close (see
`core.nearness`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from clibd_cli.alignment.identity import Comparison, compare, overlaps
from clibd_cli.alignment.signs import looks_chimeric, looks_rearranged
from clibd_cli.core.nearness import in_order
from clibd_cli.core.records import Hit, Specimen

if TYPE_CHECKING:
    from clibd_cli.vectors.index import ReferenceIndex

CANDIDATES = 20
"""References that are aligned with a barcode."""

Align = Literal["always", "partial", "never"]
"""When an alignment puts the references of a barcode in order; `partial`: only where the barcode is
partial, so that the encoder did not see enough of it."""

_MORE = 1.1
"""How much more of a query another reference must explain than the nearest one to be asked, too."""

_PARTIAL = 0.75
"""Of the reference's length: a shorter barcode is partial."""


@dataclass(frozen=True, slots=True)
class Arranged:
    """A query's references, put in order.

    Attributes:
        comparison: the query beside the first one; None where that was not aligned.
        mixed: whether the query has parts of several animals, or its own in another order.
    """

    hits: list[Hit]
    comparison: Comparison | None
    mixed: bool


class Aligner:
    """Aligns queries with the barcodes of one index, which has some.

    Args:
        partial_only: only partial barcodes get their references in another order than that of
            the embedding.
    """

    def __init__(self, index: ReferenceIndex, partial_only: bool = False) -> None:
        self._index = index
        self._partial_only = partial_only

    def arrange(self, query: Specimen, hits: Sequence[Hit], k: int) -> Arranged:
        """The `k` nearest of the hits with their identity, and what that tells of the query."""
        judged = self.nearest(query, hits, len(hits))
        comparison = None
        if judged and judged[0].identity is not None:
            comparison = compare(query.content, self._barcode(judged[0]))
        return Arranged(judged[:k], comparison, self._is_mixed(query, judged, comparison))

    def nearest(self, query: Specimen, hits: Sequence[Hit], k: int) -> list[Hit]:
        """The `k` nearest of the hits, with their identity.

        Args:
            hits: best first; those of modality `dna` are aligned.
        """
        barcodes = [self._barcode(hit) for hit in hits]
        aligned = overlaps(query.content, barcodes)
        judged = [
            hit.aligned(found.identity, found.bases) if found else hit
            for hit, found in zip(hits, aligned, strict=True)
        ]
        if not self._partial_only or _is_partial(query, barcodes):
            judged = in_order(judged)
        return judged[:k]

    def _is_mixed(self, query: Specimen, judged: Sequence[Hit], nearest: Comparison | None) -> bool:
        """Whether the query has parts of several animals, or its own in another order.

        The nearest reference may be short and know one part alone, so the one that explains most
        of the query is asked.
        """
        widest = max(judged, key=_explained, default=None)
        if widest is None or not widest.overlap_bp:
            return False
        comparison = nearest
        if comparison is None or _explained(widest) > _MORE * _explained(judged[0]):
            comparison = compare(query.content, self._barcode(widest))
        else:
            widest = judged[0]
        return looks_chimeric(comparison) or looks_rearranged(
            query.content, self._barcode(widest), comparison
        )

    def _barcode(self, hit: Hit) -> str:
        found = self._index.barcode(hit.vector) if hit.modality == "dna" else None
        return found or ""


def _explained(hit: Hit) -> float:
    """How many bases of the query a hit shares."""
    return (hit.identity or 0.0) * (hit.overlap_bp or 0)


def _is_partial(query: Specimen, barcodes: Sequence[str]) -> bool:
    first = next(filter(None, barcodes), "")
    return len(query.content) < _PARTIAL * len(first)
