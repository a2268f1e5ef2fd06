"""Exact search: every query is compared with every key, in blocks that fit the cache and memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_KEYS_A_BLOCK = 65_536
_QUERIES_A_BLOCK = 256


class ExactIndex:
    """Searches an array of keys, which may be memory-mapped and float16.

    Args:
        keys: [n, dim], unit length.
    """

    kind = "exact"

    def __init__(self, keys: np.ndarray) -> None:
        self._keys = keys

    def __len__(self) -> int:
        return int(self._keys.shape[0])

    def search(
        self, queries: np.ndarray, k: int, without: Sequence[np.ndarray] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The `k` nearest keys of each query (see `protocol.VectorIndex`).

        Args:
            without: for each query, the numbers of keys that count as not there: their similarity
                becomes minus infinity, so they come last.
        """
        import numpy as np

        k = min(k, len(self))
        numbers = np.empty((len(queries), k), dtype=np.int64)
        similarities = np.empty((len(queries), k), dtype=np.float32)
        for start in range(0, len(queries), _QUERIES_A_BLOCK):
            block = slice(start, start + _QUERIES_A_BLOCK)
            left_out = None if without is None else without[start : start + _QUERIES_A_BLOCK]
            numbers[block], similarities[block] = self._search_block(queries[block], k, left_out)
        return numbers, similarities

    def _search_block(
        self, queries: np.ndarray, k: int, without: Sequence[np.ndarray] | None
    ) -> tuple[np.ndarray, np.ndarray]:
        import numpy as np

        best_n = np.empty((len(queries), 0), dtype=np.int64)
        best_s = np.empty((len(queries), 0), dtype=np.float32)
        for start in range(0, len(self), _KEYS_A_BLOCK):
            keys = self._keys[start : start + _KEYS_A_BLOCK].astype(np.float32, copy=False)
            scores = queries @ keys.T
            for row, numbers in enumerate(without or ()):
                inside = numbers[(numbers >= start) & (numbers < start + len(keys))]
                scores[row, inside - start] = -np.inf
            found_n, found_s = _top(scores, k)
            best_n = np.concatenate([best_n, found_n + start], axis=1)
            best_s = np.concatenate([best_s, found_s], axis=1)
            if best_s.shape[1] > k:
                best_n, best_s = _keep(best_n, best_s, k)
        return _keep(best_n, best_s, k)


def _top(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The best `k` columns of each row, in no order."""
    import numpy as np

    if k < scores.shape[1]:
        columns = np.argpartition(scores, -k, axis=1)[:, -k:]
    else:
        columns = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    return columns.astype(np.int64), np.take_along_axis(scores, columns, axis=1)


def _keep(numbers: np.ndarray, scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The best `k` of each row, best first, ties by number."""
    import numpy as np

    order = np.lexsort((numbers, -scores), axis=1)[:, :k]
    return np.take_along_axis(numbers, order, axis=1), np.take_along_axis(scores, order, axis=1)
