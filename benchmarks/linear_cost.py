"""Whether cost grows with the work and no faster: seconds from a thousand barcodes on.

    python benchmarks/linear_cost.py [--sizes 1000 10000 100000] [--out FILE.json] [--plot FILE.svg]

Simulated barcodes are embedded, indexed, and named against an index of ten thousand, with
clibd-mini. 1,000,000 as a fourth size takes hours on two cores. The plot needs matplotlib.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the program `clibd` does, before torch

import clibd_cli as clibd
from clibd_cli.core.shipped import OWN_MODEL
from clibd_cli.simulated.stream import simulate_barcodes

REFERENCES = 10_000
JOBS = ("embed", "build-index", "classify")


def main() -> None:
    """Measure, print a table, and write what was asked for."""
    options = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    options.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    options.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS))
    options.add_argument("--out", type=Path, help="the figures as JSON")
    options.add_argument("--plot", type=Path, help="a plot, .svg or .png")
    given = options.parse_args()
    seconds: dict[str, dict[int, float]] = {job: {} for job in given.jobs}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["CLIBD_HOME"] = str(folder / "home")
        if "classify" in given.jobs:
            embed(folder, REFERENCES)
            build_index(folder, REFERENCES)
        for n in sorted(given.sizes):
            embedded = embed(folder, n)
            runs = {
                "embed": lambda s=embedded: s,
                "build-index": lambda n=n: build_index(folder, n),
            }
            runs["classify"] = lambda n=n: classify(folder, n)
            for job in given.jobs:
                seconds[job][n] = runs[job]()
                each = 1e6 * seconds[job][n] / n
                print(
                    f"{job:<12}{n:>11,}{seconds[job][n]:>10.1f} s{each:>10.0f} µs each", flush=True
                )
    if given.out:
        given.out.write_text(json.dumps(seconds, indent=2) + "\n")
    if given.plot:
        plot(seconds, given.plot)


def embed(folder: Path, n: int) -> float:
    """Seconds to embed `n` barcodes into the store `n`."""
    fasta = folder / f"{n}.fasta"
    with fasta.open("w") as handle:
        for specimen_id, named, barcode in simulate_barcodes(n, seed=1):
            ranks = f"o:{named.order},f:{named.family},g:{named.genus},s:{named.species}"
            handle.write(f">{specimen_id};tax={ranks.replace(' ', '_')};\n{barcode}\n")
    begun = time.perf_counter()
    clibd.embed(clibd.Inputs(dna=[str(fasta)]), folder / str(n), model=OWN_MODEL, overwrite=True)
    return time.perf_counter() - begun


def build_index(folder: Path, n: int) -> float:
    """Seconds to make an index of the store `n`."""
    begun = time.perf_counter()
    clibd.build_index([str(folder / str(n))], folder / f"{n}.index", overwrite=True)
    return time.perf_counter() - begun


def classify(folder: Path, n: int) -> float:
    """Seconds to name `n` barcodes."""
    index = folder / f"{REFERENCES}.index"
    begun = time.perf_counter()
    clibd.classify(clibd.Inputs(dna=[str(folder / f"{n}.fasta")]), index, folder / "names.csv")
    return time.perf_counter() - begun


def plot(seconds: dict[str, dict[int, float]], path: Path) -> None:
    """Seconds over numbers of barcodes, both logarithmic; a dotted line is strictly linear."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.4), layout="constrained")
    axes = figure.add_subplot(xscale="log", yscale="log", xlabel="barcodes", ylabel="seconds")
    for job, taken in seconds.items():
        (line,) = axes.plot(list(taken), list(taken.values()), "o-", label=job)
        most = max(taken)
        linear = [taken[most] * n / most for n in taken]
        axes.plot(list(taken), linear, ":", color=line.get_color(), linewidth=1)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


if __name__ == "__main__":
    main()
