"""What an evaluation found: queries with their truth and candidates, and the scores of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clibd_cli.core.lineage import RANKS
from clibd_cli.training.metrics import Accuracy, RankScores, harmonic_accuracy, score_rank

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Judged:
    """Queries, with names as numbers (`training.metrics`).

    Attributes:
        n: how many.
        names: at each rank that can be measured, what the codes stand for.
        truth: codes int [n] at each rank.
        candidates: codes int [n, m] at each rank, best first.
        seen: 1 where the species was taught, 0 where not, -1 where neither is known, int [n];
            None where there is no split.
        key_counts: the number of keys of each species, int [species names]; None if unknown.
    """

    n: int
    names: dict[str, list[str]]
    truth: dict[str, np.ndarray]
    candidates: dict[str, np.ndarray]
    seen: np.ndarray | None = None
    key_counts: np.ndarray | None = None

    def part(self, seen: int) -> Judged:
        """The queries of taught species (1) or of others (0)."""
        assert self.seen is not None
        chosen = self.seen == seen
        return Judged(
            n=int(chosen.sum()),
            names=self.names,
            truth={rank: codes[chosen] for rank, codes in self.truth.items()},
            candidates={rank: codes[chosen] for rank, codes in self.candidates.items()},
            key_counts=self.key_counts,
        )


@dataclass(frozen=True, slots=True)
class Scores:
    """The measures of a set of queries.

    Attributes:
        n: queries, those without a true name at some rank included.
    """

    n: int
    ranks: dict[str, RankScores]

    def to_json(self) -> dict[str, Any]:
        """`{"n", "ranks": {rank: {"micro": {"top1"}, "macro"}}, "details"}`; None is unknown."""
        return {
            "n": self.n,
            "ranks": {rank: _accuracy_json(s.accuracy) for rank, s in self.ranks.items()},
            "details": {
                rank: {
                    "n": scores.n,
                    "classes": scores.classes,
                    "coverage": scores.coverage,
                    "precision": scores.precision,
                }
                for rank, scores in self.ranks.items()
            },
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """One kind of query compared with one kind of key, or one table of predictions.

    Attributes:
        query, key: the features (`image`, `mean`, …); empty for tables.
        n_keys: vectors that were searched; 0 for tables.
        everything, seen, unseen: the latter two where there is a split.
        harmonic: the harmonic means of seen and unseen, at each rank.
    """

    query: str
    key: str
    n_keys: int
    judged: Judged
    everything: Scores
    seen: Scores | None = None
    unseen: Scores | None = None
    harmonic: dict[str, Accuracy] | None = None

    @property
    def title(self) -> str:
        """`image → dna`; empty for tables."""
        return f"{self.query} → {self.key}" if self.query else ""

    def to_json(self) -> dict[str, Any]:
        """The scores of everything, with objects `seen`, `unseen`, `harmonic_mean` inside."""
        facts: dict[str, Any] = self.everything.to_json()
        if self.query:
            facts = {"query": self.query, "key": self.key, "n_keys": self.n_keys, **facts}
        for name, scores in (("seen", self.seen), ("unseen", self.unseen)):
            if scores is not None:
                facts[name] = scores.to_json()
        if self.harmonic is not None:
            ranks = {rank: _accuracy_json(accuracy) for rank, accuracy in self.harmonic.items()}
            facts["harmonic_mean"] = {"ranks": ranks}
        return facts


@dataclass(frozen=True, slots=True)
class Space:
    """Some vectors of the specimens, for a map.

    Attributes:
        vectors: float32 [n, dim].
        kinds: the modality of each.
        names: at each rank, a name or None for each.
    """

    vectors: np.ndarray
    kinds: list[str]
    names: dict[str, list[str | None]]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All that was measured.

    Attributes:
        comparisons: one for tables; for stores, one for each pair of features.
        facts: where it came from (tables, or model and stores).
        counts: what else there is to know, such as `without_prediction`.
    """

    comparisons: tuple[Comparison, ...]
    facts: dict[str, str]
    counts: dict[str, int] = field(default_factory=dict)
    space: Space | None = None

    def to_json(self) -> dict[str, Any]:
        """Of a single comparison its scores at the top; of several, a list `comparisons`."""
        if len(self.comparisons) == 1:
            scores = self.comparisons[0].to_json()
        else:
            scores = {"comparisons": [comparison.to_json() for comparison in self.comparisons]}
        return {**scores, **self.facts, "counts": self.counts}


def compare(judged: Judged, query: str = "", key: str = "", n_keys: int = 0) -> Comparison:
    """Score everything, and seen and unseen queries where they are known."""
    everything = _scores(judged)
    if judged.seen is None:
        return Comparison(query, key, n_keys, judged, everything)
    seen, unseen = _scores(judged.part(1)), _scores(judged.part(0))
    harmonic = {
        rank: harmonic_accuracy(seen.ranks[rank].accuracy, unseen.ranks[rank].accuracy)
        for rank in seen.ranks
    }
    return Comparison(query, key, n_keys, judged, everything, seen, unseen, harmonic)


def _scores(judged: Judged) -> Scores:
    ranks = [rank for rank in RANKS if rank in judged.truth]
    found = {rank: score_rank(judged.truth[rank], judged.candidates[rank]) for rank in ranks}
    return Scores(judged.n, found)


def _accuracy_json(accuracy: Accuracy) -> dict[str, dict[str, float | None]]:
    def named(values: Mapping[int, float | None]) -> dict[str, float | None]:
        return {f"top{k}": value for k, value in values.items()}

    return {"micro": named(accuracy.micro), "macro": named(accuracy.macro)}
