"""Names of kept-back photos, of kept-back barcodes, and of both together.

    python recipes/split_clibd_mini.py splits.csv
    clibd train recipes/clibd_mini.toml --name mini-check --split splits.csv --steps 900
    python benchmarks/photo_and_barcode.py arthropods.tsv.gz photos/ splits.csv --model mini-check

Each photo that the split keeps back gets a barcode of its species that is kept back, too, cut to
its first bases (`--bases`): such pairs are asked by photo, by barcode and by both. References are
the split's training photos and barcodes; photos of all species that have no such barcode are held
out to calibrate with, so that no specimen or new species that is asked has been looked at before.
`--references` are stores of those references, if there are some already.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kept_back_barcodes import Row, divide, write_keys

import clibd_cli as clibd
from clibd_cli.core.lineage import RANKS

TARGET = 0.95
KINDS = {"seen": "val", "new": "val_unseen"}
"""Of which split the queries are."""


def main() -> None:
    """One line for each kind of species and evidence."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("barcodes", type=Path)
    options.add_argument("photos", type=Path)
    options.add_argument("split", type=Path)
    options.add_argument("--model")
    options.add_argument("--bases", type=int, default=150)
    options.add_argument("--references", nargs="+")
    options.add_argument("--work", type=Path, default=Path("photo-and-barcode"))
    given = options.parse_args()
    work: Path = given.work
    work.mkdir(exist_ok=True)
    keys, *asked = divide(given.barcodes, given.split)
    photos = photos_of(given.split)
    pairs, others = paired(photos, asked, given.bases)
    references = given.references or embedded_references(work, keys, photos, given)
    labelled = copied(others, given.photos, work / "held-out")
    clibd.embed(labelled, work / "held-out.embeddings", model=given.model)
    index = work / "index"
    held_out = [str(work / "held-out.embeddings")]
    clibd.build_index(references, index, kind="exact", calibrate_with=held_out, overwrite=True)
    figures = []
    ranks = [*reversed(RANKS[1:])]
    heads = "".join(f"{rank:>8}" for rank in ranks) + "".join(f"{rank:>15}" for rank in ranks)
    print(f"{'':<24}{'right without blanks, %':>24}{f'at {TARGET}: given, right of these, %':>45}")
    print(f"{'species':<8}{'by':<9}{'pairs':>7}{heads}{'conflicts':>11}")
    for kind, rows in pairs.items():
        photo = copied(rows, given.photos, work / kind)
        fasta = work / f"{kind}.fasta"
        fasta.write_text("".join(f">{row['id']}\n{row['barcode']}\n" for row in rows))
        for by, inputs in (
            ("photo", clibd.Inputs(photos=photo.photos)),
            ("barcode", clibd.Inputs(dna=[str(fasta)])),
            ("both", clibd.Inputs(dna=[str(fasta)], photos=photo.photos)),
        ):
            figures.append({"kind": kind, "by": by, **measured(inputs, index, rows, work)})
            show(figures[-1])
    (work / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def photos_of(split: Path) -> list[Row]:
    """The photos in a table of splits."""
    with split.open(encoding="utf-8", newline="") as table:
        return [row for row in csv.DictReader(table) if row["file"] and row["species"]]


def paired(
    photos: Sequence[Row], asked: Sequence[Sequence[Row]], bases: int
) -> tuple[dict[str, list[Row]], list[Row]]:
    """Kept-back photos with an id and a barcode of their own, and those of species without one."""
    rng = random.Random(0)
    pairs: dict[str, list[Row]] = {}
    others: list[Row] = []
    for (kind, split), barcodes in zip(KINDS.items(), asked, strict=True):
        of_species: dict[str, list[str]] = defaultdict(list)
        for row in barcodes:
            of_species[row["species"]].append(row["nucleotides"][:bases])
        kept = [row for row in photos if row["split"] == split]
        pairs[kind] = [
            {**row, "id": f"{kind}{n}", "barcode": rng.choice(of_species[row["species"]])}
            for n, row in enumerate(kept)
            if row["species"] in of_species
        ]
        others += [
            {**row, "id": f"held-{kind}{n}"}
            for n, row in enumerate(kept)
            if row["species"] not in of_species
        ]
    return pairs, others


def copied(rows: Sequence[Row], photos: Path, folder: Path) -> clibd.Inputs:
    """The photos of `rows` under their ids in a folder of their own, with a table of labels."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    labels = folder.with_suffix(".csv")
    with labels.open("w", encoding="utf-8", newline="") as table:
        writer = csv.DictWriter(table, ["file", *RANKS], extrasaction="ignore")
        writer.writeheader()
        for row in rows:
            name = f"{row['id']}{Path(row['file']).suffix}"
            shutil.copy(photos / row["file"], folder / name)
            writer.writerow({**row, "file": name})
    return clibd.Inputs(photos=[str(folder)], labels=[str(labels)])


def embedded_references(
    work: Path, keys: Sequence[Row], photos: Sequence[Row], given: argparse.Namespace
) -> list[str]:
    """Stores of the barcodes and photos that the split trains on."""
    write_keys(work / "keys.tsv", keys)
    train = [row for row in photos if row["split"] == "train"]
    named = [{**row, "id": f"reference{n}"} for n, row in enumerate(train)]
    stores = [str(work / "barcodes.embeddings"), str(work / "photos.embeddings")]
    clibd.embed(clibd.Inputs([str(work / "keys.tsv")]), stores[0], model=given.model)
    clibd.embed(copied(named, given.photos, work / "references"), stores[1], model=given.model)
    return stores


def measured(inputs: clibd.Inputs, index: Path, rows: Sequence[Row], work: Path) -> dict[str, Any]:
    """Shares of right names without blanks, and of names given, and right, with them."""
    truth = {row["id"]: row for row in rows}
    found: dict[str, Any] = {"n": len(rows)}
    for target in (0.0, TARGET):
        out = work / "r.csv"
        clibd.classify(inputs, index, out, target_precision=target)
        with out.open(encoding="utf-8", newline="") as table:
            answers = list(csv.DictReader(table))
        for rank in RANKS:
            true = [(row, truth[row["specimen_id"]][rank]) for row in answers]
            right = sum(row[rank] == name for row, name in true if name)
            named = sum(bool(row[rank]) for row, _ in true)
            if target:
                found[f"{rank} given"] = named / len(rows)
                found[f"{rank} right of given"] = right / named if named else None
            else:
                found[f"{rank} right"] = right / len(rows)
        found["conflicts"] = sum("conflict" in row["flags"].split(";") for row in answers)
    return found


def show(found: dict[str, Any]) -> None:
    """One line."""
    line = f"{found['kind']:<8}{found['by']:<9}{found['n']:>7,}"
    for rank in reversed(RANKS[1:]):
        line += f"{100 * found[f'{rank} right']:>8.1f}"
    for rank in reversed(RANKS[1:]):
        right = found[f"{rank} right of given"]
        told = "-" if right is None else f"{100 * right:.1f}"
        line += f"{100 * found[f'{rank} given']:>8.1f}{told:>7}"
    print(f"{line}{found['conflicts']:>11,}", flush=True)


if __name__ == "__main__":
    main()
