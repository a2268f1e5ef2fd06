"""Searching an index as if some of its references were not there.

Its own references become queries of known name: without themselves they stand for specimens still
to come, without their species for new species, without their genus for what is newer still.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clibd_cli.core.records import Hit, Modality
from clibd_cli.vectors.exact import ExactIndex
from clibd_cli.vectors.index import ReferenceIndex
from clibd_cli.vectors.keys import KeyTable

if TYPE_CHECKING:
    import numpy as np

_GONE = -1.5
"""Below any cosine: a key that is left out."""


@dataclass(frozen=True, slots=True)
class Without:
    """What counts as not there.

    Attributes:
        key: one vector of a modality, such as the query itself.
        rank, name: all specimens of that name.
    """

    key: tuple[Modality, int] | None = None
    rank: str = ""
    name: str = ""


NOTHING = Without()


class LeaveOut:
    """Exact search in the keys of an index, parts of which are left out."""

    def __init__(self, index: ReferenceIndex) -> None:
        self._index = index
        self._keys = {
            modality: ExactIndex(index.vectors(modality)) for modality in index.modalities
        }

    def search(
        self, queries: np.ndarray, without: Sequence[Without], k: int
    ) -> list[list[list[Hit]]]:
        """The `k` nearest keys of each query among those that are there.

        Args:
            queries: float32 [n, dim], unit length.
            without: one for each query.

        Returns:
            For each query and each modality of the index a list of hits, best first.
        """
        found: list[list[list[Hit]]] = [[] for _ in queries]
        for modality, keys in self._keys.items():
            table = self._index.table(modality)
            gone = [left_out(table, modality, one) for one in without]
            numbers, cosines = keys.search(queries, k, gone)
            for hits, one, row in zip(found, without, range(len(queries)), strict=True):
                near = zip(numbers[row].tolist(), cosines[row].tolist(), strict=True)
                there = [table.hit(number, min(1.0, s)) for number, s in near if s > _GONE]
                hits.append([_without_name(hit, one) for hit in there])
        return found


def left_out(table: KeyTable, modality: Modality, without: Without) -> np.ndarray:
    """The numbers of the vectors of `modality` that are not there."""
    import numpy as np

    gone = np.empty(0, dtype=np.int64)
    if without.rank:
        gone = table.vectors_named(without.rank, without.name)
    if without.key is not None and without.key[0] == modality:
        gone = np.append(gone, without.key[1])
    return gone


def _without_name(hit: Hit, without: Without) -> Hit:
    """The hit without the specimens of that name among those that share its vector."""
    if not without.rank or hit.lineage.at(without.rank) is None:
        return hit
    labels = tuple(label for label in hit.labels if label[0].at(without.rank) != without.name)
    if len(labels) == len(hit.labels) or not labels:
        return hit
    return hit._replace(labels=labels, lineage=labels[0][0])
