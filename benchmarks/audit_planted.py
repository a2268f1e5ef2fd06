"""How well `clibd audit` finds errors that were planted into a real library, and how precisely.

    clibd embed --dna arthropods.tsv.gz
    python benchmarks/audit_planted.py arthropods.embeddings
    clibd embed --photos lepidoptera/photos --labels lepidoptera/photos.csv --out photos.embeddings
    python benchmarks/audit_planted.py photos.embeddings
    python benchmarks/audit_planted.py photos.embeddings --vectors frozen   # no label taught them
    python benchmarks/audit_planted.py arthropods.embeddings --vectors kmers --rows 15000

Labels are swapped in a share of the references: for any species of the library, or for another one
of the family; names are misspelt, contents copied under other ids and species, bases lost. For
each kind it prints precision and recall at the default threshold, and for swapped labels along the
ranking. What is found besides is counted as false, although much of it is wrong in the original:
"besides" says how many findings there were before anything was planted, and "net" is the precision
without them.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from clibd_cli.core.lineage import Lineage
from clibd_cli.tasks.audit_barcodes import barcode_findings
from clibd_cli.tasks.audit_duplicates import same_content
from clibd_cli.tasks.audit_findings import Finding
from clibd_cli.tasks.audit_labels import LEAST_SCORE, NEIGHBOURS, disagreements, label_findings
from clibd_cli.tasks.audit_names import name_findings
from clibd_cli.vectors.holdings import Holdings, holdings_of_stores
from clibd_cli.vectors.label_votes import Votes
from clibd_cli.vectors.neighbours import nearest_others
from clibd_cli.vectors.parts import find_stores

MARKS = (0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5, 0.4)
Near = tuple[np.ndarray, np.ndarray]


def main() -> None:
    """Print the tables of one store."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("store", type=Path)
    options.add_argument("--share", type=float, default=0.05)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--rows", type=int, help="so many references, drawn at random")
    options.add_argument("--vectors", choices=("store", "kmers", "frozen"), default="store")
    options.add_argument(
        "--only", type=Path, help="plant, and count, only among the ids in this file"
    )
    given = options.parse_args()
    with TemporaryDirectory() as scratch:
        (held,) = holdings_of_stores(find_stores(given.store), Path(scratch))
        if given.rows:
            held = subset(held, random.Random(given.seed).sample(range(len(held)), given.rows))
        if given.vectors != "store":
            held.vectors = kmers(held) if given.vectors == "kmers" else frozen(held)
        only = set(given.only.read_text(encoding="utf-8").split("\n")) if given.only else None
        near = nearest_others(held.vectors, NEIGHBOURS)
        print(f"{len(held):,} references, {len(held.vectors):,} distinct, {held.modality}")
        for what in ("species of any family", "species of the family"):
            swapped(held, near, what, given.share, random.Random(given.seed), only)
        others(held, random.Random(given.seed))
        del held


def swapped(
    held: Holdings,
    near: Near,
    what: str,
    share: float,
    rng: random.Random,
    only: set[str] | None,
) -> None:
    """Precision and recall of `label_disagrees` for swapped labels."""
    changed, bad = swap(held, what.endswith("the family"), share, rng, only)
    before = {i for f in label_findings(held, near=near) for i in f.specimen_ids}
    votes = Votes(changed, *near)
    found = sorted(disagreements(votes), key=lambda d: -d.score)
    besides = len(before & (only or before))
    print(f"\nlabels swapped for another {what}: {len(bad):,}; besides: {besides:,}")
    print(f"{'score':>10}{'found':>9}{'precision':>11}{'net':>9}{'recall':>9}")
    for mark in MARKS:
        rows = [row for d in found if d.score >= mark for row in d.group.rows]
        rows = [row for row in rows if only is None or held.ids[row] in only]
        right = sum(row in bad for row in rows)
        new = sum(row in bad or held.ids[row] not in before for row in rows)
        note = "  <- default" if mark == LEAST_SCORE else ""
        print(
            f"{mark:>10.2f}{len(rows):>9,}{right / max(1, len(rows)):>11.3f}"
            f"{right / max(1, new):>9.3f}{right / len(bad):>9.3f}{note}"
        )
    findings = label_findings(changed, near=near)
    names = {changed.ids[row]: held.lineages[row] for row in bad}
    told = [(f.suggested, names[i]) for f in findings for i in f.specimen_ids if i in names]
    for rank in ("family", "genus", "species"):
        meant = [(text, name) for text, line in told if (name := line.at(rank))]
        right = sum(f" {name}" in f" {text}" for text, name in meant)
        print(f"  the suggestion has the true {rank}: {right / max(1, len(meant)):.3f}")


def swap(
    held: Holdings, in_family: bool, share: float, rng: random.Random, only: set[str] | None
) -> tuple[Holdings, set[int]]:
    """The references with some labels swapped, and which rows these are."""
    species = sorted({line for line in held.lineages if line.species}, key=str)
    pools: dict[str | None, list[Lineage]] = defaultdict(list)
    for line in species:
        pools[line.family if in_family else None].append(line)
    named = [
        row
        for row, line in enumerate(held.lineages)
        if line.species and (only is None or held.ids[row] in only)
    ]
    lineages, bad = list(held.lineages), set()
    for row in rng.sample(named, round(share * len(named))):
        own = held.lineages[row]
        pool = [x for x in pools[own.family if in_family else None] if x.species != own.species]
        if pool:
            lineages[row] = rng.choice(pool)
            bad.add(row)
    return replace(held, lineages=lineages), bad


def others(held: Holdings, rng: random.Random) -> None:
    """Precision and recall of the kinds that have a rule, each with 200 planted errors."""
    print(f"\n{'planted':<44}{'besides':>9}{'precision':>11}{'recall':>9}")
    names: Callable[[Holdings], Iterable[Finding]] = lambda h: (  # noqa: E731
        f for f in name_findings([h]) if f.numbers["problem"] == "misspelt"
    )
    told("epithets with one wrong letter", names, held, *misspelt(held, rng))
    told("content under another id and species", same_content, held, *copied(held, rng))
    if held.modality == "dna":
        stops: Callable[[Holdings], Iterable[Finding]] = lambda h: (  # noqa: E731
            f for f in barcode_findings(h) if f.kind == "stop_codon"
        )
        told("a base lost in the middle (frame shift)", stops, held, *shifted(held, rng))


def told(
    what: str,
    find: Callable[[Holdings], Iterable[Finding]],
    held: Holdings,
    changed: Holdings,
    bad: set[str],
) -> None:
    """One line: a finding is right where any of its specimens was changed."""
    before = len(list(find(held)))
    findings = [set(f.specimen_ids) for f in find(changed)]
    right = sum(bool(ids & bad) for ids in findings)
    found = len(bad & set().union(*findings)) if findings else 0
    precision = right / max(1, len(findings))
    print(f"{what:<44}{before:>9,}{precision:>11.3f}{found / len(bad):>9.3f}")


def misspelt(held: Holdings, rng: random.Random) -> tuple[Holdings, set[str]]:
    """200 epithets with a letter changed."""
    rows = rng.sample([i for i, x in enumerate(held.lineages) if x.species], 200)
    lineages = list(held.lineages)
    for row in rows:
        name = lineages[row].species or ""
        place = rng.randrange(name.index(" ") + 2 if " " in name else 1, len(name))
        letter = rng.choice([x for x in "abcdefghilmnoprstuv" if x != name[place]])
        lineages[row] = replace(lineages[row], species=name[:place] + letter + name[place + 1 :])
    return replace(held, lineages=lineages), {held.ids[row] for row in rows}


def copied(held: Holdings, rng: random.Random) -> tuple[Holdings, set[str]]:
    """200 references once more, under new ids and another species of any family."""
    rows = rng.sample([i for i, x in enumerate(held.lineages) if x.species], 200)
    every = [x for x in held.lineages if x.species]
    more = subset(held, [*range(len(held)), *rows])
    for n, row in enumerate(rows):
        foreign = rng.choice([x for x in rng.sample(every, 20) if x != held.lineages[row]])
        more.lineages[len(held) + n] = foreign
        more.ids[len(held) + n] = f"copy {n}"
    return more, {f"copy {n}" for n in range(len(rows))}


def shifted(held: Holdings, rng: random.Random) -> tuple[Holdings, set[str]]:
    """200 barcodes that lack a base in their middle third."""
    rows = rng.sample(range(len(held)), 200)
    barcodes = list(held.barcodes)
    for row in rows:
        text = barcodes[row]
        place = rng.randrange(len(text) // 3, 2 * len(text) // 3)
        barcodes[row] = text[:place] + text[place + 1 :]
    return replace(held, barcodes=barcodes), {held.ids[row] for row in rows}


def subset(held: Holdings, rows: list[int]) -> Holdings:
    """Some of the references, with the vectors that they have."""
    kept, numbers = np.unique(held.numbers[rows], return_inverse=True)
    lists = {
        name: [getattr(held, name)[row] for row in rows]
        for name in ("ids", "lineages", "bins", "barcodes", "sources", "digests")
    }
    return Holdings(held.modality, np.array(held.vectors[kept]), numbers, **lists)


def kmers(held: Holdings) -> np.ndarray:
    """6-mer frequencies, which no label has taught anything."""
    from barcode_vectors import kmer_vectors, unit

    return unit(kmer_vectors([held.barcodes[rows[0]] for rows in held.rows_of_vectors()]))


def frozen(held: Holdings) -> np.ndarray:
    """ImageNet features of the photos, which never saw a label of these."""
    import torch

    from clibd_cli.io.photos import load_photo
    from clibd_cli.models.cards import ConvImageTower
    from clibd_cli.models.checkpoint import read_tensors
    from clibd_cli.models.efficientnet import FEATURES, ConvImageEncoder, from_imagenet
    from clibd_cli.models.preprocess import prepare_photo
    from clibd_cli.training.pretrained import pretrained_file

    file = pretrained_file("efficientnet_lite0")
    spread = ((0.498, 0.498, 0.498), (0.502, 0.502, 0.502))
    tower = ConvImageTower("efficientnet_lite0", FEATURES, 224, 224, *spread)
    encoder = ConvImageEncoder(tower).eval()
    encoder.load_state_dict(from_imagenet(read_tensors(file).tensors, file.name), strict=False)
    encoder.head = torch.nn.Identity()
    paths = [Path(held.sources[rows[0]]) for rows in held.rows_of_vectors()]
    vectors = []
    with torch.inference_mode():
        for start in range(0, len(paths), 32):
            some = [prepare_photo(load_photo(path), tower) for path in paths[start : start + 32]]
            features = encoder(torch.stack(some))
            vectors.append(torch.nn.functional.normalize(features, dim=-1).numpy())
    return np.concatenate(vectors)


if __name__ == "__main__":
    main()
