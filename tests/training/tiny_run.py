"""A run so small that it takes no time: two linear towers, twenty specimens, no files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from clibd_cli.core.lineage import Lineage
from clibd_cli.core.records import Modality
from clibd_cli.training.collaborators import Encode
from clibd_cli.training.example import Example
from clibd_cli.training.journal import Journal
from clibd_cli.training.processes import Processes
from clibd_cli.training.settings import TrainSettings
from clibd_cli.training.trainer import train

WIDTH, DIM, N, BATCH = 6, 5, 20, 8


@dataclass(frozen=True)
class TinyTowers:
    modules: dict[Modality, nn.Module]
    dim: int = DIM
    starts: dict[Modality, str] = field(default_factory=dict)

    def inputs(self, modality: Modality, items: Sequence[Any]) -> list[Tensor]:
        # Anchors are read of barcodes themselves.
        rows = [torch.full((WIDTH,), len(i) / 9) if isinstance(i, str) else i for i in items]
        return [torch.stack(rows)]

    def set_training(self, on: bool) -> None:
        for module in self.modules.values():
            module.train(on)


@dataclass(frozen=True)
class TinyBatch:
    rows: dict[Modality, list[int]]
    items: dict[Modality, list[Any]]


@dataclass(frozen=True)
class TinyPlan:
    """Photos are fewer than barcodes, so that modalities differ in their number of rows."""

    n: int = N
    batch: int = BATCH

    @property
    def steps_per_epoch(self) -> int:
        return -(-self.n // self.batch)

    def rows(self, step: int) -> dict[Modality, list[int]]:
        epoch, at = divmod(step, self.steps_per_epoch)
        generator = torch.Generator().manual_seed(epoch)
        order = torch.randperm(self.n, generator=generator).tolist()
        dna = order[at * self.batch : (at + 1) * self.batch]
        return {"image": dna[: max(1, len(dna) - 3)], "dna": dna}


def tiny_towers(dropout: float = 0.0, seed: int = 0) -> TinyTowers:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        modules: dict[Modality, nn.Module] = {
            m: nn.Sequential(nn.Linear(WIDTH, 8), nn.GELU(), nn.Dropout(dropout), nn.Linear(8, DIM))
            for m in ("image", "dna")
        }
    return TinyTowers(modules)


def tiny_examples() -> list[Example]:
    names = [Lineage("O", f"F{i % 2}", f"G{i % 3}", f"G{i % 3} s{i % 4}") for i in range(N)]
    return [Example(f"id{i}", None, "ACGT", names[i]) for i in range(N)]


def features() -> dict[Modality, Tensor]:
    generator = torch.Generator().manual_seed(7)
    return {m: torch.randn(N, WIDTH, generator=generator) for m in ("image", "dna")}


def tiny_feed(start: int, end: int, rank: int = 0, world: int = 1) -> Iterator[TinyBatch]:
    plan, known = TinyPlan(), features()
    for step in range(start, end):
        rows = plan.rows(step)
        yield TinyBatch(rows, {m: [known[m][i] for i in r[rank::world]] for m, r in rows.items()})


def tiny_settings(folder: Path, **changes: Any) -> TrainSettings:
    facts: dict[str, Any] = {
        "name": "tiny",
        "out": str(folder),
        "dna": ("x",),
        "dna_tower": "new:bert",
        "epochs": 4,
        "label": "species",
        "learning_rate": 0.01,
        "taxon_weight": 0.5,
        "device": "cpu",
    }
    return TrainSettings(**{**facts, **changes})


def weights_of(towers: TinyTowers) -> Tensor:
    return torch.cat(
        [w.detach().flatten() for m in towers.modules.values() for w in m.parameters()]
    )


def run_tiny(
    folder: Path, processes: Processes, seed_of_weights: int = 0, **changes: Any
) -> Tensor:
    """Train a tiny run, with a validation that only the first process may do."""
    towers = tiny_towers(seed=seed_of_weights)
    known = features()

    def validate(encode: Encode) -> dict[str, float]:
        assert processes.first
        return {"mean": float(encode("dna", list(known["dna"])).mean())}

    train(
        tiny_settings(folder, **changes),
        tiny_examples(),
        TinyPlan(),
        towers,
        lambda start, end: tiny_feed(start, end, processes.rank, processes.world),
        validate,
        folder=folder,
        journal=Journal(folder / "log.jsonl"),
        processes=processes,
    )
    return weights_of(towers)


@contextmanager
def one_thread() -> Iterator[None]:
    """Numbers this small are slower on several threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
