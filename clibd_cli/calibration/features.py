"""What a search result says about how far a name can be trusted, as numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from clibd_cli.core.lineage import Lineage
from clibd_cli.core.nearness import comparable, distance
from clibd_cli.core.records import Hit

NEIGHBOURS = 10
"""Hits that are looked at, the nearest first; more of them change nothing."""

_ROUND = 0.002
"""Added to distances before their logarithm: one base in 500, or as much of a cosine."""
_FARTHEST = 0.2
"""Differences beyond one base in five are all the same: too far."""

Features = tuple[float, ...]

_Shares = tuple[float | None, ...]
"""For each hit, the share of its specimens that have a name, among those that have any."""

COUNT = 4
"""The place of the number of references of that name, where there is no photo."""


@dataclass(frozen=True, slots=True)
class PhotoSigns:
    """What a photo says of itself, and how it stands to all references of a name.

    Attributes:
        strength: how long its vector was before it got unit length, which tells how familiar the
            photo is to the model; None where unknown.
        centres: by rank, the cosine to the middle of the references of the name; no rank is there
            where none of these is a photo.
    """

    strength: float | None = None
    centres: Mapping[str, float] = field(default_factory=dict)


def features(
    hits: Sequence[Hit], rank: str, name: str, photo: PhotoSigns | None = None
) -> Features:
    """`Neighbourhood.features` of hits that are asked for one name alone."""
    return Neighbourhood(hits, photo).features(rank, name)


class Neighbourhood:
    """The hits of a query, measured once for the names at all ranks.

    Args:
        hits: of one kind of evidence, the nearest first.
        photo: of a query that is a photo.
    """

    def __init__(self, hits: Sequence[Hit], photo: PhotoSigns | None = None) -> None:
        self.hits = hits[:NEIGHBOURS]
        self._photo = photo
        self._cosines = [1.0 - hit.similarity for hit in self.hits]
        self._differences = [
            None if hit.identity is None else 1.0 - hit.identity for hit in self.hits
        ]
        self._found: dict[tuple[str, _Shares], Features] = {}

    def features(self, rank: str, name: str) -> Features:
        """How near the references called `name` at `rank` are, and how much nearer than others.

        Args:
            name: one of the hits at least has it.

        Returns:
            For a photo, two numbers, and its strength where that is known. Else six numbers, and
            five more where barcodes were aligned: among them, how much farther the middle one of
            the references of that name is than the nearest: little, where the query stands outside
            of them all.
        """
        shares = tuple(_share_of(name, rank, hit.labels) for hit in self.hits)
        # Where the same hits have the names of two ranks, both are measured at once.
        key = ("" if self._photo is None else rank, shares)
        if key not in self._found:
            self._found[key] = self._measure(rank, shares)
        return self._found[key]

    def _measure(self, rank: str, shares: _Shares) -> Features:
        own = [place for place, share in enumerate(shares) if share]
        others = [place for place, share in enumerate(shares) if share is not None and share < 1.0]
        distances = [self._cosines[place] for place in own]
        near = max(0.0, min(distances))
        rival = min((self._cosines[place] for place in others), default=max(self._cosines))
        lead = math.log((max(0.0, rival) + _ROUND) / (near + _ROUND))
        if self._photo is not None:
            return self._of_photo(self._photo, rank, near, lead)
        cosine = (
            math.log(near + _ROUND),
            near,
            lead,
            self._share(shares),
            math.log(len(own)),
            _spread(distances),
        )
        return (*cosine, *self._of_alignment(own, others))

    def _of_photo(self, photo: PhotoSigns, rank: str, near: float, lead: float) -> Features:
        off_centre = max(0.0, 1.0 - photo.centres.get(rank, 1.0 - near))
        numbers = (lead, math.log(off_centre + _ROUND))
        return numbers if photo.strength is None else (*numbers, math.log(photo.strength + _ROUND))

    def _of_alignment(self, own: Sequence[int], others: Sequence[int]) -> Features:
        known = [one for one in self._differences if one is not None]
        if not known:
            return ()
        differences = [d for place in own if (d := self._differences[place]) is not None]
        differences = differences or [_FARTHEST]
        rivals = [d for place in others if (d := self._differences[place]) is not None]
        mine, theirs = min(differences), min(rivals, default=max(known))
        return (
            math.log(mine + _ROUND),
            min(mine, _FARTHEST),
            math.log((theirs + _ROUND) / (mine + _ROUND)),
            max(-_FARTHEST, min(theirs - mine, _FARTHEST)),
            _spread(differences),
        )

    def _share(self, shares: _Shares) -> float:
        """The share of the vote that the name has."""
        own = total = 0.0
        for share, weight in zip(shares, self._weights, strict=True):
            if share is not None:
                total += weight
                own += weight * share
        return own / total if total else 0.0

    @cached_property
    def _weights(self) -> list[float]:
        """The weight of each hit in a vote; nothing where it is on another scale."""
        heard = set(map(id, comparable(self.hits)))
        return [1.0 / distance(hit) ** 2 if id(hit) in heard else 0.0 for hit in self.hits]


def _share_of(name: str, rank: str, labels: Sequence[tuple[Lineage, int]]) -> float | None:
    """Of the specimens behind a hit that have a name at `rank`, the share that are called `name`.

    None where nobody named them.
    """
    if len(labels) == 1:  # nearly always, and sooner than by counting
        alone = labels[0][0].at(rank)
        return None if not alone else 1.0 if alone == name else 0.0
    named = [(other, count) for lineage, count in labels if (other := lineage.at(rank))]
    total = sum(count for _, count in named)
    return sum(count for other, count in named if other == name) / total if total else None


def _spread(distances: Sequence[float]) -> float:
    ordered = sorted(distances)
    half = len(ordered) // 2
    middle = (ordered[half] + ordered[~half]) / 2  # of `statistics.median`, a tenth of the time
    return math.log((max(0.0, middle) + _ROUND) / (max(0.0, ordered[0]) + _ROUND))
