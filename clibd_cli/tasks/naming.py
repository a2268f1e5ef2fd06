"""From neighbours to a name: the paper's nearest key, or a vote of several.

Both take what was found for one specimen as one list of hits for each kind of evidence (its
photo, its barcode), best first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from clibd_cli.core.lineage import RANKS, UNLABELLED, Lineage
from clibd_cli.core.nearness import comparable, distance, nearness
from clibd_cli.core.records import Hit

MIN_SHARE = 0.5
"""A rank is named when its name has more than this share of the vote."""


@dataclass(frozen=True, slots=True)
class Naming:
    """A name as deep as the evidence goes.

    Attributes:
        confidence: for each named rank, 0 to 1.
        n_support: reference specimens among the neighbours that carry the deepest name.
        flags: why to look twice.
        conflict: what photo and barcode say, where they contradict each other.
    """

    lineage: Lineage
    confidence: dict[str, float | None]
    n_support: int
    flags: tuple[str, ...] = ()
    conflict: str = ""


NamingMethod = Callable[[Sequence[Sequence[Hit]]], Naming]


def name_by_nearest(evidence: Sequence[Sequence[Hit]]) -> Naming:
    """The complete label of the nearest key, its similarity as confidence (paper, section 4)."""
    nearest = nearest_hit(evidence)
    if nearest is None:
        return Naming(UNLABELLED, dict.fromkeys(RANKS), 0)
    lineage = nearest.lineage
    confidence = {r: nearest.similarity if lineage.at(r) else None for r in RANKS}
    return Naming(lineage, confidence, support(lineage, [nearest]))


def nearest_hit(evidence: Sequence[Sequence[Hit]]) -> Hit | None:
    """The nearest reference of all: the nearest of those that come first for a kind of evidence.

    One that was aligned comes before one that was not: base by base, more is known of it.
    """
    first = [hits[0] for hits in evidence if hits]
    return min(first, key=lambda hit: (hit.identity is None, nearness(hit)), default=None)


def name_by_vote(evidence: Sequence[Sequence[Hit]], min_share: float = MIN_SHARE) -> Naming:
    """One lineage, voted for rank by rank by all neighbours.

    A neighbour weighs the inverse square of its distance, so that an identical barcode
    outvotes any number of merely similar ones, whatever the scale of a model's similarities. Each
    kind of evidence has one vote in all. Specimens that share a vector share its weight; those
    without a name at a rank leave it to the others, and where none has a name, it is withheld.
    Neighbours that contradict the name of a rank do not vote on the ranks below, so a child never
    contradicts its parent; where those that have a name disagree, all ranks below stay empty.
    """
    lineage, confidence = vote(evidence, min_share)
    carried = support(lineage, [hit for hits in evidence for hit in hits])
    return Naming(lineage, confidence, carried)


def vote(
    evidence: Sequence[Sequence[Hit]], min_share: float
) -> tuple[Lineage, dict[str, float | None]]:
    """The lineage that `name_by_vote` gives, and its share of the vote at each rank."""
    ballots = [ballot for hits in evidence for ballot in _ballots(hits, 1 / len(evidence))]
    names: dict[str, str | None] = dict.fromkeys(RANKS)
    confidence: dict[str, float | None] = dict.fromkeys(RANKS)
    for rank in RANKS:
        shares = _shares(ballots, rank)
        winner = max(shares, key=lambda name: shares[name], default="")
        if shares.get(winner, 0.0) > min_share:
            names[rank], confidence[rank] = winner, min(1.0, shares[winner])
            ballots = [kept for ballot in ballots if (kept := ballot.after(rank, winner))]
        elif len(shares) > 1 and sum(shares.values()) > min_share:
            break
    return Lineage(**names), never_rising(confidence)


def never_rising(confidence: dict[str, float | None]) -> dict[str, float | None]:
    """The confidence by rank; who is sure of a species is as sure of its genus."""
    surest = 0.0
    for rank in reversed(RANKS):
        if (share := confidence[rank]) is not None:
            surest = max(surest, share)
            confidence[rank] = surest
    return confidence


@dataclass(frozen=True, slots=True)
class _Ballot:
    """The weight of neighbours with the same specimens' lineages, and the numbers of those."""

    weight: float
    labels: Sequence[tuple[Lineage, int]]

    def shares(self, rank: str) -> dict[str, float]:
        """The weight divided among the names at `rank`."""
        if len(self.labels) == 1:
            name = self.labels[0][0].at(rank)
            return {name: self.weight} if name else {}
        counts: Counter[str] = Counter()
        for lineage, count in self.labels:
            if name := lineage.at(rank):
                counts[name] += count
        return {name: self.weight * count / counts.total() for name, count in counts.items()}

    def after(self, rank: str, winner: str) -> _Ballot | None:
        """What is left of the ballot for the ranks below, once `winner` is the name at `rank`.

        A ballot without any name at `rank` contradicts nothing, and stays whole.
        """
        if len(self.labels) == 1:
            return self if self.labels[0][0].at(rank) in {winner, None} else None
        shares = self.shares(rank)
        weight = shares.get(winner) if shares else self.weight
        if weight is None:
            return None
        return _Ballot(weight, [x for x in self.labels if x[0].at(rank) in {winner, None}])


def _ballots(hits: Sequence[Hit], share: float) -> list[_Ballot]:
    voters = comparable(hits)
    weights = [1.0 / distance(hit) ** 2 for hit in voters]
    scale = share / sum(weights) if weights else 0.0
    together: dict[Sequence[tuple[Lineage, int]], float] = {}
    for weight, hit in zip(weights, voters, strict=True):
        # Of one lineage alone, all numbers of specimens say the same.
        labels = hit.labels if len(hit.labels) > 1 else ((hit.labels[0][0], 1),)
        together[labels] = together.get(labels, 0.0) + weight * scale
    return [_Ballot(weight, labels) for labels, weight in together.items()]


def _shares(ballots: Sequence[_Ballot], rank: str) -> dict[str, float]:
    shares: dict[str, float] = {}
    for ballot in ballots:
        for name, share in ballot.shares(rank).items():
            shares[name] = shares.get(name, 0.0) + share
    return shares


def support(lineage: Lineage, hits: Sequence[Hit]) -> int:
    """How many of the specimens behind the hits carry the deepest name of `lineage`."""
    rank = lineage.deepest
    if rank is None:
        return 0
    name = lineage.at(rank)
    return sum(n for hit in hits for other, n in hit.labels if other.at(rank) == name)
