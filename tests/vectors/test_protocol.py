"""One suite over every vector index, as built and as saved and loaded again."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clibd_cli.core.errors import ClibdError
from clibd_cli.vectors.exact import ExactIndex
from clibd_cli.vectors.hnsw import HnswIndex, HnswSettings, hnsw_available
from clibd_cli.vectors.protocol import VectorIndex
from tests.vectors.made import unit_vectors

Maker = Callable[[np.ndarray, Path], VectorIndex]


def exact(keys: np.ndarray, folder: Path) -> VectorIndex:
    return ExactIndex(keys)


def exact_from_disk(keys: np.ndarray, folder: Path) -> VectorIndex:
    np.save(folder / "keys.npy", keys)
    return ExactIndex(np.load(folder / "keys.npy", mmap_mode="r"))


def exact_half(keys: np.ndarray, folder: Path) -> VectorIndex:
    return ExactIndex(keys.astype(np.float16))


def hnsw(keys: np.ndarray, folder: Path) -> HnswIndex:
    graph = HnswIndex.empty(keys.shape[1], HnswSettings(ef=200))
    graph.extend(keys)
    return graph


def hnsw_grown(keys: np.ndarray, folder: Path) -> VectorIndex:
    graph = HnswIndex.empty(keys.shape[1], HnswSettings(ef=200))
    half = len(keys) // 2
    graph.extend(keys[:half])
    graph.extend(keys[half:])
    return graph


def hnsw_from_disk(keys: np.ndarray, folder: Path) -> VectorIndex:
    built = HnswIndex.empty(keys.shape[1], HnswSettings(ef=200))
    built.extend(keys)
    built.save(folder / "graph.bin")
    return HnswIndex.load(folder / "graph.bin", keys.shape[1], len(keys), HnswSettings(ef=200))


needs_hnswlib = pytest.mark.skipif(not hnsw_available(), reason="hnswlib is not installed")
MAKERS = [
    exact,
    exact_from_disk,
    exact_half,
    *(pytest.param(make, marks=needs_hnswlib) for make in (hnsw, hnsw_grown, hnsw_from_disk)),
]


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest) -> Maker:
    maker: Maker = request.param
    return maker


def test_every_key_finds_itself_first(make: Maker, tmp_path: Path) -> None:
    keys = unit_vectors(500)
    numbers, similarities = make(keys, tmp_path).search(keys, 3)
    assert (numbers[:, 0] == np.arange(500)).all()
    np.testing.assert_allclose(similarities[:, 0], 1.0, atol=2e-3)


def test_neighbours_are_those_of_brute_force(make: Maker, tmp_path: Path) -> None:
    keys, queries = unit_vectors(400), unit_vectors(50, seed=1)
    numbers, similarities = make(keys, tmp_path).search(queries, 5)
    cosines = queries @ keys.T
    expected = np.argsort(-cosines, axis=1)[:, :5]
    assert (numbers == expected).mean() > 0.98
    np.testing.assert_allclose(
        similarities, np.take_along_axis(cosines, numbers, axis=1), atol=2e-3
    )


def test_best_come_first(make: Maker, tmp_path: Path) -> None:
    _, similarities = make(unit_vectors(300), tmp_path).search(unit_vectors(20, seed=2), 10)
    assert (np.diff(similarities, axis=1) <= 0).all()


def test_k_larger_than_the_index(make: Maker, tmp_path: Path) -> None:
    numbers, similarities = make(unit_vectors(4), tmp_path).search(unit_vectors(2, seed=3), 10)
    assert numbers.shape == similarities.shape == (2, 4)
    assert sorted(numbers[0].tolist()) == [0, 1, 2, 3]


def test_k_larger_than_ef(make: Maker, tmp_path: Path) -> None:
    numbers, _ = make(unit_vectors(600), tmp_path).search(unit_vectors(1, seed=3), 300)
    assert len(set(numbers[0].tolist())) == 300


def test_types_and_length(make: Maker, tmp_path: Path) -> None:
    index = make(unit_vectors(10), tmp_path)
    numbers, similarities = index.search(unit_vectors(1), 2)
    assert (numbers.dtype, similarities.dtype) == (np.int64, np.float32)
    assert len(index) == 10
    assert index.kind in {"exact", "hnsw"}


def test_no_queries(make: Maker, tmp_path: Path) -> None:
    numbers, similarities = make(unit_vectors(10), tmp_path).search(
        np.empty((0, 16), dtype=np.float32), 3
    )
    assert len(numbers) == len(similarities) == 0


def test_one_key(make: Maker, tmp_path: Path) -> None:
    numbers, _ = make(unit_vectors(1), tmp_path).search(unit_vectors(3, seed=5), 5)
    assert numbers.tolist() == [[0], [0], [0]]


def test_exact_ties_come_in_the_order_of_their_numbers() -> None:
    keys = np.repeat(unit_vectors(1), 5, axis=0)
    numbers, _ = ExactIndex(keys).search(keys[:1], 5)
    assert numbers.tolist() == [[0, 1, 2, 3, 4]]


def test_exact_search_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clibd_cli.vectors.exact._KEYS_A_BLOCK", 7)
    monkeypatch.setattr("clibd_cli.vectors.exact._QUERIES_A_BLOCK", 3)
    keys, queries = unit_vectors(50), unit_vectors(11, seed=4)
    numbers, _ = ExactIndex(keys).search(queries, 4)
    assert (numbers == np.argsort(-(queries @ keys.T), axis=1)[:, :4]).all()


@pytest.mark.parametrize("k", [1, 7, 40])
def test_exact_search_among_many_finds_what_sorting_finds(k: int) -> None:
    keys, queries = unit_vectors(5003), unit_vectors(40, seed=6)
    gone = [np.arange(row, 5003, 2) for row in range(40)]
    numbers, similarities = ExactIndex(keys).search(queries, k, gone)
    cosines = queries @ keys.T
    for row, left_out in enumerate(gone):
        cosines[row, left_out] = -np.inf
    assert (numbers == np.argsort(-cosines, axis=1)[:, :k]).all()
    np.testing.assert_allclose(similarities, -np.sort(-cosines, axis=1)[:, :k], atol=1e-6)


def test_exact_searches_at_the_same_time_do_not_disturb_each_other() -> None:
    index = ExactIndex(unit_vectors(3000))
    queries = [unit_vectors(n, seed=n) for n in (1, 700, 20, 512) * 3]
    expected = [index.search(some, 5)[0] for some in queries]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda some: index.search(some, 5)[0], queries))
    assert all((a == b).all() for a, b in zip(expected, found, strict=True))


def test_exact_search_among_no_keys() -> None:
    numbers, similarities = ExactIndex(np.empty((0, 16), np.float32)).search(unit_vectors(2), 3)
    assert numbers.shape == similarities.shape == (2, 0)


@needs_hnswlib
def test_a_graph_built_twice_has_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        graph = HnswIndex.empty(16, HnswSettings())
        graph.extend(unit_vectors(300))
        graph.save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.skipif(not hnsw_available(), reason="hnswlib is not installed")
def test_a_graph_that_does_not_fit_on_the_disk_is_no_graph(tmp_path: Path) -> None:
    """hnswlib says nothing of a full disk, and leaves a file that is cut off."""

    class Full:
        def __init__(self, graph: Any) -> None:
            self._graph = graph

        def __getattr__(self, name: str) -> Any:
            return getattr(self._graph, name)

        def save_index(self, path: str) -> None:
            self._graph.save_index(path)
            os.truncate(path, 1000)

    graph = hnsw(unit_vectors(50), tmp_path)
    graph._graph = Full(graph._graph)
    with pytest.raises(OSError, match="No space left"):
        graph.save(tmp_path / "g.bin")
    with pytest.raises(ClibdError, match=r"g\.bin is damaged"):
        HnswIndex.load(tmp_path / "g.bin", 16, 50, HnswSettings())
