"""Exact search: every query is compared with every key, in blocks that fit the cache and memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_KEYS_A_BLOCK = 65_536
_QUERIES_A_BLOCK = 256
_RUN = 64


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
    """The best `k` columns of each row, in no order.

    They lie in the `k` runs of columns with the best heads, so only those are looked into: forty
    times as fast as partitioning 50,000 columns.
    """
    import numpy as np

    runs = scores.shape[1] // _RUN
    if k >= runs:
        return _partition(scores, np.arange(scores.shape[1])[None, :], k)
    whole = scores[:, : runs * _RUN].reshape(len(scores), runs, _RUN)
    best, _ = _partition(whole.max(axis=2), np.arange(runs)[None, :], k)
    columns = (best[:, :, None] * _RUN + np.arange(_RUN)).reshape(len(scores), -1)
    rest = np.arange(runs * _RUN, scores.shape[1])
    columns = np.concatenate([columns, np.broadcast_to(rest, (len(scores), len(rest)))], axis=1)
    return _partition(np.take_along_axis(scores, columns, axis=1), columns, k)


def _partition(scores: np.ndarray, columns: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The best `k` of each row: their `columns` (one row of them may stand for all), and scores."""
    import numpy as np

    columns = np.broadcast_to(columns, scores.shape)
    if k < scores.shape[1]:
        best = np.argpartition(scores, -k, axis=1)[:, -k:]
        columns = np.take_along_axis(columns, best, axis=1)
        scores = np.take_along_axis(scores, best, axis=1)
    return columns.astype(np.int64), scores


def _keep(numbers: np.ndarray, scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The best `k` of each row, best first, ties by number."""
    import numpy as np

    order = np.lexsort((numbers, -scores), axis=1)[:, :k]
    return np.take_along_axis(numbers, order, axis=1), np.take_along_axis(scores, order, axis=1)
