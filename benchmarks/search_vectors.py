"""Vectors to search among, for the benchmarks of search: invented ones, or those of a store.

Invented vectors are a tree of taxa, each taxon some way from its parent, some with many specimens
and most with few, spread so that nearest neighbours are about as near, and directions about as
unevenly used, as those of clibd-mini's vectors of real barcodes (half of the vectors within 0.001
of another, a tenth farther than 0.2; half of the variance in the first 24 of 256 directions).
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

WIDTH = 256
TREE = ((1 / 2000, 1.0), (1 / 150, 0.9), (1 / 20, 0.75), (1 / 4, 0.6))
"""Orders, families, genera, species: how many there are a vector, how far from their parents."""

_A_BLOCK = 50_000


def read_options(options: argparse.ArgumentParser, n: int) -> argparse.Namespace:
    """What both benchmarks ask for; sets the threads, which NumPy reads when it is imported."""
    options.add_argument("--keys", type=int, default=n)
    options.add_argument("--queries", type=int, default=10_000)
    options.add_argument("--store", type=Path, help="an embedding store, instead of invented ones")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    given = options.parse_args()
    for library in ("OMP", "OPENBLAS", "MKL", "VECLIB"):
        os.environ[f"{library}_NUM_THREADS"] = str(given.threads)
    return given


def keys_and_queries(given: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Distinct unit vectors, float32: the keys [n, dim] and the queries, none of them a key."""
    n = given.keys + given.queries
    vectors = invented(n) if given.store is None else stored(given.store)
    if len(vectors) < n:
        raise SystemExit(f"{given.store} has {len(vectors):,} distinct vectors, not {n:,}")
    return vectors[: given.keys], vectors[given.keys : n]


def invented(n: int, seed: int = 0) -> np.ndarray:
    """`n` specimens of a tree of taxa."""
    import numpy as np

    rng = np.random.default_rng(seed)
    scale = (0.14 * np.arange(1, WIDTH + 1) ** -0.25).astype(np.float32)

    def children(parents: np.ndarray, count: int, skew: float) -> np.ndarray:
        chosen = (len(parents) * rng.random(count) ** skew).astype(np.int64)
        return parents[chosen]

    taxa = np.zeros((1, WIDTH), np.float32)
    for share, distance in TREE:
        taxa = children(taxa, max(2, round(n * share)), 1.3)
        taxa += distance * scale * rng.standard_normal(taxa.shape, np.float32)
    vectors = np.empty((n, WIDTH), np.float32)
    for start in range(0, n, _A_BLOCK):
        block = children(taxa, min(_A_BLOCK, n - start), 3.0)
        spread = rng.lognormal(-3.0, 1.2, (len(block), 1)).astype(np.float32)
        block += spread * scale * rng.standard_normal(block.shape, np.float32)
        vectors[start : start + len(block)] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return vectors


def stored(folder: Path) -> np.ndarray:
    """The distinct vectors of an embedding store, in no order."""
    import numpy as np

    from clibd_cli.vectors.parts import read_rows
    from clibd_cli.vectors.schema import vectors_of

    rows = read_rows([folder], ["embedding"])
    columns = (part.column("embedding") for part in rows)
    vectors = np.concatenate([vectors_of(column, column.type.list_size) for column in columns])
    return np.random.default_rng(0).permutation(np.unique(vectors, axis=0))
