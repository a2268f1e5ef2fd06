"""From references that were asked as if unknown to a calibration of each rank.

A query may be of a species that the references have, or of a new one, even of a new genus; half
and half is assumed. What the table of reliability and the thresholds say comes from rows whose
species the fitted curve had not seen.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from clibd_cli.calibration.curves import (
    BINS,
    Bin,
    Calibration,
    RankCalibration,
    Step,
)
from clibd_cli.calibration.features import COUNT, Features, PhotoSigns, features
from clibd_cli.calibration.logistic import fit_logistic
from clibd_cli.core.lineage import RANKS, Lineage
from clibd_cli.core.records import Hit, Modality

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Left = Literal["specimen", "species", "genus"]
"""What was left out of the references when one of them was asked."""

MIXTURE: dict[Left, float] = {"specimen": 0.5, "species": 0.45, "genus": 0.05}
"""The share of queries of each kind that is assumed: half of them known, half of them new."""

LEAST = 40
"""Queries of a kind below which nothing can be said."""

_FOLDS = 5
_STEPS = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """A reference that was asked, without itself, its species or its genus.

    Attributes:
        lineage: its true one.
        named: what the vote of its hits said.
        hits: the nearest first.
        photo: of a photo.
    """

    left: Left
    lineage: Lineage
    named: Lineage
    hits: Sequence[Hit]
    photo: PhotoSigns | None = None


@dataclass(frozen=True, slots=True)
class _Rows:
    """The questions of one rank, as arrays."""

    features: NDArray[np.float64]
    right: NDArray[np.float64]
    weights: NDArray[np.float64]
    folds: NDArray[np.int64]
    known: NDArray[np.bool_]


def fit_calibration(
    query: Modality,
    keys: Sequence[Modality],
    aligned: bool,
    representatives: bool,
    asked: Sequence[Asked],
    mixture: Mapping[Left, float] = MIXTURE,
    held_out: bool = False,
    least_bases: int = 0,
) -> Calibration | None:
    """Learn how likely names are right; None where there are too few references to tell.

    Args:
        mixture: the share of queries of each kind that is assumed.
        held_out: whether those that were asked are no references.
        least_bases: from how many bases on the calibration shall be used.
    """
    import numpy as np

    kinds = Counter(one.left for one in asked)
    if min(kinds["specimen"], kinds["species"]) < LEAST:
        return None
    rows = {r: found for r in RANKS if (found := _rows(r, asked, mixture, held_out))}
    if "species" not in rows:
        return None
    species = rows["species"]
    new = (~species.known).astype(np.float64)
    return Calibration(
        query=query,
        keys=tuple(keys),
        aligned=aligned,
        representatives=representatives,
        asked={left: kinds[left] for left in MIXTURE},
        far=_far(asked),
        ranks={rank: _fit_rank(rank, asked, found) for rank, found in rows.items()},
        new_species=len({one.lineage.species for one in asked if one.left != "specimen"}),
        learnt_from="held out" if held_out else "references",
        least_bases=least_bases,
        novelty=fit_logistic(species.features, new, species.weights),
    )


def _far(asked: Sequence[Asked]) -> float:
    """The similarity that only one in fifty new species falls below."""
    import numpy as np

    nearest = [one.hits[0].similarity for one in asked if one.left != "specimen" and one.hits]
    return round(float(np.quantile(nearest, 0.02)), 4)


def _fit_rank(rank: str, asked: Sequence[Asked], rows: _Rows) -> RankCalibration:
    import numpy as np

    chances = np.empty(len(rows.right))
    for fold in range(_FOLDS):
        held = rows.folds == fold
        if held.any():
            curve = fit_logistic(rows.features[~held], rows.right[~held], rows.weights[~held])
            chances[held] = curve.probabilities(rows.features[held])
    curve = fit_logistic(rows.features, rows.right, rows.weights)
    single = len({one.lineage.at(rank) for one in asked} - {None}) == 1
    return RankCalibration(curve, single, _steps(chances, rows), _reliability(chances, rows))


def _rows(
    rank: str, asked: Sequence[Asked], mixture: Mapping[Left, float], held_out: bool
) -> _Rows | None:
    """What can be learnt at a rank; None where too few that were asked have a name there."""
    import numpy as np

    found: list[tuple[Features, bool, Left, int]] = []
    for one in asked:
        name, truth = one.named.at(rank), one.lineage.at(rank)
        if name and truth and one.hits:
            # A species stays in one fold, whatever was left out.
            fold = zlib.crc32((one.lineage.species or truth).encode()) % _FOLDS
            numbers = features(one.hits, rank, name, one.photo)
            found.append((numbers, name == truth, one.left, fold))
    # Little is known of some, such as short pieces that lie on no reference: they get no name.
    usual = Counter(len(numbers) for numbers, _, _, _ in found).most_common(1)
    found = [one for one in found if len(one[0]) == usual[0][0]]
    kinds = Counter(left for _, _, left, _ in found)
    if min(kinds["specimen"], kinds["species"]) < LEAST:
        return None
    rows = np.array([one for one, _, _, _ in found])
    if not held_out and asked[0].photo is None:
        # Without itself a specimen leaves its species one reference less than a new one finds at
        # its neighbour's: that number would give away what was left out.
        rows[:, COUNT] = 0.0
    total = sum(mixture[left] for left in kinds)
    weights = [mixture[left] / total / kinds[left] * len(found) for _, _, left, _ in found]
    return _Rows(
        rows,
        np.array([right for _, right, _, _ in found], dtype=np.float64),
        np.array(weights),
        np.array([fold for _, _, _, fold in found]),
        np.array([left == "specimen" for _, _, left, _ in found]),
    )


def _steps(chances: NDArray[np.float64], rows: _Rows) -> tuple[Step, ...]:
    """For rising thresholds, how many of the names that pass are right, and how many pass."""
    import numpy as np

    steps = []
    for threshold in np.unique(np.quantile(chances, np.linspace(0.0, 1.0, _STEPS))):
        passed = chances >= threshold
        weights = rows.weights[passed]
        steps.append(
            Step(
                round(float(threshold), 6),
                round(float(np.average(rows.right[passed], weights=weights)), 4),
                round(float(passed[rows.known].mean()), 4),
                round(float(passed[~rows.known].mean()), 4),
            )
        )
    return tuple(steps)


def _reliability(chances: NDArray[np.float64], rows: _Rows) -> tuple[Bin, ...]:
    import numpy as np

    places = np.minimum((chances * BINS).astype(np.int64), BINS - 1)
    bins = []
    for place in range(BINS):
        within = places == place
        if within.any():
            weights = rows.weights[within]
            bins.append(
                Bin(
                    int(within.sum()),
                    round(float(weights.sum() / rows.weights.sum()), 4),
                    round(float(np.average(chances[within], weights=weights)), 4),
                    round(float(np.average(rows.right[within], weights=weights)), 4),
                )
            )
    return tuple(bins)
