"""How familiar a photo is: photos of taught species stand out from others."""

import torch
from torch import Tensor

from clibd_cli.models.cards import ConvImageTower
from clibd_cli.models.efficientnet import FEATURES
from clibd_cli.models.familiarity import Familiarity
from clibd_cli.training.familiar import learn_familiar

SPECIES = 6


def features_of(middles: Tensor, photos: int, seed: int) -> Tensor:
    """Photos of each middle, one after another, that differ a little from it."""
    noise = torch.randn(
        len(middles) * photos, 2 * FEATURES, generator=torch.Generator().manual_seed(seed)
    )
    return middles.repeat_interleave(photos, dim=0) + 0.5 * noise


def middles(seed: int) -> Tensor:
    return torch.randn(SPECIES, 2 * FEATURES, generator=torch.Generator().manual_seed(seed))


def lengths(familiarity: Familiarity, features: Tensor) -> Tensor:
    with torch.no_grad():
        told: Tensor = familiarity(features[:, :FEATURES], features[:, FEATURES:])
    return told


def learnt() -> Familiarity:
    names = [f"species {n // 8}" for n in range(SPECIES * 8)]
    return learn_familiar(features_of(middles(1), 8, seed=2).split(20), names)


def test_photos_of_taught_species_are_longer_than_those_of_others() -> None:
    familiarity = learnt()
    taught = lengths(familiarity, features_of(middles(1), 4, seed=3))
    others = lengths(familiarity, features_of(middles(9), 4, seed=4))
    assert taught.shape == (SPECIES * 4, 1)
    assert float(taught.min()) > float(others.max()) > 0


def test_a_photo_between_two_species_is_not_familiar() -> None:
    familiarity = learnt()
    one, other = middles(1)[:2]
    between = lengths(familiarity, (one + other)[None] / 2)
    assert float(between) < float(lengths(familiarity, middles(1)).min())


def test_lengths_stay_finite_whatever_the_features() -> None:
    wild = torch.full((2, 2 * FEATURES), 1e6) * torch.tensor([[1.0], [-1.0]])
    assert bool(torch.isfinite(lengths(learnt(), wild)).all())


def test_many_species_share_fewer_axes() -> None:
    assert ConvImageTower("efficientnet_lite0", 8, familiar=7).familiar_axes == 7
    assert ConvImageTower("efficientnet_lite0", 8, familiar=9000).familiar_axes == 256
