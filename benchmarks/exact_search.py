"""Exact search beside faiss's: the same keys and queries, the same threads, by turns.

    pip install faiss-cpu
    python benchmarks/exact_search.py [--threads 1] [--store STORE] [--json FILE]

Prints queries a second (medians of the rounds), for all queries at once and in windows of 512, 64
and 1, and how many nearest keys are the same. On a machine that does other work, `--cpu` counts
processor seconds instead of those of the clock; it takes one thread.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from search_vectors import keys_and_queries, read_options

WINDOWS = (512, 64, 1)
IN_WINDOWS = 1024
SINGLE = 100

Search = Callable[[Any, int], Any]
"""From queries and k to the numbers of the k nearest keys."""


def main() -> None:
    """Measure, print, and write where wanted."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--k", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--cpu", action="store_true", help="processor seconds, for one thread")
    given = read_options(parser, 100_000)
    keys, queries = keys_and_queries(given)
    clock = time.process_time if given.cpu else time.perf_counter
    rows = []
    print(f"{len(keys):,} keys of {keys.shape[1]} dims, threads: {given.threads}")
    print(f"{'k':>3}{'at once':>9}{'clibd/s':>10}{'faiss/s':>10}{'times':>8}{'same':>9}")
    searches = searchers(keys, given.threads)
    for k in given.k:
        for window in (len(queries), *WINDOWS):
            n = len(queries) if window == len(queries) else IN_WINDOWS if window > 1 else SINGLE
            row = compared(searches, queries[:n], k, window, given.rounds, clock)
            rows.append(row)
            print(
                f"{k:>3}{window:>9,}{row['clibd']:>10.0f}{row['faiss']:>10.0f}"
                f"{row['clibd'] / row['faiss']:>8.2f}{row['same']:>9.5f}",
                flush=True,
            )
    if given.json:
        facts = {"keys": len(keys), "threads": given.threads, "clock": clock.__name__}
        given.json.write_text(json.dumps({**facts, "rows": rows}, indent=1), encoding="utf-8")


def searchers(keys: Any, threads: int) -> dict[str, Search]:
    """How each library searches."""
    try:
        import faiss
    except ImportError as error:
        raise SystemExit("faiss is not installed: pip install faiss-cpu") from error
    from clibd_cli.vectors.exact import ExactIndex

    faiss.omp_set_num_threads(threads)
    flat = faiss.IndexFlatIP(keys.shape[1])
    flat.add(keys)
    own = ExactIndex(keys, threads)
    return {
        "clibd": lambda queries, k: own.search(queries, k)[0],
        "faiss": lambda queries, k: flat.search(queries, k)[1],
    }


def compared(
    searches: dict[str, Search],
    queries: Any,
    k: int,
    window: int,
    rounds: int,
    clock: Callable[[], float],
) -> dict[str, float]:
    """Queries a second of each library, in windows, and the share of the same answers."""
    import numpy as np

    seconds: dict[str, list[float]] = {name: [] for name in searches}
    found: dict[str, Any] = {}
    for _ in range(rounds):
        for name, search in searches.items():
            begun = clock()
            parts = [search(queries[at : at + window], k) for at in range(0, len(queries), window)]
            seconds[name].append(clock() - begun)
            found[name] = np.concatenate(parts)
    rates = {name: len(queries) / median(times) for name, times in seconds.items()}
    same = float((found["clibd"] == found["faiss"]).mean())
    return {"k": k, "window": window, **rates, "same": same}


if __name__ == "__main__":
    main()
