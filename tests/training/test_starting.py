"""Anchors and proxies: what a run takes from its towers before the first step."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from clibd_cli.core.errors import UsageError
from clibd_cli.core.lineage import RANKS, Lineage
from clibd_cli.core.records import Modality
from clibd_cli.training.example import Example
from clibd_cli.training.losses import BatchTargets, Objective
from clibd_cli.training.settings import TrainSettings, read_settings
from clibd_cli.training.starting import read_start
from clibd_cli.training.targets import make_targets

DIM = 4
BASES = "ACGT"


@dataclass(frozen=True)
class OneHotTowers:
    """A barcode's vector is the place of its first base, tilted by a weight that can be trained."""

    modules: dict[Modality, nn.Module]
    dim: int = DIM
    starts: dict[Modality, str] = field(default_factory=dict)

    def inputs(self, modality: Modality, items: Sequence[Any]) -> list[Tensor]:
        return [torch.eye(DIM)[[BASES.index(item[0]) for item in items]]]

    def set_training(self, on: bool) -> None:
        for module in self.modules.values():
            module.train(on)


def towers() -> OneHotTowers:
    layer = nn.Linear(DIM, DIM, bias=False)
    nn.init.eye_(layer.weight)
    return OneHotTowers({"dna": layer})


def example(barcode: str | None, genus: str, species: str | None) -> Example:
    photo = None if barcode else Path("a.jpg")
    return Example(f"{barcode}{species}", photo, barcode, Lineage("O", "F", genus, species))


EXAMPLES = [
    example("A", "Ga", "Ga one"),
    example("A", "Ga", "Ga one"),
    example("C", "Ga", "Ga two"),
    example("G", "Gb", "Gb one"),
    example(None, "Gb", "Gb two"),  # a photo: no barcode of its species, but of its genus
]
SETTINGS = TrainSettings(name="x", anchor=("dna",), taxon_weight=1.0, contrastive_weight=0.0)


def test_anchors_are_the_first_vectors_and_zero_where_there_is_no_input() -> None:
    targets = make_targets(EXAMPLES, "species")
    start = read_start(SETTINGS, EXAMPLES, targets, towers())
    wanted = torch.eye(DIM)[[0, 0, 1, 2, 0]]
    wanted[4] = 0
    assert torch.equal(start.anchors["dna"], wanted)


def test_proxies_are_means_of_their_taxon_or_of_what_it_belongs_to() -> None:
    targets = make_targets(EXAMPLES, "species")
    torch.manual_seed(0)
    proxies = read_start(SETTINGS, EXAMPLES, targets, towers()).proxies
    place = {name: i for i, name in enumerate(targets.names["species"])}
    species = proxies["species"]
    for name, base in (("Ga one", 0), ("Ga two", 1), ("Gb one", 2), ("Gb two", 2)):
        assert float(species[place[name], base]) > 0.98, name
    assert not torch.equal(species[place["Gb one"]], species[place["Gb two"]])
    genus = proxies["genus"][targets.names["genus"].index("Ga")]
    assert float(genus[0]) > float(genus[1]) > 0.3  # two barcodes of one, one of the other
    for held in proxies.values():
        assert torch.allclose(held.norm(dim=1), torch.ones(len(held)))


def test_without_anchor_nothing_is_read() -> None:
    targets = make_targets(EXAMPLES, "species")
    plain = TrainSettings(name="x", taxon_weight=1.0)
    start = read_start(plain, EXAMPLES, targets, towers())
    assert not start.anchors
    assert not start.proxies


def test_only_its_anchor_moves_an_anchored_tower() -> None:
    targets = make_targets(EXAMPLES, "species")
    start = read_start(SETTINGS, EXAMPLES, targets, towers())
    objective = Objective(SETTINGS, targets.sizes, DIM)
    objective.begin_at(start.proxies)
    rows: dict[Modality, list[int]] = {"dna": [0, 2, 3], "image": [4, 0]}
    batch = BatchTargets.of(targets, rows, torch.device("cpu"), start.anchors)
    dna = start.anchors["dna"][rows["dna"]].clone().requires_grad_()
    image = torch.randn(2, DIM, generator=torch.Generator().manual_seed(1)).requires_grad_()
    loss, parts = objective({"dna": dna, "image": image}, batch)
    loss.backward()
    assert parts["anchor_dna"].item() == pytest.approx(0, abs=1e-6)
    assert dna.grad is not None and float(dna.grad.abs().max()) < 1e-6
    assert image.grad is not None and float(image.grad.abs().max()) > 1e-4

    turned = start.anchors["dna"][rows["dna"]].roll(1, dims=1).clone().requires_grad_()
    loss, parts = objective({"dna": turned, "image": image}, batch)
    loss.backward()
    assert parts["anchor_dna"].item() == pytest.approx(1)
    assert turned.grad is not None and float(turned.grad.abs().max()) > 0.1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"anchor": ["image"]}, "anchor names 'image'"),
        ({"anchor": ["dna"], "freeze": ["dna"]}, "both anchored and frozen"),
        ({"anchor": ["text"]}, "anchor names text, but there is no text tower"),
        ({"anchor": ["dna"], "modalities": ["image"]}, "not among modalities"),
    ],
)
def test_what_cannot_be_anchored_is_refused(changes: dict[str, Any], told: str) -> None:
    given = {"name": "x", "dna": ["a.fasta"], "photos": ["p"], "dna_tower": "new:profile"}
    given |= {"image_tower": "new:efficientnet_lite0", **changes}
    with pytest.raises(UsageError, match=told):
        read_settings(None, given)


@pytest.mark.parametrize("rank", RANKS)
def test_a_rank_that_no_example_has_is_passed_over(rank: str) -> None:
    bare = [replace(e, lineage=replace(e.lineage, **{rank: None})) for e in EXAMPLES]
    targets = make_targets(bare, "specimen")
    torch.manual_seed(0)
    proxies = read_start(SETTINGS, bare, targets, towers()).proxies
    assert {r: tuple(p.shape) for r, p in proxies.items()} == {
        r: (size, DIM) for r, size in targets.sizes.items()
    }
    if rank != "species":  # that of a photo without a barcode of its species: that of its kin
        near = proxies["species"][targets.names["species"].index("Gb two")]
        assert float(near.norm()) == pytest.approx(1)
        wanted = 2 if rank != "genus" else 0
        assert int(near.argmax()) == wanted


def test_an_anchored_kind_may_have_no_row_in_a_step() -> None:
    targets = make_targets(EXAMPLES, "species")
    start = read_start(SETTINGS, EXAMPLES, targets, towers())
    objective = Objective(SETTINGS, targets.sizes, DIM)
    rows: dict[Modality, list[int]] = {"dna": [], "image": [4, 0]}
    batch = BatchTargets.of(targets, rows, torch.device("cpu"), start.anchors)
    loss, parts = objective({"image": torch.randn(2, DIM)}, batch)
    assert torch.isfinite(loss)
    assert "anchor_dna" not in parts
