"""HNSW search beside faiss's and usearch's, each searched just widely enough for the same recall.

    pip install faiss-cpu usearch
    python benchmarks/hnsw_search.py [--keys 100000] [--threads 1] [--graphs 24,200] [--json FILE]

A million keys take each library many minutes of one core to link, and 1.5 GB of memory. Every
library builds a graph of each M and ef_construction in `--graphs`, in a process of its own, and
its ef is raised until recall@1 of the queries, against exact search, is 0.999; then all search by
turns.
Prints queries a second (medians of the rounds), seconds to build, and the memory that the graph
takes with its vectors (on Linux). With `--cpu`, seconds are those of the processor, for one thread.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from search_vectors import keys_and_queries, read_options

if TYPE_CHECKING:
    import numpy as np

TARGET = 0.999
FIRST_EF, LARGEST_EF = 16, 4096
TIE = 1e-6


class Clibd:
    """What `clibd build-index` makes and `clibd classify` searches."""

    def __init__(self, keys: np.ndarray, m: int, ef_construction: int, threads: int) -> None:
        from clibd_cli.vectors.hnsw import HnswIndex, HnswSettings

        self.threads = threads
        self.index = HnswIndex.empty(keys.shape[1], HnswSettings(m, ef_construction))
        self.index.extend(keys, threads)

    def search(self, queries: np.ndarray, ef: int) -> np.ndarray:
        """The number of the nearest key of each query."""
        settings = replace(self.index.settings, ef=ef)
        index = type(self.index)(self.index._graph, settings, self.threads)
        return index.search(queries, 1)[0][:, 0]


class Faiss:
    """IndexHNSWFlat."""

    def __init__(self, keys: np.ndarray, m: int, ef_construction: int, threads: int) -> None:
        import faiss

        faiss.omp_set_num_threads(threads)
        self.index = faiss.IndexHNSWFlat(keys.shape[1], m, faiss.METRIC_INNER_PRODUCT)
        self.index.hnsw.efConstruction = ef_construction
        self.index.add(keys)

    def search(self, queries: np.ndarray, ef: int) -> np.ndarray:
        """The number of the nearest key of each query."""
        self.index.hnsw.efSearch = ef
        return self.index.search(queries, 1)[1][:, 0]


class Usearch:
    """In float32: its narrower numbers order near neighbours wrongly, whatever the width."""

    def __init__(self, keys: np.ndarray, m: int, ef_construction: int, threads: int) -> None:
        import numpy as np
        from usearch.index import Index

        self.threads = threads
        self.index = Index(
            ndim=keys.shape[1],
            metric="ip",
            dtype="f32",
            connectivity=m,
            expansion_add=ef_construction,
        )
        self.index.add(np.arange(len(keys)), keys, threads=threads)

    def search(self, queries: np.ndarray, ef: int) -> np.ndarray:
        """The number of the nearest key of each query."""
        self.index.expansion_search = ef
        return self.index.search(queries, 1, threads=self.threads).keys.astype("int64")[:, 0]


LIBRARIES = {"clibd": Clibd, "faiss": Faiss, "usearch": Usearch}
_HERE: dict[str, Any] = {}
"""What a library's process holds: its graph and the queries."""


@dataclass(slots=True)
class Row:
    """One graph.

    Attributes:
        build: seconds.
        memory: MB that the process grew by, with the vectors.
        seconds: of each round of all queries, at `ef`.
    """

    library: str
    m: int
    ef_construction: int
    build: float = 0.0
    memory: int = 0
    ef: int = FIRST_EF
    recall: float = 0.0
    rate: float = 0.0
    seconds: list[float] = field(default_factory=list)


def main() -> None:
    """Measure, print, and write where wanted."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--graphs", nargs="+", default=["24,200"], metavar="M,EF_CONSTRUCTION")
    parser.add_argument("--cpu", action="store_true", help="processor seconds, for one thread")
    given = read_options(parser, 1_000_000)
    try:
        import faiss  # noqa: F401
        import usearch  # noqa: F401
    except ImportError as error:
        raise SystemExit(f"{error}: pip install faiss-cpu usearch") from error
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        truth = prepare(given, Path(folder))
        print(f"{given.keys:,} keys, {given.queries:,} queries, threads: {given.threads}")
        rows = []
        for graph in given.graphs:
            m, ef_construction = map(int, graph.split(","))
            built = [Row(name, m, ef_construction) for name in LIBRARIES]
            rows += measured(built, Path(folder), truth, given, stack)
    show(rows)
    if given.json:
        facts = {"keys": given.keys, "queries": given.queries, "threads": given.threads}
        table = [asdict(row) for row in rows]
        given.json.write_text(json.dumps({**facts, "rows": table}, indent=1), encoding="utf-8")


def prepare(given: argparse.Namespace, folder: Path) -> np.ndarray:
    """Write keys and queries where the processes find them; the similarity of each nearest key."""
    import numpy as np

    from clibd_cli.vectors.exact import ExactIndex

    keys, queries = keys_and_queries(given)
    np.save(folder / "keys.npy", keys)
    np.save(folder / "queries.npy", queries)
    return ExactIndex(keys, given.threads).search(queries, 1)[1][:, 0]


def measured(
    rows: list[Row], folder: Path, truth: np.ndarray, given: argparse.Namespace, stack: ExitStack
) -> list[Row]:
    """Build one graph in each library, find its ef, and let them search by turns."""
    processes = []
    for row in rows:
        process = stack.enter_context(
            ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        )
        settings = (row.library, folder, row.m, row.ef_construction, given.threads, given.cpu)
        row.build, row.memory = process.submit(build, *settings).result()
        for row.ef in widths():
            row.recall = process.submit(recall, truth, row.ef).result()
            if row.recall >= TARGET:
                break
        print(f"{row.library}: built in {row.build:.1f} s, ef {row.ef}", file=sys.stderr)
        processes.append(process)
    for _ in range(given.rounds):
        for row, process in zip(rows, processes, strict=True):
            row.seconds.append(process.submit(searched, row.ef, given.cpu).result())
            row.rate = given.queries / median(row.seconds)
    for process in processes:
        process.shutdown()
    return rows


def widths() -> Iterator[int]:
    """The widths that are tried, each a tenth above the one before."""
    ef = FIRST_EF
    while ef < LARGEST_EF:
        yield ef
        ef = ef * 11 // 10 + 1


def build(
    library: str, folder: Path, m: int, ef_construction: int, threads: int, cpu: bool
) -> tuple[float, int]:
    """In the library's process: link the keys; seconds, and the MB that it grew by."""
    import numpy as np

    keys = np.load(folder / "keys.npy")
    _HERE["keys"] = np.load(folder / "keys.npy", mmap_mode="r")
    _HERE["queries"] = np.load(folder / "queries.npy")
    before = memory()
    clock = time.process_time if cpu else time.perf_counter
    begun = clock()
    _HERE["graph"] = LIBRARIES[library](keys, m, ef_construction, threads)
    return clock() - begun, memory() - before


def memory() -> int:
    """MB of memory that this process holds; 0 where Linux does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="ascii").splitlines() if status.exists() else ["VmRSS: 0"]
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("VmRSS"))


def recall(truth: np.ndarray, ef: int) -> float:
    """In the library's process: how often a nearest key is found; of equally near ones, any."""
    import numpy as np

    found = _HERE["keys"][_HERE["graph"].search(_HERE["queries"], ef)]
    similarities = np.einsum("nd,nd->n", found, _HERE["queries"])
    return float((similarities >= truth - TIE).mean())


def searched(ef: int, cpu: bool) -> float:
    """In the library's process: the seconds that all queries take."""
    clock = time.process_time if cpu else time.perf_counter
    begun = clock()
    _HERE["graph"].search(_HERE["queries"], ef)
    return clock() - begun


def show(rows: list[Row]) -> None:
    """The table."""
    heads = ("M", "ef_c", "build s", "MB", "ef", "recall@1", "queries/s")
    print(f"{'library':<10}" + "".join(f"{head:>10}" for head in heads))
    for row in rows:
        print(
            f"{row.library:<10}{row.m:>10}{row.ef_construction:>10}{row.build:>10.1f}"
            f"{row.memory:>10,}{row.ef:>10}{row.recall:>10.4f}{row.rate:>10,.0f}"
        )


if __name__ == "__main__":
    main()
