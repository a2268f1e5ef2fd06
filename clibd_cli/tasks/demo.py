"""`clibd demo`: the whole main job on simulated specimens, and how well it went."""

from __future__ import annotations

import csv
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from clibd_cli.core.lineage import RANKS
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.models.registry import DEMO_MODEL
from clibd_cli.tasks.classify import ClassifySummary, classify
from clibd_cli.tasks.inputs import Inputs
from clibd_cli.tasks.references import IndexSummary, build_index


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How often a rank was named, and rightly, over one group of specimens."""

    rank: str
    specimens: int
    named: int
    right: int


@dataclass(frozen=True, slots=True)
class DemoRun:
    """One `classify` of the demo.

    Attributes:
        first_rows: of its results, as the file has them.
        seen, unseen: accuracy over specimens whose species the references have, or lack.
    """

    title: str
    command: str
    summary: ClassifySummary
    first_rows: list[dict[str, str]]
    seen: list[Accuracy]
    unseen: list[Accuracy]


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo did, and where its files are.

    Attributes:
        command: what builds the index.
    """

    folder: Path
    command: str
    index: IndexSummary
    runs: list[DemoRun]


def run_demo(folder: Path, seed: int = 7, progress: Progress = SILENT) -> Demo:
    """Simulate specimens in `folder`, index the references, classify photos, barcodes and both.

    Raises:
        ClibdError: where `folder` holds files that are not the demo's.
    """
    from clibd_cli.simulated.collection import write_collection

    write_collection(folder, seed=seed, progress=progress)
    refs, index = str(folder / "refs"), folder / "clibd-index"
    command = shlex.join(["clibd", "build-index", refs, "--out", str(index)])
    built = build_index(
        [refs],
        index,
        model=DEMO_MODEL,
        overwrite=True,
        store_root=folder,
        command=command,
        progress=progress,
    )
    photos, dna = str(folder / "photos"), str(folder / "samples.fasta")
    jobs = {
        "photos": Inputs(photos=[photos]),
        "barcodes": Inputs(dna=[dna]),
        "photos and barcodes": Inputs(photos=[photos], dna=[dna]),
    }
    truth = {row["specimen_id"]: row for row in _rows(folder / "truth.csv")}
    runs = []
    for title, inputs in jobs.items():
        out = folder / f"results.{title.replace(' ', '-')}.csv"
        words = [*inputs.photos, *(word for file in inputs.dna for word in ("--dna", file))]
        words += ["--index", str(index), "--out", str(out)]
        typed = shlex.join(["clibd", "classify", *words])
        summary = classify(inputs, index, out, command=typed, progress=progress)
        called = _rows(out)
        seen, unseen = (_accuracy(called, truth, value) for value in ("true", "false"))
        runs.append(DemoRun(title, typed, summary, called[:5], seen, unseen))
    return Demo(folder, command, built, runs)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def _accuracy(
    called: Iterable[dict[str, str]], truth: dict[str, dict[str, str]], seen: str
) -> list[Accuracy]:
    pairs = [
        (row, truth[row["specimen_id"]])
        for row in called
        if truth.get(row["specimen_id"], {}).get("seen") == seen
    ]
    return [
        Accuracy(
            rank,
            specimens=len(pairs),
            named=sum(bool(row[rank]) for row, _ in pairs),
            right=sum(row[rank] == true[rank] for row, true in pairs),
        )
        for rank in RANKS
    ]
