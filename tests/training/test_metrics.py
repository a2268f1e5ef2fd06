"""The measures against scikit-learn and against the words of the paper, one specimen at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clibd_cli.training.metrics import (
    NONE,
    Accuracy,
    class_accuracy,
    confusion,
    first_hit,
    harmonic_accuracy,
    harmonic_mean,
    score_rank,
)

codes = st.integers(NONE, 6)


@st.composite
def namings(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    width = draw(st.integers(1, 6))
    rows = draw(st.lists(st.tuples(codes, st.tuples(*[codes] * width)), max_size=40))
    truth = np.array([true for true, _ in rows], dtype=np.int64)
    return truth, np.array([given for _, given in rows], dtype=np.int64).reshape(-1, width)


@settings(deadline=None)
@given(namings())
def test_top_1_is_that_of_scikit_learn(naming: tuple[np.ndarray, np.ndarray]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    truth, candidates = naming
    found = score_rank(truth, candidates)
    counts = truth != NONE
    true, named = truth[counts], candidates[counts, 0]
    assert found.n == len(true)
    if not len(true):
        assert found.accuracy.micro[1] is None
        assert found.accuracy.macro[1] is None
        return
    assert found.accuracy.micro[1] == pytest.approx(metrics.accuracy_score(true, named))
    macro = metrics.recall_score(
        true, named, labels=np.unique(true), average="macro", zero_division=0
    )
    assert found.accuracy.macro[1] == pytest.approx(macro)
    assert found.classes == len(set(true.tolist()))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
def test_top_k_is_that_of_scikit_learn(seed: int, n: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 8, n)
    scores = rng.permuted(np.tile(np.arange(8), (n, 1)), axis=1)
    candidates = np.argsort(-scores, axis=1)
    found = score_rank(truth, candidates).accuracy.micro
    for k in (1, 3, 5):
        wanted = metrics.top_k_accuracy_score(truth, scores, k=k, labels=np.arange(8))
        assert found[k] == pytest.approx(wanted)


@settings(deadline=None)
@given(namings())
def test_every_measure_is_what_the_words_say(naming: tuple[np.ndarray, np.ndarray]) -> None:
    truth, candidates = naming
    rows = [(t, c) for t, c in zip(truth.tolist(), candidates.tolist(), strict=True) if t != NONE]
    found = score_rank(truth, candidates)
    assert set(found.accuracy.micro) == {k for k in (1, 3, 5) if k <= candidates.shape[1]}
    for k in found.accuracy.micro:
        hits = [t in c[:k] for t, c in rows]
        by_class = {
            name: [hit for (t, _), hit in zip(rows, hits, strict=True) if t == name]
            for name in {t for t, _ in rows}
        }
        means = [sum(h) / len(h) for h in by_class.values()]
        assert found.accuracy.micro[k] == (_about(hits) if hits else None)
        assert found.accuracy.macro[k] == (_about(means) if means else None)
    named = [(t, c[0]) for t, c in rows if c[0] != NONE]
    assert found.coverage == (pytest.approx(len(named) / len(rows)) if rows else None)
    assert found.precision == (_about([t == c for t, c in named]) if named else None)


def _about(values: list[bool] | list[float]) -> object:
    return pytest.approx(sum(values) / len(values))


def test_a_blank_is_wrong_and_no_truth_does_not_count() -> None:
    truth = np.array([0, 0, 1, NONE, NONE])
    candidates = np.array([[0], [NONE], [0], [NONE], [0]])
    found = score_rank(truth, candidates)
    assert (found.n, found.classes) == (3, 2)
    assert found.accuracy == Accuracy({1: pytest.approx(1 / 3)}, {1: pytest.approx(1 / 4)})
    assert found.coverage == pytest.approx(2 / 3)
    assert found.precision == pytest.approx(1 / 2)


def test_the_first_right_candidate() -> None:
    candidates = np.array([[2, 1, 1], [0, 0, 0], [NONE, NONE, NONE]])
    assert first_hit(np.array([1, 1, NONE]), candidates).tolist() == [1, 3, 3]


def test_accuracy_of_each_class() -> None:
    right = np.array([True, False, True, True])
    classes, sizes, shares = class_accuracy(np.array([4, 4, 9, 9]), right)
    assert (classes.tolist(), sizes.tolist(), shares.tolist()) == ([4, 9], [2, 2], [0.5, 1.0])


@pytest.mark.parametrize(
    ("seen", "unseen", "mean"),
    [(0.956, 0.904, 0.929273), (0.0, 0.0, 0.0), (0.5, 0.0, 0.0), (None, 0.5, None)],
)
def test_harmonic_mean(seen: float | None, unseen: float | None, mean: float | None) -> None:
    assert harmonic_mean(seen, unseen) == (None if mean is None else pytest.approx(mean, abs=1e-6))


def test_harmonic_means_of_all_accuracies() -> None:
    seen = Accuracy({1: 1.0, 3: 1.0}, {1: 0.5, 3: None})
    unseen = Accuracy({1: 0.5, 3: 1.0}, {1: 0.5, 3: 1.0})
    found = harmonic_accuracy(seen, unseen)
    assert found.micro == {1: pytest.approx(2 / 3), 3: 1.0}
    assert found.macro == {1: 0.5, 3: None}


@settings(deadline=None)
@given(namings())
def test_confusion_counts_pairs(naming: tuple[np.ndarray, np.ndarray]) -> None:
    truth, candidates = naming
    pairs = [p for p in zip(truth.tolist(), candidates[:, 0].tolist(), strict=True) if p[0] >= 0]
    true, given_names, times = confusion(truth, candidates[:, 0])
    found = dict(zip(zip(true.tolist(), given_names.tolist(), strict=True), times, strict=True))
    assert found == {pair: pairs.count(pair) for pair in set(pairs)}
