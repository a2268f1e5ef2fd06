"""What the encoders make of this CPU: official-size towers and clibd-mini, beside plain float32.

    python benchmarks/encoders.py [--precision bf16] [--photos FOLDER] [--barcodes FILE] [--json]

Towers of official size have random weights, on which speed does not depend. For each tower, in one
process and by turns: the rate as `clibd` runs it (in a precision, if wanted), that of a plain
float32 loop (batches of 16, as the official code computes), and this machine's own rate of large
matrix products, of which the official towers mostly consist. Each is the best of some rounds. Then
how far the first is from float32: the least cosine between the vectors, and how many nearest
neighbours among the items are the same.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from main_job import write_official_size

from clibd_cli.core.records import Modality, Specimen
from clibd_cli.core.shipped import OWN_MODEL, shipped_folder
from clibd_cli.models.model import ClibdModel, load_model

ITEMS = {"official": 32, "clibd-mini": 512}
PLAIN_BATCH = 16
PRODUCT = 2048
WIDTH, DEPTH = 768, 12
TOKENS: dict[Modality, int] = {"image": 197, "dna": 133}


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured of one tower.

    Attributes:
        default, plain: items a second.
        of_product: the default's share of the rate of matrix products; None for small towers.
        cosine: the least between the default's vectors and those of float32.
        same: the share of items whose nearest other item is the same.
    """

    tower: str
    precision: str
    default: float
    plain: float
    of_product: float | None
    cosine: float
    same: float


def main() -> None:
    """Measure, and print what was measured."""
    options = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    options.add_argument("--photos", type=Path, help="real ones, instead of simulated")
    options.add_argument("--barcodes", type=Path)
    options.add_argument("--precision", default="auto")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        os.environ["CLIBD_HOME"] = name
        write_official_size(Path(name) / "official")
        folders = {"official": Path(name) / "official", "clibd-mini": shipped_folder() / OWN_MODEL}
        rows = [
            measured(f"{what} {modality}", folder, modality, ITEMS[what], given)
            for what, folder in folders.items()
            for modality in TOKENS
        ]
    if given.json:
        print(json.dumps([asdict(row) for row in rows]))
        return
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    heads = ("default", "plain", "times", "of product", "cosine", "same")
    print(f"{'tower':<20}{'precision':<11}" + "".join(f"{head:>12}" for head in heads))
    for row in rows:
        share = "" if row.of_product is None else f"{row.of_product:.2f}"
        print(
            f"{row.tower:<20}{row.precision:<11}{row.default:>12.1f}{row.plain:>12.1f}"
            f"{row.default / row.plain:>12.2f}{share:>12}{row.cosine:>12.5f}{row.same:>12.4f}"
        )


def measured(name: str, folder: Path, modality: Modality, n: int, given: argparse.Namespace) -> Row:
    """One tower: the default, plain float32 and matrix products, by turns."""
    default = load_model(folder, "cpu", given.precision, [modality])
    exact = load_model(folder, "cpu", "fp32", [modality])
    exact._fused.clear()  # the plain loop is what torch does by itself
    items = prepared(default, modality, n, given)
    jobs: dict[str, Callable[[], object]] = {
        "default": lambda: default.encode(modality, items),
        "plain": lambda: exact.encode(modality, items, PLAIN_BATCH),
        "product": product(default.precision),
    }
    seconds = dict.fromkeys(jobs, float("inf"))
    for _ in range(given.rounds):
        for job, run in jobs.items():
            begun = time.perf_counter()
            run()
            seconds[job] = min(seconds[job], time.perf_counter() - begun)
    share = None
    if name.startswith("official"):
        done = operations(modality) * n / seconds["default"]
        share = done / (2 * PRODUCT**3 / seconds["product"])
    near, true = default.encode(modality, items), exact.encode(modality, items)
    return Row(
        name,
        default.precision,
        n / seconds["default"],
        n / seconds["plain"],
        share,
        float((near * true).sum(axis=1).min()),
        float((nearest_others(near) == nearest_others(true)).mean()),
    )


def prepared(
    model: ClibdModel, modality: Modality, n: int, given: argparse.Namespace
) -> Sequence[Any]:
    """What the tower reads of `n` photos or barcodes."""
    if modality == "dna":
        return list(islice(barcodes(given.barcodes), n))
    return [model.prepare_photo(photo) for photo in islice(photos(given.photos), n)]


def barcodes(path: Path | None) -> Iterator[str]:
    """Distinct barcodes of a file, or simulated ones."""
    from clibd_cli.io.barcodes import read_barcodes
    from clibd_cli.simulated.stream import simulate_barcodes

    if path is None:
        yield from (barcode for _, _, barcode in simulate_barcodes(10_000, seed=1))
        return
    read = (record for record in read_barcodes([path]) if isinstance(record, Specimen))
    yield from dict.fromkeys(record.content for record in islice(read, 20_000))


def photos(folder: Path | None) -> Iterator[Any]:
    """Photos below a folder, spread over all of them, or simulated ones."""
    from clibd_cli.io.photos import decode_photo, read_photo
    from clibd_cli.simulated.photos import draw_photo
    from clibd_cli.simulated.taxonomy import invented_taxonomy

    if folder is None:
        species = invented_taxonomy(seed=1)
        yield from (draw_photo(species[i % len(species)], 1, i) for i in range(10_000))
        return
    files = sorted(path for path in folder.rglob("*.jpg"))
    step = max(1, len(files) // max(ITEMS.values()))
    yield from (decode_photo(read_photo(path)) for path in files[::step])


def product(precision: str) -> Callable[[], object]:
    """A large matrix product in a precision."""
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    left, right = (torch.randn(PRODUCT, PRODUCT).to(kind) for _ in range(2))
    return lambda: left @ right


def operations(modality: Modality) -> float:
    """Floating-point operations for one item of an official tower, in its matrix products."""
    tokens = TOKENS[modality]
    block = 2 * tokens * 12 * WIDTH**2 + 4 * tokens**2 * WIDTH
    head = 2 * tokens * 2 * WIDTH**2 if modality == "dna" else 2 * tokens * WIDTH**2
    return float(DEPTH * block + head)


def nearest_others(vectors: np.ndarray) -> np.ndarray:
    """The most similar other item of each."""
    similar = vectors @ vectors.T
    np.fill_diagonal(similar, -2.0)
    nearest: np.ndarray = similar.argmax(axis=1)
    return nearest


if __name__ == "__main__":
    main()
