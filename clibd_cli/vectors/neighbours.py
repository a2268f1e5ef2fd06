"""Every distinct reference's nearest others: the library searched with itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.vectors.exact import ExactIndex
from clibd_cli.vectors.hnsw import HnswIndex, HnswSettings, hnsw_available

if TYPE_CHECKING:
    import numpy as np

    from clibd_cli.vectors.protocol import VectorIndex

EXACT_BELOW = 150_000
"""Distinct vectors up to which all are compared with all: ten minutes of one core at 256 wide."""

_A_BLOCK = 1_024


def nearest_others(
    vectors: np.ndarray, k: int, progress: Progress = SILENT
) -> tuple[np.ndarray, np.ndarray]:
    """The `k` nearest other vectors of each, best first; memory is a block of them deep.

    Args:
        vectors: [n, dim], distinct, unit length; may be memory-mapped and float16.

    Returns:
        Numbers int64 [n, k] and cosine similarities float32 [n, k]; `k` is n - 1 where there are
        no more.
    """
    import numpy as np

    k = min(k, max(len(vectors) - 1, 0))
    numbers = np.empty((len(vectors), k), dtype=np.int64)
    similarities = np.empty((len(vectors), k), dtype=np.float32)
    if not k:
        return numbers, similarities
    index = _index(vectors, progress)
    progress.begin("comparing references", len(vectors))
    for start in range(0, len(vectors), _A_BLOCK):
        block = vectors[start : start + _A_BLOCK].astype(np.float32)
        found, near = index.search(block, k + 1)
        rows = slice(start, start + len(block))
        kept = _without_self(found, np.arange(start, start + len(block)))
        numbers[rows] = found[kept].reshape(-1, k)
        similarities[rows] = near[kept].reshape(-1, k).clip(-1.0, 1.0)
        progress.advance(len(block))
    return numbers, similarities


def _index(vectors: np.ndarray, progress: Progress) -> VectorIndex:
    if len(vectors) <= EXACT_BELOW or not hnsw_available():
        return ExactIndex(vectors)
    graph = HnswIndex.empty(vectors.shape[1], HnswSettings(24, 200, 100, 0))
    progress.begin("linking references", len(vectors))
    graph.extend(vectors, 1, progress.advance)
    return graph


def _without_self(found: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Which of k + 1 found numbers to keep: all but the vector itself, or else the last."""
    import numpy as np

    is_self = found == own[:, None]
    missed = ~is_self.any(axis=1)
    is_self[missed, -1] = True
    kept: np.ndarray = np.logical_not(is_self)
    return kept
