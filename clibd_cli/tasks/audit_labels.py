"""Labels that the neighbours contradict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clibd_cli.alignment.identity import overlaps
from clibd_cli.core.lineage import RANKS
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.core.records import Hit
from clibd_cli.tasks.audit_findings import Finding, in_words
from clibd_cli.tasks.naming import name_by_vote
from clibd_cli.vectors.holdings import Holdings
from clibd_cli.vectors.label_trust import Trust
from clibd_cli.vectors.label_votes import Group, Vote, Votes
from clibd_cli.vectors.neighbours import nearest_others

if TYPE_CHECKING:
    import numpy as np

NEIGHBOURS = 10

LEAST_SCORE = 0.7
"""Contradictions below are no findings.

Measured with 5 % of the labels swapped (`benchmarks/audit_planted.py`) for another species of any
family, and of the same family. Of 174,352 barcodes of arthropods, 98 % and 95 % of the swapped
score higher, and 84 % and 82 % of what does was swapped; most of the rest is found without any
swapping, too. Of 6,146 photos of Lepidoptera 94 % and 85 % (89 % and 87 %) with a model that was
taught the true labels, 72 % and 47 % (83 % and 72 %) with features that were taught none.
"""

_WEIGHT = {"order": 1.0, "family": 1.0, "genus": 0.97, "species": 0.92}
"""A wrong species is a smaller error than a wrong family, and more often an honest doubt."""

_KEYS = {"dna": "barcodes", "image": "photos", "text": "names"}


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A group of references whose label its neighbours contradict at `rank`.

    Attributes:
        score: `trust` × (the winner's share of the vote - the label's own), 0 to 1.
        trust: how often labels agree with neighbours as near and unanimous as these.
    """

    group: Group
    rank: str
    score: float
    trust: float
    vote: Vote


def disagreements(votes: Votes, progress: Progress = SILENT) -> list[Disagreement]:
    """The labels that their neighbours contradict, at the rank where they do so most clearly.

    All of them, whatever their scores, in the order of the groups.
    """
    progress.begin("judging labels", len(RANKS) * len(votes.groups))
    worst: dict[int, Disagreement] = {}
    for rank in RANKS:
        cast = votes.at(rank, progress)
        trust = Trust(votes.groups, cast, rank)
        for i, (group, vote) in enumerate(zip(votes.groups, cast, strict=True)):
            if not trust.judged[i] or vote.winner == group.lineage.at(rank):
                continue
            believed = trust.of(vote)
            score = believed * max(0.0, vote.share - vote.own)
            if i not in worst or score > worst[i].score:
                worst[i] = Disagreement(group, rank, score, believed, vote)
    return [worst[i] for i in sorted(worst)]


def label_findings(
    held: Holdings,
    progress: Progress = SILENT,
    near: tuple[np.ndarray, np.ndarray] | None = None,
) -> list[Finding]:
    """A finding for each group of references whose label is probably wrong.

    Args:
        near: what `nearest_others` found, where the caller has it.
    """
    numbers, similarities = near or nearest_others(held.vectors, NEIGHBOURS, progress)
    votes = Votes(held, numbers[:, :NEIGHBOURS], similarities[:, :NEIGHBOURS])
    found = [d for d in disagreements(votes, progress) if d.score >= LEAST_SCORE]
    rows = held.rows_of_vectors()
    return [_finding(held, votes, numbers, rows, d) for d in found]


def _finding(
    held: Holdings,
    votes: Votes,
    numbers: np.ndarray,
    rows: Sequence[Sequence[int]],
    found: Disagreement,
) -> Finding:
    group, vote, rank = found.group, found.vote, found.rank
    first = group.rows[0]
    near = [group.vector, *numbers[group.vector].tolist()]
    example = next(
        (
            row
            for vector in near
            for row in rows[vector]
            if row not in group.rows and held.lineages[row].at(rank) == vote.winner
        ),
        first,
    )
    measured: dict[str, float | int | str] = {
        "share": vote.share,
        "own_share": vote.own,
        "trust": found.trust,
        "similarity": vote.similarity,
        "neighbours": vote.voters,
        "nearest": held.ids[example],
    }
    (overlap,) = overlaps(held.barcodes[first], [held.barcodes[example]])
    if overlap is not None:
        measured["identity"] = overlap.identity
    return Finding(
        severity=found.score * _WEIGHT[rank],
        kind="label_disagrees",
        evidence=held.modality,
        specimen_ids=tuple(held.ids[row] for row in group.rows),
        reason=_reason(held, found, held.ids[example], overlap.identity if overlap else None),
        current=in_words(group.lineage),
        suggested=in_words(name_by_vote([_hits(held, votes, group)]).lineage),
        rank=rank,
        numbers=measured,
        source=held.sources[first],
    )


def _reason(held: Holdings, found: Disagreement, nearest: str, identity: float | None) -> str:
    vote = found.vote
    like = f"{identity:.1%} identical" if identity is not None else f"cosine {vote.similarity:.3f}"
    own = f"{vote.own:.0%} {found.group.lineage.at(found.rank)}"
    return (
        f"{found.rank}: the {vote.voters} nearest {_KEYS[held.modality]} say {vote.winner} "
        f"({vote.share:.0%}, {own}; {nearest} is {like}); labels agree with such neighbours in "
        f"{found.trust:.1%}"
    )


def _hits(held: Holdings, votes: Votes, group: Group) -> list[Hit]:
    """The neighbours of a group as `classify` would see them."""
    return [
        Hit(0, held.modality, similarity, "", labels[0][0], None, "", tuple(labels))
        for similarity, labels in votes.neighbours(group)
    ]
