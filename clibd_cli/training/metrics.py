"""The paper's measures of a naming: top-k accuracy, micro and macro, coverage and precision.

Names are numbers here: equal names at one rank have equal codes from 0 on, and `NONE` is no name.
(Gong et al. 2025, section 5: "micro" averages over specimens, "macro" is the mean of the accuracies
of the classes that the truth has; a top-k hit is a right label among those of the k nearest keys.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

NONE = -1
"""The code of a name that is not there."""

TOP_K = (1, 3, 5)
"""The numbers of nearest keys that the paper reports."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Shares from 0 to 1 for each k, over specimens and over classes; None where nothing counts."""

    micro: dict[int, float | None]
    macro: dict[int, float | None]


@dataclass(frozen=True, slots=True)
class RankScores:
    """How good a naming is at one rank.

    Attributes:
        n: specimens that count: those with a true name at the rank.
        classes: distinct true names.
        coverage: the share of specimens that got a name at all.
        precision: the share of right ones among those that got a name.
    """

    n: int
    classes: int
    accuracy: Accuracy
    coverage: float | None
    precision: float | None


def score_rank(
    truth: np.ndarray, candidates: np.ndarray, top_k: Sequence[int] = TOP_K
) -> RankScores:
    """Measure a naming at one rank.

    Args:
        truth: codes int [n]; specimens with `NONE` do not count.
        candidates: codes int [n, m], the best first, m ≥ 1; `NONE` is never right.
        top_k: numbers of candidates among which the right name may be. Those above m are left
            out, since nobody knows them.
    """
    counts = truth != NONE
    true, given = truth[counts], candidates[counts]
    position = first_hit(true, given)
    known = [k for k in top_k if k <= candidates.shape[1]]
    by_class = {k: class_accuracy(true, position < k)[2] for k in known}
    named = given[:, 0] != NONE
    return RankScores(
        n=len(true),
        classes=len(class_accuracy(true, position < 1)[0]),
        accuracy=Accuracy(
            micro={k: _mean(position < k) for k in known},
            macro={k: _mean(accuracies) for k, accuracies in by_class.items()},
        ),
        coverage=_mean(named),
        precision=_mean((position == 0)[named]),
    )


def first_hit(truth: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """The position int [n] of the first right candidate, from 0; m where none of the m is right.

    Args:
        truth: codes int [n].
        candidates: codes int [n, m], the best first.
    """
    import numpy as np

    right = (candidates == truth[:, None]) & (truth != NONE)[:, None]
    position: np.ndarray = np.where(right.any(axis=1), right.argmax(axis=1), right.shape[1])
    return position


def class_accuracy(
    truth: np.ndarray, right: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The classes of the truth: their codes, numbers of specimens, and shares that are right.

    Args:
        truth: codes int [n], none of them `NONE`.
        right: bool [n].
    """
    import numpy as np

    sizes = np.bincount(truth)
    classes = np.flatnonzero(sizes)
    hits = np.bincount(truth[right], minlength=len(sizes))[classes]
    return classes, sizes[classes], hits / sizes[classes]


def harmonic_mean(seen: float | None, unseen: float | None) -> float | None:
    """Of an accuracy for seen and one for unseen species; None where either is not known."""
    if seen is None or unseen is None:
        return None
    return 2 * seen * unseen / (seen + unseen) if seen + unseen else 0.0


def harmonic_accuracy(seen: Accuracy, unseen: Accuracy) -> Accuracy:
    """The harmonic means of all accuracies that both have."""
    return Accuracy(
        micro={k: harmonic_mean(v, unseen.micro[k]) for k, v in seen.micro.items()},
        macro={k: harmonic_mean(v, unseen.macro[k]) for k, v in seen.macro.items()},
    )


def confusion(truth: np.ndarray, named: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which names were given to which classes, and how often, for the pairs that occur.

    Args:
        truth: codes int [n]; specimens with `NONE` do not count.
        named: codes int [n]; `NONE` is a class of its own here.

    Returns:
        True codes, given codes and counts, int [pairs] each, in the order of the codes.
    """
    import numpy as np

    counts = truth != NONE
    width = int(named.max(initial=NONE)) + 2
    pairs, times = np.unique(truth[counts] * width + named[counts] + 1, return_counts=True)
    return pairs // width, pairs % width - 1, times


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None
