"""Barcodes that were kept back, named through clibd and through vsearch, in one run.

    python recipes/split_clibd_mini.py splits.csv
    clibd train recipes/clibd_mini.toml --name mini-check --split splits.csv --steps 900
    python benchmarks/kept_back_barcodes.py arthropods.tsv.gz splits.csv --model mini-check

References are the distinct barcodes of the split's training set that have a species. Queries are
distinct barcodes that are none of them: of the same species (as they are, reverse-complemented,
300 bases from a random place, with a base lost), and of new species whose genus the references
have. Prints how often names are right, with the calibrated blanks how many of the names given are
right at each target, the same for shorter pieces, and queries a second.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import random
import shutil
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import clibd_cli as clibd
from clibd_cli.core.lineage import RANKS

Row = dict[str, str]
COLUMNS = ("record_id", "bin_uri", *RANKS, "nucleotides")
COMPLEMENT = str.maketrans("ACGTN", "TGCAN")
TARGETS = (0.9, 0.95, 0.99)
LENGTHS = (40, 60, 120, 200, 313)
"""Bases of the pieces that are asked besides."""
BINS = 10


def main() -> None:
    """Prepare the files in a folder, then one table a question."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("barcodes")
    options.add_argument("split")
    options.add_argument("--model")
    options.add_argument("--work", type=Path, default=Path("kept-back"))
    given = options.parse_args()
    work: Path = given.work
    work.mkdir(exist_ok=True)
    truth = prepare(Path(given.barcodes), Path(given.split), work)
    index = work / "index"
    clibd.build_index([str(work / "keys.tsv")], index, model=given.model, store_root=work)
    print(f"{'queries':<22}{'method':<26}{'species':>9}{'genus':>8}{'family':>8}{'a second':>10}")
    for name in ("seen", "turned", "cut", "lost", "new"):
        for method, align in (("nearest", "never"), ("nearest", None), ("vote", None)):
            told = f"clibd {method}{', no alignment' if align else ''}"
            show(name, told, *classified(work, name, index, truth, method=method, align=align))
        if shutil.which("vsearch"):
            show(name, "vsearch", *by_vsearch(work, name, truth))
    trust(work, index, truth)
    trust_in_pieces(work, index, truth)


def prepare(barcodes: Path, split: Path, work: Path) -> dict[str, Row]:
    """Write keys and queries; what each query truly is."""
    keys, asked, strangers = divide(barcodes, split)
    genera = {row["genus"] for row in keys}
    new = [row for row in strangers if row["genus"] in genera]
    write_keys(work / "keys.tsv", keys)
    rng = random.Random(3)
    write_fasta(work / "seen.fasta", asked, lambda b: b)
    write_fasta(work / "turned.fasta", asked, lambda b: b.translate(COMPLEMENT)[::-1])
    write_fasta(work / "cut.fasta", asked, lambda b: stretch(b, 300, rng.random()))
    write_fasta(work / "lost.fasta", asked, lambda b: without_one(b, rng.random()))
    write_fasta(work / "new.fasta", new, lambda b: b)
    for bases in LENGTHS:
        for name, rows in (("seen", asked), ("new", new)):
            path = work / f"{name}-{bases}.fasta"
            write_fasta(path, rows, lambda b, bases=bases: stretch(b, bases, rng.random()))
    print(f"{len(keys):,} references, {len(asked):,} seen and {len(new):,} new queries")
    return {row["record_id"]: row for row in (*asked, *new)}


def divide(barcodes: Path, split: Path) -> tuple[list[Row], list[Row], list[Row]]:
    """References, queries of their species, and queries of others: distinct barcodes all."""
    with split.open(encoding="utf-8", newline="") as table:
        split_of = {row["specimen_id"]: row["split"] for row in csv.DictReader(table)}
    with gzip.open(barcodes, "rt", encoding="utf-8", newline="") as table:
        rows = [clean(row) for row in csv.DictReader(table, delimiter="\t")]
    keys = distinct(row for row in rows if split_of.get(row["record_id"]) == "train")
    taken = {row["nucleotides"] for row in keys}
    others = [row for row in rows if row["nucleotides"] not in taken]
    seen = distinct(row for row in others if split_of.get(row["record_id"]) == "val")
    new = distinct(row for row in others if split_of.get(row["record_id"]) == "val_unseen")
    return keys, seen, new


def write_keys(path: Path, keys: Sequence[Row]) -> None:
    """Write references as a table."""
    with path.open("w", encoding="utf-8", newline="") as table:
        writer = csv.DictWriter(table, COLUMNS, delimiter="\t", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(keys)


def clean(row: Row) -> Row:
    """A row with its barcode in plain letters."""
    return {**row, "nucleotides": row["nucleotides"].upper().replace("-", "")}


def distinct(rows: Iterable[Row]) -> list[Row]:
    """The first row of each barcode of 200 bases or more that has a species."""
    first: dict[str, Row] = {}
    for row in rows:
        if row["species"] and len(row["nucleotides"]) >= 200:
            first.setdefault(row["nucleotides"], row)
    return list(first.values())


def stretch(barcode: str, bases: int, where: float) -> str:
    """So many bases from a place between 0 and 1."""
    start = int(where * max(1, len(barcode) - bases + 1))
    return barcode[start : start + bases]


def without_one(barcode: str, where: float) -> str:
    """A barcode that lost a base somewhere in its inner part."""
    at = 40 + int(where * (len(barcode) - 80))
    return barcode[:at] + barcode[at + 1 :]


def write_fasta(path: Path, rows: Sequence[Row], change: Any) -> None:
    """Write queries, changed in some way."""
    records = (f">{row['record_id']}\n{change(row['nucleotides'])}\n" for row in rows)
    path.write_text("".join(records), encoding="utf-8")


def classified(
    work: Path, name: str, index: Path, truth: dict[str, Row], **how: Any
) -> tuple[list[tuple[Row, Row]], float]:
    """What clibd says, beside the truth, and queries a second."""
    out = work / f"{name}.csv"
    inputs = clibd.Inputs([str(work / f"{name}.fasta")])
    done = clibd.classify(inputs, index, out, target_precision=how.pop("target", 0.0), **how)
    with out.open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    return [(row, truth[row["specimen_id"]]) for row in rows], done.rate


def by_vsearch(work: Path, name: str, truth: dict[str, Row]) -> tuple[list[tuple[Row, Row]], float]:
    """The label of vsearch's best hit."""
    keys, out = work / "keys.fasta", work / f"{name}.uc"
    lineages: dict[str, Row] = {}
    with (work / "keys.tsv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    keys.write_text("".join(f">{i}\n{row['nucleotides']}\n" for i, row in enumerate(rows)))
    lineages = {str(i): row for i, row in enumerate(rows)}
    started = time.monotonic()
    words = ["vsearch", "--usearch_global", str(work / f"{name}.fasta"), "--db", str(keys)]
    words += ["--id", "0.7", "--maxaccepts", "1", "--strand", "both", "--blast6out", str(out)]
    subprocess.run([*words, "--quiet"], check=True)
    seconds = time.monotonic() - started
    hits = [line.split("\t") for line in out.read_text().splitlines()]
    hits.sort(key=lambda hit: float(hit[2]))  # one hit a strand: the better one comes last
    found = {hit[0]: hit[1] for hit in hits}
    with (work / f"{name}.fasta").open(encoding="utf-8") as records:
        asked = [line[1:].strip() for line in records if line.startswith(">")]
    nothing = dict.fromkeys(RANKS, "")
    named = [(lineages.get(found.get(query, ""), nothing), truth[query]) for query in asked]
    return named, len(asked) / seconds


def show(name: str, told: str, pairs: list[tuple[Row, Row]], rate: float) -> None:
    """One line: the share of right names among all queries that have one."""
    shares = []
    for rank in ("species", "genus", "family"):
        judged = [given[rank] == true[rank] for given, true in pairs if true[rank]]
        shares.append(f"{100 * sum(judged) / len(judged):.1f}")
    print(
        f"{name:<22}{told:<26}{shares[0]:>9}{shares[1]:>8}{shares[2]:>8}{rate:>10.0f}", flush=True
    )


def trust(work: Path, index: Path, truth: dict[str, Row]) -> None:
    """Half seen and half new queries: right among the names given, and how many are given."""
    print(f"\n{'target':<8}{'rank':<9}{'right':>8}{'given, seen':>13}{'new':>7}{'error':>8}")
    for target in TARGETS:
        seen, _ = classified(work, "seen", index, truth, target=target)
        new, _ = classified(work, "new", index, truth, target=target)
        for rank in RANKS:
            print(f"{target:<8}{judged(rank, seen, new)}", flush=True)


def trust_in_pieces(work: Path, index: Path, truth: dict[str, Row]) -> None:
    """The same for pieces, and how many of seen species are suspected to be new."""
    print(f"\n{'bases':<8}{'rank':<9}{'right':>8}{'given, seen':>13}{'new':>7}{'error':>8}  (0.95)")
    for bases in LENGTHS:
        seen, _ = classified(work, f"seen-{bases}", index, truth, target=0.95)
        new, _ = classified(work, f"new-{bases}", index, truth, target=0.95)
        for rank in RANKS:
            print(f"{bases:<8}{judged(rank, seen, new)}")
        shares = [
            sum("new_species_suspected" in row["flags"] for row, _ in pairs) / len(pairs)
            for pairs in (seen, new)
        ]
        print(f"{'':<8}suspected new: {shares[0]:.1%} of seen, {shares[1]:.1%} of new", flush=True)


def judged(rank: str, *queries: list[tuple[Row, Row]]) -> str:
    """Part of a line: right among the names given, shares given, calibration error."""
    given: list[tuple[float, bool, float]] = []
    shares = []
    for pairs in queries:
        known = [(row, true) for row, true in pairs if true[rank]]
        named = [(row, true) for row, true in known if row[rank]]
        shares.append(f"{100 * len(named) / len(known):.1f}")
        for row, true in named:
            sure = float(row[f"confidence_{rank}"])
            given.append((sure, row[rank] == true[rank], 1 / len(known)))
    weight = sum(w for _, _, w in given)
    right = f"{100 * sum(w for _, hit, w in given if hit) / weight:.1f}" if given else "-"
    error = f"{calibration_error(given):.3f}" if given else "-"
    return f"{rank:<9}{right:>8}{shares[0]:>13}{shares[1]:>7}{error:>8}"


def calibration_error(given: list[tuple[float, bool, float]]) -> float:
    """The expected calibration error of names, each with its probability and its weight."""
    error, total = 0.0, sum(weight for _, _, weight in given)
    for place in range(BINS):
        within = [one for one in given if min(int(one[0] * BINS), BINS - 1) == place]
        error += abs(sum((sure - hit) * weight for sure, hit, weight in within))
    return error / total


if __name__ == "__main__":
    main()
