"""What is familiar to a trained tower: learnt from its photos, and learnt anew with its weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from clibd_cli.core.lineage import Lineage
from clibd_cli.core.progress import SILENT
from clibd_cli.models.cards import ConvImageTower
from clibd_cli.models.efficientnet import ConvImageEncoder
from clibd_cli.training.example import Example, Examples
from clibd_cli.training.familiar import make_familiar
from clibd_cli.training.settings_fields import TrainSettings
from clibd_cli.training.tower_sources import TowerSource, without_familiarity
from clibd_cli.training.tower_start import TrainTowers, start_towers

COLOURS = ("red", "orange", "navy", "seagreen", "purple")

pytestmark = pytest.mark.usefixtures("one_thread")


def taught(folder: Path, species: int, photos: int) -> Examples:
    """Photos of as many species, each of one colour and a shade of its own."""
    examples = []
    for number in range(species):
        for photo in range(photos):
            path = folder / f"s{number}-{photo}.png"
            picture = Image.new("RGB", (40, 40), "white")
            picture.paste(COLOURS[number], (2 + photo, 4, 30 + photo, 36))
            picture.save(path)
            examples.append(Example(path.stem, path, lineage=Lineage(species=f"Aus s{number}")))
    return Examples(examples)


def trained(examples: Examples) -> TrainTowers:
    settings = TrainSettings(
        name="t", image_tower="new:efficientnet_lite0", dim=8, image_size=32, taxon_weight=1.0
    )
    towers = start_towers(settings, examples)
    make_familiar(towers, examples.train, 0, SILENT)
    return towers


def familiar(towers: TrainTowers) -> int:
    card, encoder = towers.cards["image"], towers.modules["image"]
    assert isinstance(card, ConvImageTower)
    assert isinstance(encoder, ConvImageEncoder)
    assert (encoder.familiarity is not None) == bool(card.familiar)
    return card.familiar


def test_a_tower_learns_the_species_of_its_photos(tmp_path: Path) -> None:
    towers = trained(taught(tmp_path, 5, 3))
    assert familiar(towers) == 5
    assert {name for name in towers.merged_tensors()[0] if ".familiarity." in name} == {
        "image.familiarity.axes.weight",
        "image.familiarity.axes.bias",
        "image.familiarity.means",
    }


@pytest.mark.parametrize(("species", "photos"), [(4, 3), (5, 2)])
def test_too_few_photos_or_species_teach_nothing(tmp_path: Path, species: int, photos: int) -> None:
    assert familiar(trained(taught(tmp_path, species, photos))) == 0


def test_what_learns_again_forgets_what_was_familiar(tmp_path: Path) -> None:
    towers = trained(taught(tmp_path, 5, 3))
    tensors = {
        name.removeprefix("image."): tensor
        for name, tensor in towers.merged_tensors()[0].items()
        if name.startswith("image.")
    }
    tower = towers.cards["image"]
    assert isinstance(tower, ConvImageTower)
    left = without_familiarity(TowerSource(tower, None, tensors, origin="t"))
    assert left.tower == replace(tower, familiar=0)
    again = ConvImageEncoder(replace(tower, familiar=0))
    again.load_state_dict(left.tensors or {})
    assert torch.equal(again.head.weight, tensors["head.weight"])
