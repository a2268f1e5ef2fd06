"""Keep specimens and species back from the recipe's data, to measure the recipe honestly.

    python recipes/split_clibd_mini.py splits.csv
    clibd train recipes/clibd_mini.toml --name mini-check --split splits.csv --steps 900

(900 steps show each of the fewer photos as often as 1,100 show all of them.) The model of that run
brings along a calibration by the photos that were kept back, for recipes/ship_clibd_mini.py.

`clibd split` draws the barcodes: 8 % of the species, and 12 % of the specimens of the others. Few
photo species have a relative in their genus, so photos are drawn here: a third of the species of
each genus that has several, eight species more, and 12 % of the photos of the others. A species
that is kept back is so with photos and barcodes alike.
"""

from __future__ import annotations

import csv
import random
import sys
from collections import defaultdict
from pathlib import Path

import clibd_cli as clibd
from clibd_cli.training.settings import read_settings

RECIPE = Path(__file__).with_name("clibd_mini.toml")
QUERIES = 0.12
STRANGERS = 8

Row = dict[str, str]


def main() -> None:
    """Write the table of the split."""
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "splits.csv")
    settings = read_settings(RECIPE, {})
    clibd.split(
        [*settings.dna, *settings.labels],
        out,
        ratios=clibd.Ratios(
            min_seen=4,
            seen_species=0.92,
            specimens=(88, 12, 0, 0),
            unseen_val=1.0,
            unseen_query=1.0,
        ),
        allow_inconsistent=True,
    )
    with out.open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    keep_photos_back(rows)
    with out.open("w", encoding="utf-8", newline="") as table:
        writer = csv.DictWriter(table, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def keep_photos_back(rows: list[Row]) -> None:
    """Set the split of all rows whose species has photos.

    Barcodes that several species share, some of them kept back, are not used at all.
    """
    rng = random.Random(1)
    photos: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["file"] and row["species"]:
            photos[row["species"]].append(row)
    unseen = unseen_species(photos, rng)
    for row in rows:
        if row["split"] == "key_unseen":
            row["split"] = "test_unseen"
        if row["species"] in unseen:
            row |= {"split": "val_unseen", "seen": "false"}
        elif row["species"] in photos:
            row["seen"] = "true"
            if row["file"] or row["split"] == "val_unseen":
                row["split"] = "train"
    for species, own in photos.items():
        if species not in unseen:
            own.sort(key=lambda row: row["specimen_id"])
            for row in rng.sample(own, max(1, round(QUERIES * len(own)))):
                row["split"] = "val"


def unseen_species(photos: dict[str, list[Row]], rng: random.Random) -> set[str]:
    """A third of the species of each genus that has several, and some that stand alone."""
    of_genus: dict[str, list[str]] = defaultdict(list)
    for species in sorted(photos):
        of_genus[photos[species][0]["genus"]].append(species)
    unseen: set[str] = set()
    for _, species in sorted(of_genus.items()):
        if len(species) > 1:
            rng.shuffle(species)
            unseen |= set(species[: max(1, len(species) // 3)])
    others = sorted(set(photos) - unseen)
    rng.shuffle(others)
    return unseen | set(others[:STRANGERS])


if __name__ == "__main__":
    main()
