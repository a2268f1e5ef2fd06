"""What a reference would be called if it had no label: its neighbours vote, itself left out.

References with one vector (one barcode) and one label are one group: thirty specimens of a
haplotype are one piece of evidence, and do not vouch for each other. Where a vector bears several
labels, its other specimens are neighbours like the rest, only the nearest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clibd_cli.core.lineage import Lineage
from clibd_cli.core.progress import SILENT, Progress

if TYPE_CHECKING:
    import numpy as np

    from clibd_cli.vectors.holdings import Holdings

_LEAST_SCALE = 1e-4


@dataclass(frozen=True, slots=True)
class Group:
    """The references that have one vector and one label."""

    vector: int
    lineage: Lineage
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Vote:
    """What the neighbours of a group say at one rank.

    Attributes:
        winner: the name with the largest share; "" where no neighbour has a name.
        share: of the vote, 0 to 1; `own` is that of the group's own name.
        similarity: cosine of the nearest neighbour with the winner's name; `own_similarity` that
            of the nearest with the group's own, -1 where there is none among the neighbours.
        voters: neighbours that have a name at the rank.
    """

    winner: str = ""
    share: float = 0.0
    own: float = 0.0
    similarity: float = -1.0
    own_similarity: float = -1.0
    voters: int = 0


class Votes:
    """The neighbours of every group, ready to vote at each rank.

    Args:
        numbers, similarities: the nearest other vectors of each, as `nearest_others` gives them.
    """

    def __init__(self, held: Holdings, numbers: np.ndarray, similarities: np.ndarray) -> None:
        self._labels: list[list[tuple[Lineage, int]]] = []
        self.groups: list[Group] = []
        for vector, rows in enumerate(held.rows_of_vectors()):
            by_label: dict[Lineage, list[int]] = {}
            for row in rows:
                by_label.setdefault(held.lineages[row], []).append(row)
            self._labels.append([(lineage, len(its)) for lineage, its in by_label.items()])
            self.groups += [Group(vector, name, tuple(its)) for name, its in by_label.items()]
        self._numbers = numbers
        self._similarities = similarities
        self._scale = _scale(similarities)

    def labels(self, vector: int) -> Sequence[tuple[Lineage, int]]:
        """The distinct lineages of a vector's references, with their counts."""
        return self._labels[vector]

    def at(self, rank: str, progress: Progress = SILENT) -> list[Vote]:
        """The vote about each group at `rank`, in the order of `groups`."""
        shares = [_shares(labels, rank) for labels in self._labels]
        known: dict[int, list[tuple[int, float]]] = {}
        votes = []
        for group in self.groups:
            if group.vector not in known:
                known = {group.vector: self._ballots(group.vector)}
            votes.append(self._vote(group, rank, shares, known[group.vector]))
            progress.advance()
        return votes

    def neighbours(self, group: Group) -> list[tuple[float, list[tuple[Lineage, int]]]]:
        """Similarities and labels of a group's neighbours, best first."""
        others = [(1.0, rest)] if (rest := self._rest(group)) else []
        found = [
            (similarity, self._labels[number]) for number, similarity in self._ballots(group.vector)
        ]
        return [*others, *found]

    def _ballots(self, vector: int) -> list[tuple[int, float]]:
        numbers, similarities = self._numbers[vector], self._similarities[vector]
        return list(zip(numbers.tolist(), similarities.tolist(), strict=True))

    def _rest(self, group: Group) -> list[tuple[Lineage, int]]:
        """The labels of the group's vector without one reference of the group; none where all
        have one label."""
        labels = self._labels[group.vector]
        if len(labels) == 1:
            return []
        less_one = [(name, n - (name == group.lineage)) for name, n in labels]
        return [(name, n) for name, n in less_one if n]

    def _vote(
        self,
        group: Group,
        rank: str,
        shares: list[dict[str, float]],
        ballots: list[tuple[int, float]],
    ) -> Vote:
        weights: dict[str, float] = {}
        nearest: dict[str, float] = {}
        voters = 0
        rest = _shares(self._rest(group), rank)
        for similarity, names in [(1.0, rest), *((s, shares[n]) for n, s in ballots)]:
            if not names:
                continue
            voters += 1
            weight = (self._scale / (1.0 - similarity + self._scale)) ** 2
            for name, share in names.items():
                weights[name] = weights.get(name, 0.0) + weight * share
                nearest.setdefault(name, similarity)
        if not weights:
            return Vote()
        total = sum(weights.values())
        winner = max(weights, key=lambda name: (weights[name], name))
        own = group.lineage.at(rank) or ""
        return Vote(
            winner,
            weights[winner] / total,
            weights.get(own, 0.0) / total,
            nearest[winner],
            nearest.get(own, -1.0),
            voters,
        )


def _shares(labels: Sequence[tuple[Lineage, int]], rank: str) -> dict[str, float]:
    """One vote, divided among the names at `rank`; nothing where none has one."""
    counts: Counter[str] = Counter()
    for lineage, n in labels:
        if name := lineage.at(rank):
            counts[name] += n
    total = counts.total()
    return {name: n / total for name, n in counts.items()}


def _scale(similarities: np.ndarray) -> float:
    """The typical distance to the nearest other: nearer ones all count about alike."""
    import numpy as np

    if not similarities.size:
        return _LEAST_SCALE
    return max(_LEAST_SCALE, float(np.median(1.0 - similarities[:, 0])))
