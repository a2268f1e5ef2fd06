"""Approximate search with hnswlib, its traps closed.

hnswlib 0.8 forgets `ef` on loading, loads a file of another dimension without a word, crashes on
damaged files, and is reproducible only when built on one thread; so the caller keeps all
parameters and the file's SHA-256 in the sidecar and checks them before the file is opened here.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clibd_cli.core.errors import ClibdError

if TYPE_CHECKING:
    import numpy as np

_ADD_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class HnswSettings:
    """The parameters of a graph (Malkov & Yashunin 2018), all of which the sidecar keeps.

    Attributes:
        m: links a node.
        ef_construction: width of the search while building.
        ef: width of the search while querying; raised at build time until the recall is good.
    """

    m: int = 24
    ef_construction: int = 200
    ef: int = 64
    seed: int = 0


def hnsw_available() -> bool:
    """Whether hnswlib can be imported."""
    try:
        import hnswlib  # noqa: F401
    except ImportError:
        return False
    return True


class HnswIndex:
    """A graph over unit vectors; `settings.ef` may be changed at any time."""

    kind = "hnsw"

    def __init__(self, graph: Any, settings: HnswSettings, threads: int = -1) -> None:
        self._graph = graph
        self.settings = settings
        self._graph.set_num_threads(threads)
        self._graph.set_ef(settings.ef)

    def __len__(self) -> int:
        return int(self._graph.element_count)

    @classmethod
    def empty(cls, dim: int, settings: HnswSettings) -> HnswIndex:
        """A graph without vectors yet."""
        graph = _hnswlib().Index(space="ip", dim=dim)
        graph.init_index(
            max_elements=1,
            M=settings.m,
            ef_construction=settings.ef_construction,
            random_seed=settings.seed,
        )
        return cls(graph, settings)

    @classmethod
    def load(cls, path: Path, dim: int, count: int, settings: HnswSettings) -> HnswIndex:
        """Read a graph whose SHA-256 the caller has checked.

        Raises:
            ClibdError: where it is cut off or does not hold `count` vectors.
        """
        graph = _hnswlib().Index(space="ip", dim=dim)
        try:
            graph.load_index(str(path))
        except RuntimeError as error:
            raise ClibdError(f"{path} is damaged: {error}", "Build the index anew.") from error
        if graph.element_count != count:
            raise ClibdError(
                f"{path} holds {graph.element_count} vectors, not {count}", "Build the index anew."
            )
        return cls(graph, settings)

    def extend(
        self, keys: np.ndarray, threads: int = 1, advance: Callable[[int], None] = lambda _: None
    ) -> None:
        """Insert unique vectors [n, dim], numbered on from the last.

        One thread gives the same bytes every time. `advance` is told of inserted vectors.
        """
        import numpy as np

        first = len(self)
        self._graph.resize_index(max(1, first + len(keys)))
        for start in range(0, len(keys), _ADD_BLOCK):
            block = np.asarray(keys[start : start + _ADD_BLOCK], dtype=np.float32)
            numbers = np.arange(first + start, first + start + len(block))
            self._graph.add_items(block, numbers, num_threads=threads)
            advance(len(block))

    def save(self, path: Path) -> None:
        """Write the graph to `path`.

        Raises:
            OSError: where it does not fit on the disk, which hnswlib says nothing of.
        """
        self._graph.save_index(str(path))
        if path.stat().st_size != self._graph.index_file_size():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    def with_ef(self, ef: int) -> HnswIndex:
        """The same graph, searched more or less widely."""
        return HnswIndex(self._graph, replace(self.settings, ef=ef))

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The `k` nearest keys of each query (see `protocol.VectorIndex`)."""
        import numpy as np

        k = min(k, len(self))
        if k > self.settings.ef:
            self._graph.set_ef(k)
        numbers, distances = self._graph.knn_query(queries, k=k)
        self._graph.set_ef(self.settings.ef)
        numbers = numbers.astype(np.int64)
        similarities = (1.0 - distances).astype(np.float32)
        order = np.lexsort((numbers, -similarities), axis=1)
        return (
            np.take_along_axis(numbers, order, axis=1),
            np.take_along_axis(similarities, order, axis=1),
        )


def _hnswlib() -> Any:
    try:
        import hnswlib
    except ImportError as error:
        raise ClibdError(
            "HNSW search needs hnswlib, which is not installed",
            'Install it with `pip install "clibd[hnsw]"` (it needs a C++ compiler), '
            "or use --exact.",
        ) from error
    return hnswlib
