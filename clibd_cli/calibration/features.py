"""What a search result says about how far a name can be trusted, as numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from clibd_cli.core.nearness import comparable, distance
from clibd_cli.core.records import Hit

NEIGHBOURS = 10
"""Hits that are looked at, the nearest first; more of them change nothing."""

_ROUND = 0.002
"""Added to distances before their logarithm: one base in 500, or as much of a cosine."""
_FARTHEST = 0.2
"""Differences beyond one base in five are all the same: too far."""

Features = tuple[float, ...]

COUNT = 4
"""The place of the number of references of that name, where there is no photo."""


@dataclass(frozen=True, slots=True)
class PhotoSigns:
    """What a photo says of itself, and how it stands to all references of a name.

    Attributes:
        strength: how long its vector was before it got unit length; None where unknown.
        centres: by rank, the cosine to the middle of the references of the name; no rank is there
            where none of these is a photo.
    """

    strength: float | None = None
    centres: Mapping[str, float] = field(default_factory=dict)


def features(
    hits: Sequence[Hit], rank: str, name: str, photo: PhotoSigns | None = None
) -> Features:
    """How near the references called `name` at `rank` are, and how much nearer than others.

    Args:
        hits: of one kind of evidence, the nearest first; one of them at least has the name.
        photo: of a query that is a photo.

    Returns:
        For a photo, two numbers, and its strength where that is known. Else six numbers, and five
        more where barcodes were aligned: among them, how much farther the middle one of the
        references of that name is than the nearest: little, where the query stands outside of
        them all.
    """
    hits = hits[:NEIGHBOURS]
    own = [hit for hit in hits if _has(hit, rank, name)]
    others = [hit for hit in hits if _has_another(hit, rank, name)]
    near = max(0.0, 1.0 - max(hit.similarity for hit in own))
    rival = 1.0 - max((h.similarity for h in others), default=min(h.similarity for h in hits))
    lead = math.log((max(0.0, rival) + _ROUND) / (near + _ROUND))
    if photo is not None:
        off_centre = max(0.0, 1.0 - photo.centres.get(rank, 1.0 - near))
        numbers = (lead, math.log(off_centre + _ROUND))
        return numbers if photo.strength is None else (*numbers, math.log(photo.strength + _ROUND))
    cosine = (
        math.log(near + _ROUND),
        near,
        lead,
        _share(hits, rank, name),
        math.log(len(own)),
        _spread([1.0 - hit.similarity for hit in own]),
    )
    aligned = [hit.identity for hit in hits if hit.identity is not None]
    if not aligned:
        return cosine
    differences = [1.0 - hit.identity for hit in own if hit.identity is not None] or [_FARTHEST]
    mine = min(differences)
    theirs = 1.0 - max((h.identity for h in others if h.identity is not None), default=min(aligned))
    return (
        *cosine,
        math.log(mine + _ROUND),
        min(mine, _FARTHEST),
        math.log((theirs + _ROUND) / (mine + _ROUND)),
        max(-_FARTHEST, min(theirs - mine, _FARTHEST)),
        _spread(differences),
    )


def _spread(distances: Sequence[float]) -> float:
    nearest = max(0.0, min(distances))
    return math.log((max(0.0, median(distances)) + _ROUND) / (nearest + _ROUND))


def _has(hit: Hit, rank: str, name: str) -> bool:
    return any(lineage.at(rank) == name for lineage, _ in hit.labels)


def _has_another(hit: Hit, rank: str, name: str) -> bool:
    return any(lineage.at(rank) not in {name, None} for lineage, _ in hit.labels)


def _share(hits: Sequence[Hit], rank: str, name: str) -> float:
    """The share of the vote that the name has."""
    own = total = 0.0
    for hit in comparable(hits):
        weight = 1.0 / distance(hit) ** 2
        named = [(lineage.at(rank), count) for lineage, count in hit.labels if lineage.at(rank)]
        count = sum(n for _, n in named)
        if count:
            total += weight
            own += weight * sum(n for other, n in named if other == name) / count
    return own / total if total else 0.0
