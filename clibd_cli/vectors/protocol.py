"""What every vector index can do, whatever it is built on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np


class VectorIndex(Protocol):
    """Unit vectors, numbered from 0 in the order they were given, searched by cosine."""

    kind: str

    def __len__(self) -> int:
        """How many vectors it holds."""

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The `k` nearest vectors of each query.

        Args:
            queries: float32 [n, dim], unit length.
            k: how many; fewer come back where the index is smaller.

        Returns:
            Numbers int64 [n, k] and cosine similarities float32 [n, k], best first; equal
            similarities in the order of the numbers.
        """
