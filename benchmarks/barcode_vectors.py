"""What the parts of the profile tower are worth: nearest barcode under several kinds of vectors.

    python recipes/split_clibd_mini.py splits.csv
    python benchmarks/barcode_vectors.py BARCODES.tsv.gz splits.csv

Compares, on the queries of the split: 6-mer frequencies (square roots, either strand), the identity
of aligned bases (the tower's picture), and the discriminant map with several shrinkages. Prints how
often the nearest taught barcode has the query's species (seen), a 300-base stretch of the query
that of its species, and, of species that were never seen, the genus and the family.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch

from clibd_cli.models.cards import ProfileDnaTower
from clibd_cli.models.profile import ProfileDnaEncoder, base_codes, place
from clibd_cli.training import discriminant
from clibd_cli.training.example import Example
from clibd_cli.training.examples import read_examples
from clibd_cli.vectors.exact import ExactIndex

Encode = Callable[[Sequence[str]], np.ndarray]
K = 6
STRETCH = 300
BATCH = 1024
SHRINKAGES = (0.3, 1.0, 2.0, 3.0)


def main() -> None:
    """Print one line a kind of vector."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("barcodes")
    options.add_argument("split")
    given = options.parse_args()
    examples = read_examples([given.barcodes], [], None, given.split, pairs="taxon")
    taught = [example for example in examples.train if example.barcode]
    keys = [example for example in taught if example.lineage.species]
    queries = [example for example in examples.queries if example.barcode]
    print(f"{len(keys):,} keys, {len(queries):,} queries")
    print(f"{'vectors':<28}{'species':>9}{'300 bases':>11}{'genus, new':>12}{'family, new':>13}")
    report("6-mer frequencies", keys, queries, kmer_vectors)
    encoder = ProfileDnaEncoder(ProfileDnaTower("profile", 1, 256)).eval()
    barcodes = [example.barcode or "" for example in taught]
    genera = [example.lineage.genus for example in taught]
    for shrinkage in SHRINKAGES:
        discriminant.start_profile(encoder, barcodes, genera, shrinkage)
        if shrinkage == SHRINKAGES[0]:
            report("identity of aligned bases", keys, queries, partial(pictures, encoder))
        report(f"discriminant, {shrinkage:g}", keys, queries, partial(mapped, encoder))


def report(name: str, keys: list[Example], queries: list[Example], encode: Encode) -> None:
    """One line of the table."""
    index = ExactIndex(unit(encode([key.barcode or "" for key in keys])))
    seen = [query for query in queries if query.seen]
    unseen = [query for query in queries if not query.seen]
    whole = [query.barcode or "" for query in seen]
    rng = np.random.default_rng(1)
    starts = [int(rng.integers(max(1, len(text) - STRETCH + 1))) for text in whole]
    parts = [text[start:][:STRETCH] for text, start in zip(whole, starts, strict=True)]
    numbers = [
        share(index, keys, seen, encode(whole), "species"),
        share(index, keys, seen, encode(parts), "species"),
    ]
    strangers = encode([query.barcode or "" for query in unseen])
    numbers += [share(index, keys, unseen, strangers, rank) for rank in ("genus", "family")]
    print(
        f"{name:<28}"
        + "".join(f"{100 * n:>{w}.1f}" for n, w in zip(numbers, (9, 11, 12, 13), strict=True))
    )


def share(
    index: ExactIndex, keys: list[Example], queries: list[Example], vectors: np.ndarray, rank: str
) -> float:
    """Of the queries whose taxon at the rank has a key, those whose nearest key bears it."""
    known = {key.lineage.at(rank) for key in keys}
    nearest = index.search(unit(vectors), 1)[0][:, 0]
    right = [
        keys[n].lineage.at(rank) == name
        for n, query in zip(nearest, queries, strict=True)
        if (name := query.lineage.at(rank)) and name in known
    ]
    return float(np.mean(right))


def kmer_vectors(barcodes: Sequence[str]) -> np.ndarray:
    """Square roots of the counts of 6-mers, each counted with its reverse complement."""
    words = np.arange(4**K)
    turned = np.zeros_like(words)
    for _ in range(K):
        turned, words = turned * 4 + 3 - words % 4, words // 4
    _, columns = np.unique(np.minimum(np.arange(4**K), turned), return_inverse=True)
    counts = np.zeros((len(barcodes), int(columns.max()) + 1), np.float32)
    for number, barcode in enumerate(barcodes):
        codes = base_codes([barcode], len(barcode))[0].astype(np.int64)
        windows = np.lib.stride_tricks.sliding_window_view(codes, K)
        known = windows[(windows < 4).all(axis=1)] @ 4 ** np.arange(K)[::-1]
        counts[number] = np.bincount(columns[known], minlength=counts.shape[1])
    return np.sqrt(counts)


def pictures(encoder: ProfileDnaEncoder, barcodes: Sequence[str]) -> np.ndarray:
    """What stands at each position of the profile."""
    return _in_batches(lambda codes: encoder.picture(place(codes, encoder.frequencies)), barcodes)


def mapped(encoder: ProfileDnaEncoder, barcodes: Sequence[str]) -> np.ndarray:
    """The tower's vectors before it has learned anything."""
    return _in_batches(encoder, barcodes)


def _in_batches(
    encode: Callable[[torch.Tensor], torch.Tensor], barcodes: Sequence[str]
) -> np.ndarray:
    with torch.inference_mode():
        return np.concatenate(
            [
                encode(torch.from_numpy(base_codes(barcodes[at : at + BATCH], 4096))).numpy()
                for at in range(0, len(barcodes), BATCH)
            ]
        )


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(lengths, 1e-9)).astype(np.float32)


if __name__ == "__main__":
    main()
