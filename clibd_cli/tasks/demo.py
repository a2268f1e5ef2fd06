"""`clibd demo`: the whole main job on simulated specimens, and how well it went.

Simulated animals have no names in any real library, so they are compared with references of their
own. What the library that ships knows is shown by looking a real name up in it.
"""

from __future__ import annotations

import csv
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from clibd_cli.core.lineage import RANKS
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.core.records import Hit, Skip
from clibd_cli.core.shipped import OWN_MODEL, shipped_library, shipped_model
from clibd_cli.models.home import models_home
from clibd_cli.models.registry import DEMO_MODEL, at_hand
from clibd_cli.tasks.classify import ClassifySummary, classify
from clibd_cli.tasks.inputs import Inputs
from clibd_cli.tasks.references import IndexSummary, build_index
from clibd_cli.tasks.search import search
from clibd_cli.vectors.header import read_header

RED_ADMIRAL = "Lepidoptera Nymphalidae Vanessa Vanessa atalanta"
"""A butterfly of the whole northern hemisphere, the name that the demo looks up."""


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


@dataclass(frozen=True, slots=True)
class LookUp:
    """The references of one kind that are nearest to a name, best first."""

    command: str
    hits: list[Hit]


def demo_model() -> str:
    """The model of the demo where none is asked for: the one that ships, else the untrained one."""
    return OWN_MODEL if shipped_model() is not None else DEMO_MODEL


def look_up_a_name(progress: Progress = SILENT) -> list[LookUp]:
    """Which photos and which barcodes of the library that ships are nearest to a real name.

    Nothing where no library ships, or its model reads no names.
    """
    library = shipped_library()
    if library is None or not _reads_names(read_header(library).model_fingerprint):
        return []
    lookups = []
    for kind in (m for m in read_header(library).modalities if m != "text"):
        found = search(Inputs(text=RED_ADMIRAL), library, keys=[kind], k=3, progress=progress)
        hits = [hit for query in found if not isinstance(query, Skip) for hit in query.hits]
        words = ["clibd", "search", "--text", RED_ADMIRAL, "--keys", kind, "-k", "3"]
        lookups.append(LookUp(shlex.join(words), hits))
    return lookups


def _reads_names(fingerprint: str) -> bool:
    cards = (entry.card for entry in at_hand(models_home()))
    return any(card and card.fingerprint == fingerprint and card.text for card in cards)


def run_demo(
    folder: Path, seed: int = 7, model: str | None = None, progress: Progress = SILENT
) -> Demo:
    """Simulate specimens in `folder`, index the references, classify photos, barcodes and both.

    Args:
        model: its name; None takes `demo_model`.

    Raises:
        ClibdError: where `folder` holds files that are not the demo's, or the model lacks a tower
            for photos or barcodes.
    """
    from clibd_cli.simulated.collection import write_collection

    write_collection(folder, seed=seed, progress=progress)
    refs, index = str(folder / "refs"), folder / "clibd-index"
    command = shlex.join(["clibd", "build-index", refs, "--out", str(index)])
    built = build_index(
        [refs],
        index,
        model=model or demo_model(),
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
