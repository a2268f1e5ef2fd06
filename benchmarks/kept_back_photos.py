"""Photos that were kept back, named with the calibrated blanks.

    python recipes/split_clibd_mini.py splits.csv
    clibd train recipes/clibd_mini.toml --name mini-check --split splits.csv --steps 900
    python benchmarks/kept_back_photos.py photos/ splits.csv --model mini-check

References are the photos of the split's training set; those that it keeps back, of their species
and of new ones, are asked. Each half of the kept-back species is named by an index that was
calibrated with the other half, so that no species that is asked has been looked at before. Prints,
for queries of which half are of new species, how many of the names given are right, how many are
given, and the error of the calibration.
"""

from __future__ import annotations

import argparse
import csv
import zlib
from collections.abc import Sequence
from pathlib import Path

from photo_and_barcode import copied, photos_of

import clibd_cli as clibd
from clibd_cli.core.lineage import RANKS

TARGETS = (0.9, 0.95, 0.99)
BINS = 10

Row = dict[str, str]


def main() -> None:
    """Embed once, name twice, one line for each target and rank."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("photos", type=Path)
    options.add_argument("split", type=Path)
    options.add_argument("--model")
    options.add_argument("--work", type=Path, default=Path("kept-back-photos"))
    given = options.parse_args()
    given.work.mkdir(exist_ok=True)
    rows = [{**row, "id": f"photo{n}"} for n, row in enumerate(photos_of(given.split))]
    parts = {"keys": [row for row in rows if row["split"] == "train"]}
    for half in (0, 1):
        kept = [row for row in rows if row["split"].startswith("val") and half_of(row) == half]
        parts[f"half{half}"] = kept
    for name, part in parts.items():
        inputs = copied(part, given.photos, given.work / name)
        clibd.embed(inputs, given.work / f"{name}.embeddings", model=given.model)
    for half in (0, 1):
        clibd.build_index(
            [str(given.work / "keys.embeddings")],
            given.work / f"index{half}",
            kind="exact",
            calibrate_with=[str(given.work / f"half{1 - half}.embeddings")],
            overwrite=True,
        )
    truth = {row["id"]: row for row in rows}
    for target in TARGETS:
        show(target, named(given.work, target), truth)
    for rank in RANKS[1:]:
        error = calibration_error(named(given.work, 0.0), truth, rank)
        print(f"calibration error, {rank}: {error:.3f}")


def half_of(row: Row) -> int:
    """Which half of the species a photo belongs to."""
    return zlib.crc32(row["species"].encode()) % 2


def named(work: Path, target: float) -> list[Row]:
    """The results for both halves."""
    found: list[Row] = []
    for half in (0, 1):
        out = work / f"half{half}.csv"
        store = clibd.Inputs(photos=[str(work / f"half{half}.embeddings")])
        clibd.classify(store, work / f"index{half}", out, target_precision=target)
        with out.open(encoding="utf-8", newline="") as table:
            found += csv.DictReader(table)
    return found


def show(target: float, found: Sequence[Row], truth: dict[str, Row]) -> None:
    """One line for each rank."""
    seen = [row for row in found if truth[row["specimen_id"]]["split"] == "val"]
    new = [row for row in found if truth[row["specimen_id"]]["split"] != "val"]
    for rank in reversed(RANKS[1:]):
        given = [sum(bool(row[rank]) for row in rows) / len(rows) for rows in (seen, new)]
        right = [
            sum(is_right(row, truth, rank) for row in rows) / len(rows) for rows in (seen, new)
        ]
        precision = sum(right) / sum(given) if sum(given) else float("nan")
        print(
            f"target {target:.2f} {rank:<8} right {precision:.3f}  "
            f"given, seen {given[0]:.3f}  given, new {given[1]:.3f}"
        )


def is_right(row: Row, truth: dict[str, Row], rank: str) -> bool:
    """Whether a name was given, and is the true one."""
    return bool(row[rank]) and row[rank] == truth[row["specimen_id"]][rank]


def calibration_error(found: Sequence[Row], truth: dict[str, Row], rank: str) -> float:
    """How far the confidence is from the share of right names, in bins, on average."""
    counts = {kind: sum(truth[r["specimen_id"]]["split"] == kind for r in found) for kind in KINDS}
    bins: dict[int, list[tuple[float, float, bool]]] = {}
    for row in found:
        chance = float(row[f"confidence_{rank}"] or 0.0)
        weight = 0.5 / counts[truth[row["specimen_id"]]["split"]]
        place = min(int(chance * BINS), BINS - 1)
        bins.setdefault(place, []).append((weight, chance, is_right(row, truth, rank)))
    return sum(abs(sum(w * (p - y) for w, p, y in one)) for one in bins.values())


KINDS = ("val", "val_unseen")


if __name__ == "__main__":
    main()
