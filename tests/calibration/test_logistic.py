"""The curve, against scikit-learn and against what was planted."""

from __future__ import annotations

import numpy as np
import pytest

from clibd_cli.calibration.logistic import _RIDGE, _with_hinges, fit_logistic


def planted(n: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n, 3))
    odds = 2.0 * rows[:, 0] - 1.0 * np.abs(rows[:, 1]) + 0.5
    return rows, (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(float)


def test_it_is_the_ridge_regression_of_scikit_learn() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    rows, right = planted()
    weights = np.random.default_rng(1).uniform(0.5, 1.5, len(rows))
    curve = fit_logistic(rows, right, weights)
    plain = (rows - np.array(curve.mean)) / np.array(curve.scale)
    basis = _with_hinges(plain, np.array(curve.knots))[:, 1:]
    theirs = linear.LogisticRegression(C=1.0 / _RIDGE, max_iter=5000, tol=1e-10)
    theirs.fit(basis, right, sample_weight=weights)
    expected = theirs.predict_proba(basis)[:, 1]
    assert np.abs(curve.probabilities(rows) - expected).max() < 1e-3


def test_probabilities_are_what_was_planted() -> None:
    rows, right = planted(20_000)
    chances = fit_logistic(rows, right, np.ones(len(rows))).probabilities(rows)
    for low in np.arange(0.0, 1.0, 0.2):
        within = (chances >= low) & (chances < low + 0.2)
        assert right[within].mean() == pytest.approx(chances[within].mean(), abs=0.03)


def test_one_row_is_as_probable_as_among_others() -> None:
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(200, 3))
    curve = fit_logistic(rows, (rows[:, 0] > 0).astype(float), np.ones(200))
    rows[0] = 1e6
    alone = [curve.probability(row) for row in rows.tolist()]
    assert alone == pytest.approx(curve.probabilities(rows).tolist())


def test_answers_that_are_all_alike_are_no_trouble() -> None:
    rows = np.random.default_rng(2).normal(size=(100, 2))
    assert fit_logistic(rows, np.ones(100), np.ones(100)).probabilities(rows).min() > 0.9
    constant = np.ones((100, 2))
    assert np.isfinite(
        fit_logistic(constant, np.zeros(100), np.ones(100)).probabilities(constant)
    ).all()
