"""Whether cost grows with the work and no faster: seconds from a thousand barcodes on.

    python benchmarks/linear_cost.py [--sizes 1000 10000 100000] [--out FILE.json] [--plot FILE.svg]

Simulated barcodes are embedded, indexed, and named against an index of ten thousand, with
clibd-mini: seconds that pass, which are plotted, and of processor, which a busy machine disturbs
less. 1,000,000 as a fourth size takes hours on two cores. The plot needs matplotlib.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the program `clibd` does, before torch

import clibd_cli as clibd
from clibd_cli.core.shipped import OWN_MODEL
from clibd_cli.simulated.stream import simulate_barcodes

REFERENCES = 10_000


def main() -> None:
    """Measure, print a table, and write what was asked for."""
    options = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    options.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    options.add_argument("--jobs", nargs="+", choices=list(JOBS), default=list(JOBS))
    options.add_argument("--out", type=Path, help="the figures as JSON")
    options.add_argument("--plot", type=Path, help="a plot, .svg or .png")
    given = options.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["CLIBD_HOME"] = str(folder / "home")
        if "classify" in given.jobs:
            write_barcodes(folder, REFERENCES)
            embed(folder, REFERENCES)
            build_index(folder, REFERENCES)
        for n in sorted(given.sizes):
            write_barcodes(folder, n)
            for job in given.jobs:
                rows.append(measured(job, folder, n))
                print("{job:<12}{n:>11,}{seconds:>10.1f} s{processor:>10.1f} s".format(**rows[-1]))
    if given.out:
        given.out.write_text(json.dumps(rows, indent=2) + "\n")
    if given.plot:
        plot(rows, given.plot)


def write_barcodes(folder: Path, n: int) -> None:
    """`n` barcodes with their names."""
    with (folder / f"{n}.fasta").open("w") as handle:
        for specimen_id, named, barcode in simulate_barcodes(n, seed=1):
            ranks = f"o:{named.order},f:{named.family},g:{named.genus},s:{named.species}"
            handle.write(f">{specimen_id};tax={ranks.replace(' ', '_')};\n{barcode}\n")


def measured(job: str, folder: Path, n: int) -> dict[str, Any]:
    """How long a job takes with `n` barcodes, and how much of the processor."""
    begun, used = time.perf_counter(), time.process_time()
    JOBS[job](folder, n)
    return {
        "job": job,
        "n": n,
        "seconds": time.perf_counter() - begun,
        "processor": time.process_time() - used,
    }


def embed(folder: Path, n: int) -> None:
    """Embed `n` barcodes into the store `n`."""
    inputs = clibd.Inputs(dna=[str(folder / f"{n}.fasta")])
    clibd.embed(inputs, folder / str(n), model=OWN_MODEL, overwrite=True)


def build_index(folder: Path, n: int) -> None:
    """Make an index of the store `n`."""
    clibd.build_index([str(folder / str(n))], folder / f"{n}.index", overwrite=True)


def classify(folder: Path, n: int) -> None:
    """Name `n` barcodes."""
    inputs = clibd.Inputs(dna=[str(folder / f"{n}.fasta")])
    clibd.classify(inputs, folder / f"{REFERENCES}.index", folder / "names.csv")


JOBS = {"embed": embed, "build-index": build_index, "classify": classify}


def plot(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Seconds over numbers of barcodes, both logarithmic; a dotted line is strictly linear."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.4), layout="constrained")
    axes = figure.add_subplot(xscale="log", yscale="log", xlabel="barcodes", ylabel="seconds")
    for job in dict.fromkeys(row["job"] for row in rows):
        sizes = [row["n"] for row in rows if row["job"] == job]
        seconds = [row["seconds"] for row in rows if row["job"] == job]
        (line,) = axes.plot(sizes, seconds, "o-", label=job)
        linear = [seconds[-1] * n / sizes[-1] for n in sizes]
        axes.plot(sizes, linear, ":", color=line.get_color(), linewidth=1)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


if __name__ == "__main__":
    main()
