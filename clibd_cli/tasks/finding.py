"""From the keys that a search found to references in order, and to what is odd about the query.

Nothing here needs a model: a search hands over numbers, so that another process can do this.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING

from clibd_cli.alignment.identity import Comparison
from clibd_cli.alignment.strand import Strand
from clibd_cli.core.records import Hit, Modality, Skip, Specimen
from clibd_cli.tasks.aligning import CANDIDATES, Align, Aligner
from clibd_cli.tasks.strands import read_strand
from clibd_cli.vectors.index import ReferenceIndex

if TYPE_CHECKING:
    import numpy as np

    from clibd_cli.vectors.index import Nearest


@dataclass(frozen=True, slots=True)
class Found:
    """A query and its nearest keys, best first.

    Attributes:
        comparison: its barcode beside that of the first key, where they were aligned.
        mixed: whether its barcode has parts of several animals, or its own in another order.
        strange: whether its barcode is none of the gene that the keys' barcodes are of.
        vector, strength: of a photo, and how long the vector was before it got unit length; NaN
            where that is unknown.
    """

    specimen: Specimen
    hits: list[Hit]
    comparison: Comparison | None = None
    strange: bool = False
    vector: np.ndarray | None = None
    strength: float = nan
    mixed: bool = False


@dataclass(frozen=True, slots=True)
class Searched:
    """A run of queries and the numbers of their nearest keys.

    Attributes:
        skips: for each record in its place, why it is none of the queries; None where it is.
        specimens: the n queries.
        vectors, strengths: float32 [n, dim] and [n].
        nearest: as `ReferenceIndex.nearest` gives them.
    """

    skips: Sequence[Skip | None]
    specimens: Sequence[Specimen]
    vectors: np.ndarray
    strengths: np.ndarray
    nearest: Nearest


class Finder:
    """Looks up the specimens behind the keys that a search found, and aligns barcodes with them.

    Args:
        index: opened with its barcodes, unless `align` is `never`.
        k: references of a query that are wanted.

    Attributes:
        aligner: puts barcodes and their hits side by side; None leaves the order of the embedding.
        strand: what the index knows of the strand of its barcodes, where it was asked.
        at_least: keys of a modality that a search shall give, even if others are nearer.
    """

    def __init__(self, index: ReferenceIndex, k: int, align: Align) -> None:
        self.index = index
        self.aligner = Aligner(index, align == "partial") if index.has_barcodes else None
        self.strand: Strand | None = None if align == "never" else read_strand(index)
        self.at_least: dict[Modality, int] = {"dna": CANDIDATES} if self.aligner else {}
        self.k = k

    def found(self, window: Searched) -> Iterator[Found | Skip]:
        """What was found for each query of a window, and the skips at their places."""
        hits = self.index.hits(window.nearest, self.k, self.at_least)
        rows = iter(range(len(window.specimens)))
        for skip in window.skips:
            if skip is not None:
                yield skip
            else:
                row = next(rows)
                yield self._found(window, row, hits[row])

    def _found(self, window: Searched, row: int, near: list[Hit]) -> Found:
        specimen = window.specimens[row]
        if specimen.modality == "image":
            strength = float(window.strengths[row])
            return Found(specimen, near[: self.k], vector=window.vectors[row], strength=strength)
        if specimen.modality != "dna":
            return Found(specimen, near[: self.k])
        strange = self.strand is not None and self.strand.is_strange(specimen.content)
        if self.aligner is None:
            return Found(specimen, near[: self.k], strange=strange)
        found = self.aligner.arrange(specimen, near, self.k)
        return Found(specimen, found.hits, found.comparison, strange, mixed=found.mixed)
