from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from clibd_cli.training.losses import Objective
from clibd_cli.training.optimiser import OneCycleAdamW, one_cycle
from clibd_cli.training.settings import TrainSettings
from tests.training.tiny_run import one_thread


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with one_thread():
        yield


@pytest.mark.parametrize(("total", "warmup"), [(50, 0.3), (7, 0.5), (100, 0.05)])
def test_the_cycle_is_that_of_torch(total: int, warmup: float) -> None:
    weight = nn.Parameter(torch.zeros(1))
    adam = torch.optim.AdamW([weight], lr=1.0)
    torch_cycle = torch.optim.lr_scheduler.OneCycleLR(
        adam, max_lr=5e-5, total_steps=total, pct_start=warmup, div_factor=50, cycle_momentum=False
    )
    for step in range(total):
        wanted = adam.param_groups[0]["lr"]
        assert one_cycle(step, total, 1e-6, 5e-5, warmup) == pytest.approx(wanted, rel=1e-6)
        if step < total - 1:
            adam.step()
            torch_cycle.step()


@pytest.mark.parametrize("total", [1, 2, 3])
@pytest.mark.parametrize("warmup", [0.0, 0.3, 1.0])
def test_very_short_runs_have_rates(total: int, warmup: float) -> None:
    rates = [one_cycle(step, total, 1e-6, 1e-3, warmup) for step in range(total)]
    assert all(0 <= rate <= 1e-3 for rate in rates)
    assert max(rates) > 0


def _optimiser(**changes: object) -> tuple[OneCycleAdamW, nn.Module, Objective]:
    settings = TrainSettings(taxon_weight=1.0, **changes)  # type: ignore[arg-type]
    objective = Objective(settings, dict.fromkeys(("order", "family", "genus", "species"), 3), 4)
    tower = nn.Linear(2, 4)
    return OneCycleAdamW({"dna": tower}, objective, settings, 10), tower, objective


def test_each_part_has_its_own_peak() -> None:
    optimiser, _, _ = _optimiser(
        learning_rate=1e-3, dna_learning_rate=2e-3, taxon_learning_rate=5e-3, warmup=0.3
    )
    assert optimiser.rates(2) == pytest.approx({"dna": 2e-3, "taxon": 5e-3, "temperature": 1e-3})


def test_biases_and_temperatures_are_not_decayed() -> None:
    optimiser, tower, objective = _optimiser(weight_decay=0.5, learning_rate=0.1, warmup=0.0)
    before = {name: w.detach().clone() for name, w in tower.named_parameters()}
    for weight in [*tower.parameters(), *objective.parameters()]:
        weight.grad = torch.zeros_like(weight)
    scale = objective.log_scale.item()
    optimiser.update(0)
    assert torch.equal(tower.bias, before["bias"])
    assert objective.log_scale.item() == scale
    assert torch.allclose(tower.weight, before["weight"] * (1 - optimiser.rates(0)["dna"] * 0.5))


def test_frozen_weights_are_not_in_it() -> None:
    settings = TrainSettings(learnable_temperature=False)
    objective = Objective(settings, dict.fromkeys(("order", "family", "genus", "species"), 3), 4)
    tower = nn.Linear(2, 4)
    tower.weight.requires_grad_(False)
    assert OneCycleAdamW({"dna": tower}, objective, settings, 10).parameters() == [tower.bias]


def test_long_gradients_are_shortened_and_their_length_is_told() -> None:
    optimiser, tower, objective = _optimiser(clip_norm=1.0)
    for weight in [*tower.parameters(), *objective.parameters()]:
        weight.grad = torch.zeros_like(weight)
    tower.bias.grad = torch.tensor([3.0, 4.0, 0.0, 0.0])
    assert optimiser.update(0) == pytest.approx(5.0)
    assert tower.bias.grad.norm().item() == pytest.approx(1.0, rel=1e-4)


def test_a_gradient_that_is_not_finite_moves_nothing() -> None:
    optimiser, tower, _ = _optimiser()
    before = tower.weight.detach().clone()
    tower.weight.grad = torch.full_like(tower.weight, float("nan"))
    optimiser.update(0)
    assert torch.equal(tower.weight, before)
