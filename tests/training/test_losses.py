from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from torch.nn import functional

from clibd_cli.training.losses import (
    MAX_SCALE,
    BatchTargets,
    Objective,
    RankHeads,
    contrastive_loss,
)
from clibd_cli.training.settings import TrainSettings
from clibd_cli.training.targets import make_targets
from tests.training.tiny_run import one_thread, tiny_examples


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with one_thread():
        yield


def _unit(n: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return functional.normalize(torch.randn(n, 4, generator=generator), dim=1)


def test_one_positive_a_row_is_plain_infonce_in_both_directions() -> None:
    image, dna = _unit(5, 0), _unit(5, 1)
    groups = torch.arange(5)
    logits = 7.0 * image @ dna.T
    target = torch.arange(5)
    wanted = (
        functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)
    ) / 2
    found = contrastive_loss({"image": image, "dna": dna}, {"image": groups, "dna": groups}, 7.0)
    assert found.item() == pytest.approx(wanted.item(), abs=1e-6)


def test_several_positives_are_summed_as_in_the_official_code() -> None:
    image, dna = _unit(3, 0), _unit(3, 1)
    groups = torch.tensor([4, 4, 9])
    matrix = (groups[:, None] == groups[None]).float()
    logits = 5.0 * image @ dna.T
    criterion = torch.nn.CrossEntropyLoss()
    wanted = (criterion(logits, matrix) + criterion(logits.T, matrix)) / 2
    both = {"image": groups, "dna": groups}
    found = contrastive_loss({"image": image, "dna": dna}, both, 5.0)
    assert found.item() == pytest.approx(wanted.item(), abs=1e-6)
    shared = contrastive_loss({"image": image, "dna": dna}, both, 5.0, share_positives=True)
    even = matrix / matrix.sum(1, keepdim=True)
    wanted = (criterion(logits, even) + criterion(logits.T, even)) / 2
    assert shared.item() == pytest.approx(wanted.item(), abs=1e-6)


def test_three_modalities_make_three_pairs_and_any_number_of_rows() -> None:
    vectors = {"image": _unit(3, 0), "dna": _unit(4, 1), "text": _unit(2, 2)}
    groups = {
        "image": torch.tensor([0, 1, 2]),
        "dna": torch.tensor([0, 1, 1, 5]),
        "text": torch.tensor([1, 0]),
    }
    whole = contrastive_loss(vectors, groups, 3.0)
    pairs = [("image", "dna"), ("image", "text"), ("dna", "text")]
    parts = [
        contrastive_loss({m: vectors[m] for m in pair}, {m: groups[m] for m in pair}, 3.0)
        for pair in pairs
    ]
    assert whole.item() == pytest.approx(torch.stack(parts).mean().item(), abs=1e-6)


def test_rows_without_a_positive_are_left_out_as_anchors_only() -> None:
    image, dna = _unit(2, 0), _unit(3, 1)
    found = contrastive_loss(
        {"image": image, "dna": dna},
        {"image": torch.tensor([0, 8]), "dna": torch.tensor([0, 5, 6])},
        2.0,
    )
    forward = -functional.log_softmax(2.0 * image[:1] @ dna.T, dim=1)[0, 0]
    back = -functional.log_softmax(2.0 * dna[:1] @ image.T, dim=1)[0, 0]
    assert found.item() == pytest.approx(((forward + back) / 2).item(), abs=1e-6)


def test_nothing_alike_is_a_zero_with_a_gradient() -> None:
    image, dna = _unit(2, 0).requires_grad_(), _unit(2, 1)
    found = contrastive_loss(
        {"image": image, "dna": dna},
        {"image": torch.tensor([0, 1]), "dna": torch.tensor([2, 3])},
        2.0,
    )
    found.backward()
    assert found.item() == 0
    assert image.grad is not None
    assert not image.grad.any()


def test_rank_heads_leave_out_unknown_names_and_single_taxa() -> None:
    heads = RankHeads({"order": 1, "family": 3}, 4, 0.05, 0.1)
    vectors = _unit(3, 0)
    taxa = {"order": torch.zeros(3, dtype=torch.int64), "family": torch.tensor([2, -1, 0])}
    found = heads(vectors, taxa)
    assert set(found) == {"family"}
    directions = functional.normalize(heads.proxies["family"], dim=1)
    logits = 20.0 * vectors[[0, 2]] @ directions.T
    wanted = functional.cross_entropy(logits, torch.tensor([2, 0]), label_smoothing=0.1)
    assert found["family"].item() == pytest.approx(wanted.item(), rel=1e-5)
    taxa["family"] = torch.tensor([-1, -1, -1])
    assert heads(vectors, taxa) == {}


def _objective(**changes: object) -> tuple[Objective, BatchTargets]:
    targets = make_targets(tiny_examples(), "species")
    settings = TrainSettings(**changes)  # type: ignore[arg-type]
    rows = {"image": [0, 1, 2], "dna": [3, 4, 5, 6]}
    return (
        Objective(settings, targets.sizes, 4),
        BatchTargets.of(targets, rows, torch.device("cpu")),  # type: ignore[arg-type]
    )


def test_the_objective_is_the_weighted_sum_of_its_parts_whatever_the_lengths() -> None:
    objective, targets = _objective(
        taxon_weight=0.5, contrastive_weight=2.0, rank_weights=(0.0, 1.0, 2.0, 3.0)
    )
    vectors = {"image": _unit(3, 0), "dna": _unit(4, 1)}
    total, parts = objective(vectors, targets)
    assert set(parts) == {"contrastive", "family", "genus", "species"}
    wanted = 2 * parts["contrastive"] + 0.5 * (
        parts["family"] + 2 * parts["genus"] + 3 * parts["species"]
    )
    assert total.item() == pytest.approx(wanted.item(), rel=1e-5)
    longer, _ = objective({m: 3 * v for m, v in vectors.items()}, targets)
    assert longer.item() == pytest.approx(total.item(), rel=1e-5)


def test_one_kind_alone_has_only_ranks() -> None:
    objective, targets = _objective(taxon_weight=1.0)
    total, parts = objective({"dna": _unit(4, 1)}, targets)
    assert "contrastive" not in parts
    assert total.item() > 0


def test_the_scale_is_learned_and_bounded_or_fixed() -> None:
    objective, _ = _objective(temperature=0.07)
    assert objective.temperature == pytest.approx(0.07)
    assert objective.log_scale.requires_grad
    with torch.no_grad():
        objective.log_scale.fill_(9.0)
    objective.bound_scales()
    assert objective.log_scale.item() == pytest.approx(math.log(MAX_SCALE))
    fixed, _ = _objective(learnable_temperature=False)
    assert not fixed.log_scale.requires_grad
