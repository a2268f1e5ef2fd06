"""Labels that contradict each other: one genus in two families, one family in two orders ...

Such names make a partition wrong (a species is unseen under one name and trains under another) and
every score below the true one. Most are misspelt or outdated names; a few are homonyms.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.lineage import RANKS, Lineage

SHOWN = 20
"""Contradictions that an error message lists."""

_TOLD = 3
"""Contradictions that a warning lists."""

_PLURAL = {"order": "orders", "family": "families", "genus": "genera"}


@dataclass(frozen=True, slots=True)
class Parent:
    """A name above another: how many specimens say so, and the id of the first of them."""

    name: str
    specimens: int
    example: str


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A name under two or more names of one rank.

    Attributes:
        rank, name: the taxon that cannot be in two places.
        parent_rank: the nearest rank above that is named.
        parents: where it is, the commonest first.
    """

    rank: str
    name: str
    parent_rank: str
    parents: tuple[Parent, ...]

    def __str__(self) -> str:
        where = ", ".join(f"{p.name} ({p.specimens:,}, such as {p.example})" for p in self.parents)
        ranks = f"{len(self.parents)} {_PLURAL[self.parent_rank]}"
        return f"{self.rank} {self.name} is in {ranks}: {where}"


class InconsistentLabelsError(ClibdError):
    """Labels contradict each other, and nobody said to go on.

    Args:
        where: the list of all of them.
    """

    def __init__(self, contradictions: list[Contradiction], where: str) -> None:
        lines = [f"  {contradiction}" for contradiction in contradictions[:SHOWN]]
        if len(contradictions) > SHOWN:
            lines.append(f"  and {len(contradictions) - SHOWN:,} more")
        super().__init__(
            f"the labels contradict each other ({len(contradictions):,} times):\n"
            + "\n".join(lines),
            f"Correct the table (all of them are in {where}), or go on with --allow-inconsistent.",
        )
        self.contradictions = contradictions

    def as_data(self) -> list[dict[str, Any]]:
        """All contradictions as plain values, for JSON."""
        return [asdict(contradiction) for contradiction in self.contradictions]


def find_contradictions(labelled: Iterable[tuple[str, Lineage]]) -> list[Contradiction]:
    """The contradictions among the labels of specimens, given as ids and lineages.

    A name is compared with the nearest rank above it that its row names. They come by rank,
    broadest first, then by name.
    """
    counts: dict[Lineage, int] = {}
    examples: dict[Lineage, str] = {}
    for specimen_id, lineage in labelled:
        counts[lineage] = counts.get(lineage, 0) + 1
        examples.setdefault(lineage, specimen_id)
    found: dict[tuple[str, str, str], dict[str, Parent]] = {}
    for lineage, n in counts.items():
        for rank, name, parent_rank, parent in _steps(lineage):
            parents = found.setdefault((rank, name, parent_rank), {})
            known = parents.get(parent, Parent(parent, 0, examples[lineage]))
            parents[parent] = Parent(parent, known.specimens + n, known.example)
    ranked = sorted(found.items(), key=lambda item: (RANKS.index(item[0][0]), item[0]))
    return [
        Contradiction(*what, tuple(sorted(parents.values(), key=lambda p: (-p.specimens, p.name))))
        for what, parents in ranked
        if len(parents) > 1
    ]


def in_a_line(found: Sequence[Contradiction]) -> str:
    """How many contradictions there are, and the first of them, for a warning."""
    more = "; and so on" if len(found) > _TOLD else ""
    return (
        f"labels that contradict each other: {len(found):,} "
        f"({'; '.join(map(str, found[:_TOLD]))}{more})"
    )


def _steps(lineage: Lineage) -> Iterable[tuple[str, str, str, str]]:
    """Rank and name of a taxon and of the one above it, for each in a lineage that has one."""
    named = [(rank, name) for rank in RANKS if (name := lineage.at(rank))]
    return ((rank, name, above, parent) for ((above, parent), (rank, name)) in pairwise(named))
