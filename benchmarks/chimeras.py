"""How often `clibd classify` flags barcodes that are two animals, or in another order, or clean.

    python recipes/split_clibd_mini.py splits.csv
    clibd train recipes/clibd_mini.toml --name mini-check --split splits.csv --steps 900
    python benchmarks/chimeras.py arthropods.tsv.gz splits.csv --model mini-check

References and queries are those of kept_back_barcodes.py: barcodes of the references' species, and
of species that they lack, so that neither parent of a chimera is near to any of them. Of each kind
so many (`--queries`) are asked as they are, in pieces of 300 bases, and with a base lost; joined to
one of another family after a quarter, a half and three quarters; and with their halves swapped.
`--index` is one of those references, if there is one already.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from kept_back_barcodes import Row, divide, stretch, without_one, write_fasta, write_keys

import clibd_cli as clibd
from clibd_cli.core.flags import CHIMERA

FULL = 600
"""Bases of a barcode from which chimeras are made."""


def main() -> None:
    """One line for each way of making a query, of seen and of new species."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("barcodes", type=Path)
    options.add_argument("split", type=Path)
    options.add_argument("--model")
    options.add_argument("--index", type=Path)
    options.add_argument("--queries", type=int, default=500)
    options.add_argument("--work", type=Path, default=Path("chimeras"))
    given = options.parse_args()
    work: Path = given.work
    work.mkdir(exist_ok=True)
    keys, seen, new = divide(given.barcodes, given.split)
    index: Path = given.index or work / "index"
    if given.index is None:
        write_keys(work / "keys.tsv", keys)
        clibd.build_index([str(work / "keys.tsv")], index, model=given.model, store_root=work)
    print(f"{len(keys):,} references; of the queries, flagged {CHIMERA.word}, %")
    print(f"{'queries':<22}{'seen':>8}{'new':>8}{'of each':>9}")
    figures = {}
    for name, change in ways(random.Random(4)).items():
        shares = []
        for kind, rows in (("seen", seen), ("new", new)):
            asked = random.Random(5).sample(rows, min(given.queries, len(rows)))
            path = work / f"{kind}.{name.replace(' ', '-')}.fasta"
            write_fasta(path, full(asked) if name in PLANTED else asked, change(full(asked)))
            shares.append(flagged(path, index))
        figures[name] = dict(zip(("seen", "new"), shares, strict=True))
        told = "".join(f"{100 * share:>8.1f}" for share in shares)
        print(f"{name:<22}{told}{given.queries:>9,}", flush=True)
    (work / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


PLANTED = ("joined after 25 %", "joined after 50 %", "joined after 75 %", "halves swapped")

Change = Callable[[str], str]


def ways(rng: random.Random) -> dict[str, Callable[[Sequence[Row]], Change]]:
    """What is done to queries, given those that can be a second parent."""
    return {
        "as they are": lambda _: lambda barcode: barcode,
        "300 bases": lambda _: lambda barcode: stretch(barcode, rng.random()),
        "a base lost": lambda _: lambda barcode: without_one(barcode, rng.random()),
        PLANTED[0]: lambda parents: joined(parents, 0.25, rng),
        PLANTED[1]: lambda parents: joined(parents, 0.5, rng),
        PLANTED[2]: lambda parents: joined(parents, 0.75, rng),
        PLANTED[3]: lambda _: swapped,
    }


def full(rows: Sequence[Row]) -> list[Row]:
    """Those with a whole barcode and a family."""
    return [row for row in rows if len(row["nucleotides"]) >= FULL and row["family"]]


def joined(parents: Sequence[Row], share: float, rng: random.Random) -> Change:
    """The first share of a barcode, and the rest of one of another family."""
    family_of = {row["nucleotides"]: row["family"] for row in parents}

    def join(barcode: str) -> str:
        others = [b for b, family in family_of.items() if family != family_of[barcode]]
        other = rng.choice(others)
        cut = int(share * len(barcode))
        return barcode[:cut] + other[-(len(barcode) - cut) :]

    return join


def swapped(barcode: str) -> str:
    """The second half before the first."""
    half = len(barcode) // 2
    return barcode[half:] + barcode[:half]


def flagged(fasta: Path, index: Path) -> float:
    """The share of the queries that are taken for chimeras."""
    out = fasta.with_suffix(".csv")
    clibd.classify(clibd.Inputs([str(fasta)]), index, out)
    with out.open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    return sum(CHIMERA.word in row["flags"].split(";") for row in rows) / len(rows)


if __name__ == "__main__":
    main()
