"""A logistic regression on numbers and their hinges, small enough to lie in a JSON file.

Hinges at the quartiles let the log-odds bend, so that the probabilities fit without a forest.
Fitted by Newton's method with a ridge; the tests hold it against scikit-learn, which would be a
hundred megabytes to install for these few lines.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_RIDGE = 20.0
"""Rows come in species that are right or wrong together, so there is less to learn from them than
their number says; held out, a few dozen species may be all there is."""

_ROUNDS = 50
_AT_ONCE = 64
_ODDS = 30.0
"""Beyond these log-odds, all is equally sure."""

_QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True, slots=True)
class Logistic:
    """A fitted curve.

    Attributes:
        mean, scale: of each number, by which it is made comparable.
        knots: for each number, where its log-odds may bend.
        weights: the constant, then one of each number, then one of each hinge, knot by knot.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    knots: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]

    def probability(self, numbers: Sequence[float]) -> float:
        """The probability of one row: what `probabilities` says, sooner."""
        count = len(self.mean)
        plain = [
            (x - mid) / wide for x, mid, wide in zip(numbers, self.mean, self.scale, strict=True)
        ]
        odds = self.weights[0] + sum(map(mul, self.weights[1 : 1 + count], plain))
        for turn, knots in enumerate(self.knots, start=1):
            weights = self.weights[1 + turn * count : 1 + (turn + 1) * count]
            for weight, x, knot in zip(weights, plain, knots, strict=True):
                if x > knot:
                    odds += weight * (x - knot)
        return 1.0 / (1.0 + math.exp(-max(-_ODDS, min(odds, _ODDS))))

    def probabilities(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probability of each row `[n, numbers]`."""
        import numpy as np

        plain = (rows - np.array(self.mean)) / np.array(self.scale)
        odds: NDArray[np.float64] = _with_hinges(plain, np.array(self.knots)) @ self.weights
        return _sigmoid(odds)


def fit_logistic(
    rows: NDArray[np.float64], right: NDArray[np.float64], weights: NDArray[np.float64]
) -> Logistic:
    """Fit the probability of being right.

    Args:
        rows: `[n, numbers]`.
        right: `[n]`, 0 or 1.
        weights: `[n]`, with a mean of about 1.
    """
    import numpy as np

    mean = rows.mean(axis=0)
    scale = np.where(rows.std(axis=0) > 1e-9, rows.std(axis=0), 1.0)
    plain = (rows - mean) / scale
    knots = np.quantile(plain, _QUARTILES, axis=0)
    basis = _with_hinges(plain, knots)
    ridge = np.full(basis.shape[1], _RIDGE)
    ridge[0] = 1e-6
    found = np.zeros(basis.shape[1])
    for _ in range(_ROUNDS):
        chance = _sigmoid(np.einsum("ni,i->n", basis, found))
        slope = np.einsum("ni,n->i", basis, weights * (chance - right)) + ridge * found
        bend = _products(basis, weights * chance * (1 - chance)) + np.diag(ridge)
        step = np.linalg.solve(bend, slope)
        found = found - step / max(1.0, float(np.abs(step).max()) / 5.0)
        if float(np.abs(step).max()) < 1e-8:
            break
    return Logistic(_floats(mean), _floats(scale), tuple(map(_floats, knots)), _floats(found))


def _products(basis: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """`basis.T @ diag(weights) @ basis`, a few rows at a time.

    So small, products are not spread over threads, whose waiting for each other costs more than
    the work: thirty times as much on a busy machine.
    """
    import numpy as np

    total = np.zeros((basis.shape[1], basis.shape[1]))
    for start in range(0, len(basis), _AT_ONCE):
        rows = basis[start : start + _AT_ONCE]
        total += (rows * weights[start : start + _AT_ONCE, None]).T @ rows
    return total


def _with_hinges(plain: NDArray[np.float64], knots: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    hinges = [np.maximum(plain - knot, 0.0) for knot in knots]
    return np.concatenate([np.ones((len(plain), 1)), plain, *hinges], axis=1)


def _sigmoid(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    return 1.0 / (1.0 + np.exp(-np.clip(odds, -_ODDS, _ODDS)))


def _floats(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(f"{value:.7g}") for value in values)
