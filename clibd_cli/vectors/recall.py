"""How often approximate search finds what exact search finds, and the `ef` that makes it so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clibd_cli.vectors.exact import ExactIndex

if TYPE_CHECKING:
    import numpy as np

    from clibd_cli.vectors.hnsw import HnswIndex

TARGET = 0.999
_SAMPLE = 1000
_LARGEST_EF = 4096
_TIE = 1e-6


@dataclass(frozen=True, slots=True)
class Recall:
    """Recall@1 of an index, and how it was measured.

    Attributes:
        at_1: share of `sample` keys whose nearest *other* key was found; a key that merely finds
            itself would prove little.
    """

    at_1: float
    sample: int


def tune_ef(
    index: HnswIndex, keys: np.ndarray, seed: int, tell: Callable[[str], None] = lambda _: None
) -> tuple[HnswIndex, Recall]:
    """Raise `ef` by halves until recall@1 reaches `TARGET` or `ef` its limit."""
    queries, exact = _nearest_others(keys, seed)
    while True:
        recall = Recall(_recall(index, queries, exact), len(queries))
        limit = min(_LARGEST_EF, len(keys))
        if recall.at_1 >= TARGET or index.settings.ef >= limit:
            return index, recall
        wider = min(limit, -(-index.settings.ef * 3 // 2))
        tell(f"recall@1 is {recall.at_1:.4f} with ef {index.settings.ef}: trying ef {wider}")
        index = index.with_ef(wider)


def _nearest_others(keys: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A sample of keys as queries [n, dim], and the similarity of the nearest other key [n]."""
    import numpy as np

    picked = np.random.default_rng(seed).permutation(len(keys))[:_SAMPLE]
    picked.sort()
    queries = np.asarray(keys[picked], dtype=np.float32)
    _, similarities = ExactIndex(keys).search(queries, 2)
    return queries, similarities[:, -1]


def _recall(index: HnswIndex, queries: np.ndarray, exact: np.ndarray) -> float:
    # Compared by similarity, not by number: of two keys at the same distance either is right.
    _, similarities = index.search(queries, 2)
    return float((similarities[:, -1] >= exact - _TIE).mean())
