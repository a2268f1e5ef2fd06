"""Exact search: every query is compared with every key, in blocks that fit the cache and memory."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from clibd_cli.core.ahead import default_workers, done_ahead

if TYPE_CHECKING:
    import numpy as np

_KEYS_A_BLOCK = 50_000
_QUERIES_A_BLOCK = 512
_RUN = 16
_MOST_THREADS = 4
_MOST_NUMBERS_CONVERTED = 64 << 20


class ExactIndex:
    """Searches an array of keys, which may be memory-mapped and float16.

    Args:
        keys: [n, dim], unit length.
        threads: blocks of queries searched at the same time, each in up to 100 MB, so that all
            cores are at work while NumPy, which multiplies with all of them, picks the best with
            one; None for as many as there are cores, up to 4.
    """

    kind = "exact"

    def __init__(self, keys: np.ndarray, threads: int | None = None) -> None:
        import numpy as np

        self._keys = keys
        if keys.size <= _MOST_NUMBERS_CONVERTED:  # else block by block, in every search
            self._keys = keys.astype(np.float32, copy=False)
        self._threads = min(default_workers(), _MOST_THREADS) if threads is None else threads
        # Kept for the next search: fresh pages would take half as long as the product.
        self._buffers: list[np.ndarray] = []

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

        def search_block(start: int) -> None:
            block = slice(start, start + _QUERIES_A_BLOCK)
            left_out = () if without is None else without[block]
            numbers[block], similarities[block] = self._search_block(queries[block], k, left_out)

        starts = range(0, len(queries), _QUERIES_A_BLOCK)
        threads = self._threads if len(starts) > 1 else 0
        for _ in done_ahead(search_block, starts, threads, 2 * threads):
            pass
        return numbers, similarities

    def _search_block(
        self, queries: np.ndarray, k: int, without: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        import numpy as np

        best_n = np.empty((len(queries), 0), dtype=np.int64)
        best_s = np.empty((len(queries), 0), dtype=np.float32)
        # Blocks of the same size: a small last one would cost as much as a large one.
        blocks = max(1, -(-len(self) // _KEYS_A_BLOCK))
        step = max(1, -(-len(self) // blocks))
        buffer = self._take_buffer(step * len(queries))
        for start in range(0, len(self), step):
            keys = self._keys[start : start + step].astype(np.float32, copy=False)
            scores = buffer[: len(keys) * len(queries)].reshape(len(keys), len(queries))
            np.matmul(keys, queries.T, out=scores)
            for column, numbers in enumerate(without):
                inside = numbers[(numbers >= start) & (numbers < start + len(keys))]
                scores[inside - start, column] = -np.inf
            best = _top(scores, k)
            best_n = np.concatenate([best_n, best // len(queries) + start], axis=1)
            best_s = np.concatenate([best_s, scores.ravel().take(best)], axis=1)
            best_n, best_s = _keep(best_n, best_s, k)
        self._buffers.append(buffer)
        return best_n, best_s

    def _take_buffer(self, size: int) -> np.ndarray:
        """One that no other thread has."""
        import numpy as np

        with suppress(IndexError):  # another thread may have taken the last one
            if len(buffer := self._buffers.pop()) >= size:
                return buffer
        return np.empty(size, dtype=np.float32)


def _top(scores: np.ndarray, k: int) -> np.ndarray:
    """Where the best `k` of each column of `scores` [n, queries] lie, in no order.

    They lie in the `k` runs of rows with the best heads, so only those are looked into; the heads
    are searched in the same way. A run is every `runs`-th row, so that heads are maxima of whole
    slabs of memory, which is what the processor is fastest at.

    Returns:
        Places in the flattened `scores`, int64 [queries, k].
    """
    import numpy as np

    n, queries = scores.shape
    runs = n // _RUN
    if runs <= 2 * k:
        places = np.arange(n * queries).reshape(n, queries).T
    else:
        slabs = scores[: runs * _RUN].reshape(_RUN, runs, queries)
        inside = np.arange(_RUN) * (runs * queries)
        places = (_top(slabs.max(axis=0), k)[:, :, None] + inside).reshape(queries, -1)
        rest = np.arange(runs * _RUN * queries, n * queries).reshape(-1, queries).T
        places = np.concatenate([places, rest], axis=1)
    k = min(k, n)
    best = np.argpartition(scores.ravel().take(places), -k, axis=1)[:, -k:]
    return np.take_along_axis(places, best, axis=1)


def _keep(numbers: np.ndarray, scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The best `k` of each row, best first, ties by number."""
    import numpy as np

    order = np.lexsort((numbers, -scores), axis=1)[:, :k]
    return np.take_along_axis(numbers, order, axis=1), np.take_along_axis(scores, order, axis=1)
