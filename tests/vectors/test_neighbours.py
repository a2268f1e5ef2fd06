"""Nearest others, never the vector itself."""

from __future__ import annotations

import numpy as np
import pytest

from clibd_cli.vectors import neighbours
from clibd_cli.vectors.hnsw import hnsw_available
from clibd_cli.vectors.neighbours import nearest_others
from tests.vectors.made import unit_vectors


@pytest.mark.parametrize("exact", [True, False])
def test_as_found_by_comparing_all_with_all(monkeypatch: pytest.MonkeyPatch, exact: bool) -> None:
    if not exact and not hnsw_available():
        pytest.skip("hnswlib is not installed")
    monkeypatch.setattr(neighbours, "EXACT_BELOW", 10_000 if exact else 10)
    monkeypatch.setattr(neighbours, "_A_BLOCK", 64)
    vectors = unit_vectors(150)
    numbers, similarities = nearest_others(vectors, 5)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -2)
    np.testing.assert_array_equal(numbers, np.argsort(-cosines, axis=1)[:, :5])
    np.testing.assert_allclose(similarities, -np.sort(-cosines, axis=1)[:, :5], atol=1e-5)


def test_few_vectors_have_few_neighbours() -> None:
    assert nearest_others(unit_vectors(3), 10)[0].shape == (3, 2)
    assert nearest_others(unit_vectors(1), 10)[0].shape == (1, 0)
    assert nearest_others(np.empty((0, 16), np.float32), 10)[0].shape == (0, 0)


def test_vectors_of_half_precision() -> None:
    vectors = unit_vectors(40).astype(np.float16)
    numbers, similarities = nearest_others(vectors, 3)
    assert not (numbers == np.arange(40)[:, None]).any()
    assert similarities.dtype == np.float32
    assert similarities.max() <= 1.0
