"""How often neighbours are right about a label, learned from the library itself.

Most labels of a library are right. So where neighbours as near and as unanimous as these agree
with the label in 99 of 100 cases, the hundredth is probably a wrong label; where they agree in 60,
disagreement means nothing. This needs no threshold of similarity, which every model has its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from clibd_cli.vectors.label_votes import Group, Vote

if TYPE_CHECKING:
    pass

_SHARES = (0.5, 0.8, 0.95, 0.995)
"""Borders between the classes of unanimity."""

_CLASSES = 10
"""Classes of nearness, of equally many references each."""

_PRIOR = 10.0
"""A class with few references is judged as if it had so many more of average agreement."""


class Trust:
    """The agreement of labels and neighbours at one rank, by nearness and unanimity.

    Only groups whose name some other vector bears too are counted: nobody could agree with the
    others.

    Args:
        groups, votes: of the whole library, at `rank`.
    """

    def __init__(self, groups: Sequence[Group], votes: Sequence[Vote], rank: str) -> None:
        import numpy as np

        bearers = Counter(g.lineage.at(rank) for g in groups)
        self.rank = rank
        self.judged = [
            bool(vote.winner and (name := group.lineage.at(rank)) and bearers[name] > 1)
            for group, vote in zip(groups, votes, strict=True)
        ]
        pairs = zip(groups, votes, self.judged, strict=True)
        kept = [(v, len(g.rows), v.winner == g.lineage.at(rank)) for g, v, use in pairs if use]
        nearness = np.array([vote.similarity for vote, _, _ in kept] or [1.0])
        cuts = np.quantile(nearness, np.arange(1, _CLASSES) / _CLASSES)
        self._cuts: list[float] = np.unique(cuts).tolist()
        counts: Counter[tuple[int, int]] = Counter()
        agreed: Counter[tuple[int, int]] = Counter()
        for vote, n, agrees in kept:
            counts[self._class(vote)] += n
            agreed[self._class(vote)] += n * agrees
        self.overall = (sum(agreed.values()) + 1) / (sum(counts.values()) + 2)
        self._trust = {
            key: (agreed[key] + _PRIOR * self.overall) / (n + _PRIOR) for key, n in counts.items()
        }

    def of(self, vote: Vote) -> float:
        """How often labels agree with neighbours like these, 0 to 1."""
        return self._trust.get(self._class(vote), self.overall)

    def _class(self, vote: Vote) -> tuple[int, int]:
        from bisect import bisect_right

        return bisect_right(self._cuts, vote.similarity), bisect_right(_SHARES, vote.share)
