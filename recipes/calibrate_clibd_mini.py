"""Measure on what the check run kept back how likely the names of clibd-mini are right.

    python recipes/calibrate_clibd_mini.py mini-check splits.csv calibration.json

`mini-check` and `splits.csv` are as recipes/split_clibd_mini.py makes them. The shipped model has
seen all photos, so an index of these cannot tell from itself how much harder others are; the model
brings along what its twin did with photos that it had not seen.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import clibd_cli as clibd
from clibd_cli.calibration.curves import FILE, from_json, to_json
from clibd_cli.training.settings import read_settings

RECIPE = Path(__file__).with_name("clibd_mini.toml")
TRAINED = ("train",)
HELD_OUT = ("val", "val_unseen")
REPRESENTATIVES = {"image": 5, "dna": 1}
"""As in the library (recipes/ship_clibd_mini.py)."""


def main() -> None:
    """Embed everything, index what was trained on, ask what was not, keep what photos say."""
    model, splits, out = sys.argv[1:]
    with Path(splits).open(encoding="utf-8", newline="") as table:
        split_of = {row["specimen_id"]: row["split"] for row in csv.DictReader(table)}
    settings = read_settings(RECIPE, {})
    with tempfile.TemporaryDirectory() as scratch:
        here = Path(scratch)
        photos = clibd.Inputs(photos=settings.photos, labels=settings.labels)
        clibd.embed(photos, here / "photos", model=model)
        clibd.embed(clibd.Inputs(dna=settings.dna), here / "barcodes", model=model)
        for kind in ("photos", "barcodes"):
            keep(here / kind, here / f"{kind}.keys", split_of, TRAINED)
        keep(here / "photos", here / "asked", split_of, HELD_OUT)
        found = []
        for representatives in (None, REPRESENTATIVES):  # a user's own index, and the library
            clibd.build_index(
                [str(here / "photos.keys"), str(here / "barcodes.keys")],
                here / "index",
                kind="exact",
                representatives=representatives,
                calibrate_with=[str(here / "asked")],
            )
            found += from_json((here / "index" / FILE).read_text(encoding="utf-8"))
    text = to_json([one for one in found if one.query == "image"])
    Path(out).write_text(text, encoding="utf-8")


def keep(store: Path, out: Path, split_of: dict[str, str], splits: tuple[str, ...]) -> None:
    """Write the specimens of some splits as a store of their own."""
    ids = pa.array([specimen for specimen, split in split_of.items() if split in splits])
    out.mkdir()
    for part in sorted(store.glob("part-*.parquet")):
        rows = pq.read_table(part)
        kept = rows.filter(pc.is_in(rows["specimen_id"], value_set=ids))
        if kept.num_rows:
            pq.write_table(kept, out / part.name)


if __name__ == "__main__":
    main()
