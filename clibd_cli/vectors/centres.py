"""Where the references of a name have their middle.

A photo of a new species often lies near one odd photo of a known one, but seldom near the middle of
all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clibd_cli.core.records import Modality
from clibd_cli.vectors.index import ReferenceIndex
from clibd_cli.vectors.leave_out import NOTHING, Without, left_out

if TYPE_CHECKING:
    import numpy as np

_BLOCK = 8192


class Centres:
    """The middles of all names among the keys of one modality; each is computed once."""

    def __init__(self, index: ReferenceIndex, modality: Modality) -> None:
        self._modality = modality
        self._table = index.table(modality)
        self._vectors = index.vectors(modality)
        self._known: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}

    def similarity(
        self, vector: np.ndarray, rank: str, name: str, without: Without = NOTHING
    ) -> float | None:
        """The cosine of `vector` [dim] to the middle of the keys called `name` at `rank`.

        Args:
            without: keys that count as not there.

        Returns:
            None where no key is left.
        """
        import numpy as np

        numbers, total = self._sum(rank, name)
        gone = np.intersect1d(numbers, left_out(self._table, self._modality, without))
        if len(gone) >= len(numbers):
            return None
        middle = total - self._sum_of(gone)
        return float(vector @ middle / max(float(np.linalg.norm(middle)), 1e-6))

    def _sum(self, rank: str, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of the keys of a name, and the sum of their vectors."""
        if (rank, name) not in self._known:
            numbers = self._table.vectors_named(rank, name)
            self._known[rank, name] = numbers, self._sum_of(numbers)
        return self._known[rank, name]

    def _sum_of(self, numbers: np.ndarray) -> np.ndarray:
        """The sum of some keys; there may be more of one order than the memory holds."""
        import numpy as np

        total = np.zeros(self._vectors.shape[1])
        for start in range(0, len(numbers), _BLOCK):
            rows = self._vectors[numbers[start : start + _BLOCK]]
            total += rows.sum(axis=0, dtype=np.float64)
        return total
