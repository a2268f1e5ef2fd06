"""Recall is measured on other keys than the query itself, and `ef` follows it."""

from __future__ import annotations

import numpy as np
import pytest

from clibd_cli.vectors.hnsw import HnswIndex, HnswSettings, hnsw_available
from clibd_cli.vectors.recall import tune_ef

pytestmark = pytest.mark.skipif(not hnsw_available(), reason="hnswlib is not installed")


def uniform(n: int, dim: int) -> np.ndarray:
    vectors = np.random.default_rng(1).normal(size=(n, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_ef_is_raised_until_the_recall_is_good() -> None:
    keys = uniform(3000, 64)  # random directions: as hard as it gets
    graph = HnswIndex.empty(64, HnswSettings(m=8, ef_construction=40, ef=4))
    graph.extend(keys)
    told: list[str] = []
    tuned, recall = tune_ef(graph, keys, seed=0, tell=told.append)
    assert "ef 4" in told[0]
    assert tuned.settings.ef > 64
    assert recall.at_1 >= 0.999 or tuned.settings.ef == 3000
    assert recall.sample == 1000


def test_a_graph_that_finds_only_the_query_itself_has_no_recall() -> None:
    keys = uniform(200, 32)
    graph = HnswIndex.empty(32, HnswSettings(ef=200))
    graph.extend(keys)

    class Forgetful(HnswIndex):
        def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
            numbers, similarities = super().search(queries, k)
            similarities[:, 1:] -= 0.5
            return numbers, similarities

    forgetful = Forgetful(graph._graph, HnswSettings(ef=200))
    assert tune_ef(forgetful, keys, seed=0)[1].at_1 == 0.0
