"""From a cold start to an answer: one photo and one barcode named, beside importing torch.

    python benchmarks/cold_start.py [--rounds 7] [--json]

Each is a process of its own, with clibd-mini and the library that ships; they take turns, after one
round that warms the disk's cache and is not counted. Medians, of the seconds that pass and of the
seconds of processor, which a busy machine disturbs less.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from clibd_cli.simulated.photos import draw_photo, jpeg_bytes
from clibd_cli.simulated.stream import simulate_barcodes
from clibd_cli.simulated.taxonomy import invented_taxonomy

TORCH = "import torch"


def main() -> None:
    """Measure, and print what was measured."""
    options = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        rows = measured(commands(Path(name)), given.rounds, Path(name))
    if given.json:
        print(json.dumps(rows))
        return
    print(f"{'process':<14}{'seconds':>9}{'beside torch':>14}{'processor':>11}{'beside torch':>14}")
    for row in rows:
        print(
            f"{row['what']:<14}{row['seconds']:>9.2f}{row['of_torch']:>14.2f}"
            f"{row['processor']:>11.2f}{row['processor_of_torch']:>14.2f}"
        )


def commands(folder: Path) -> dict[str, list[str]]:
    """What is started, with its inputs made in `folder`."""
    photo = draw_photo(invented_taxonomy(seed=1)[0], 1, 0)
    (folder / "one.jpg").write_bytes(jpeg_bytes(photo, "simulated", "clibd"))
    specimen_id, _, barcode = next(iter(simulate_barcodes(1, seed=1)))
    (folder / "one.fasta").write_text(f">{specimen_id}\n{barcode}\n")
    classify = ["-m", "clibd_cli", "classify", "--out", "names.csv", "--quiet"]
    return {
        TORCH: ["-c", TORCH],
        "one photo": [*classify, "one.jpg"],
        "one barcode": [*classify, "--dna", "one.fasta"],
    }


def measured(
    commands: dict[str, list[str]], rounds: int, folder: Path
) -> list[dict[str, str | float]]:
    """Run the commands by turns in `folder`; a row for each."""
    here = str(Path(__file__).resolve().parents[1])
    environment = {**os.environ, "CLIBD_HOME": str(folder / "home"), "PYTHONPATH": here}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed clibd is compiled, too
    taken: dict[str, list[tuple[float, float]]] = {what: [] for what in commands}
    for turn in range(rounds + 1):
        for what, words in commands.items():
            wall, used = time.perf_counter(), _children_processor()
            subprocess.run(
                [sys.executable, *words],
                cwd=folder,
                env=environment,
                check=True,
                stderr=subprocess.DEVNULL,
            )
            if turn:
                now = (time.perf_counter() - wall, _children_processor() - used)
                taken[what].append(now)
    medians = {what: tuple(map(median, zip(*times, strict=True))) for what, times in taken.items()}
    first = medians[TORCH]
    return [
        {
            "what": what,
            "seconds": seconds,
            "of_torch": seconds / first[0],
            "processor": processor,
            "processor_of_torch": processor / first[1],
        }
        for what, (seconds, processor) in medians.items()
    ]


def _children_processor() -> float:
    times = os.times()
    return times.children_user + times.children_system


if __name__ == "__main__":
    main()
