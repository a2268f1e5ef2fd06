from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from clibd_cli.core.records import Modality
from clibd_cli.training.losses import BatchTargets, Objective
from clibd_cli.training.processes import Processes
from clibd_cli.training.settings import TrainSettings
from clibd_cli.training.step import StepOptions, compute_gradients, seeded
from clibd_cli.training.targets import make_targets
from tests.training.tiny_run import (
    DIM,
    TinyTowers,
    features,
    one_thread,
    tiny_examples,
    tiny_towers,
)

CPU = torch.device("cpu")
ROWS: dict[Modality, list[int]] = {"image": [0, 3, 5, 7, 9], "dna": [3, 0, 11, 5, 12, 9, 2]}


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with one_thread():
        yield


def _gradients(
    towers: TinyTowers, options: StepOptions, step: int = 3
) -> tuple[float, torch.Tensor]:
    targets = make_targets(tiny_examples(), "species")
    with seeded("test", CPU):
        objective = Objective(TrainSettings(taxon_weight=1.0), targets.sizes, DIM)
    known = features()
    items: dict[Modality, list[Any]] = {m: [known[m][i] for i in r] for m, r in ROWS.items()}
    found = compute_gradients(
        step,
        items,
        {m: len(r) for m, r in ROWS.items()},
        BatchTargets.of(targets, ROWS, CPU),
        towers,
        objective,
        options,
        Processes(),
    )
    modules = [*towers.modules.values(), objective]
    parts = [w.grad.flatten() for m in modules for w in m.parameters() if w.grad is not None]
    return found.loss, torch.cat(parts)


def _plain(towers: TinyTowers) -> tuple[float, torch.Tensor]:
    """What autograd says without any of our machinery."""
    targets = make_targets(tiny_examples(), "species")
    with seeded("test", CPU):
        objective = Objective(TrainSettings(taxon_weight=1.0), targets.sizes, DIM)
    known = features()
    vectors = {m: towers.modules[m](known[m][r]) for m, r in ROWS.items()}
    for module in towers.modules.values():
        module.zero_grad()
    loss, _ = objective(vectors, BatchTargets.of(targets, ROWS, CPU))
    loss.backward()
    modules = [*towers.modules.values(), objective]
    parts = [w.grad.flatten() for m in modules for w in m.parameters() if w.grad is not None]
    return loss.item(), torch.cat(parts)


@pytest.mark.parametrize("micro", [None, 1, 3, 100])
@pytest.mark.parametrize("caching", [False, True])
def test_cut_and_cached_steps_equal_plain_autograd(micro: int | None, caching: bool) -> None:
    towers = tiny_towers()
    wanted_loss, wanted = _plain(towers)
    loss, gradient = _gradients(towers, StepOptions(micro, caching))
    assert loss == pytest.approx(wanted_loss, rel=1e-6)
    assert torch.allclose(gradient, wanted, atol=1e-6)
    assert wanted.abs().max() > 1e-3


def test_caching_meets_the_same_dropout_again() -> None:
    towers = tiny_towers(dropout=0.5)
    towers.set_training(True)
    _, kept = _gradients(towers, StepOptions(3, False))
    _, cached = _gradients(towers, StepOptions(3, True))
    assert torch.equal(kept, cached)
    _, other_step = _gradients(towers, StepOptions(3, True), step=4)
    assert not torch.allclose(kept, other_step)
    _, other_seed = _gradients(towers, StepOptions(3, True, seed=1))
    assert not torch.allclose(kept, other_seed)


def test_bf16_is_near_and_its_gradients_are_those_of_the_float32_weights() -> None:
    towers = tiny_towers()
    loss, exact = _gradients(towers, StepOptions(None, False))
    near_loss, near = _gradients(towers, StepOptions(None, False, torch.bfloat16))
    assert near.dtype is torch.float32
    assert near_loss != loss
    assert near_loss == pytest.approx(loss, rel=0.02)
    assert torch.nn.functional.cosine_similarity(near, exact, dim=0) > 0.99
    _, cached = _gradients(towers, StepOptions(2, True, torch.bfloat16))
    assert torch.nn.functional.cosine_similarity(cached, exact, dim=0) > 0.99


def test_a_frozen_tower_teaches_and_does_not_learn() -> None:
    towers = tiny_towers()
    towers.modules["dna"].requires_grad_(False)
    loss, _ = _gradients(towers, StepOptions())
    assert loss == pytest.approx(_plain(towers)[0], abs=1e-6)
    assert all(w.grad is None for w in towers.modules["dna"].parameters())
    assert all(w.grad is not None for w in towers.modules["image"].parameters())
