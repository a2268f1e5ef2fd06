"""Varied photos: prepared for the tower, mirrored and turned rightly, free of aliasing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from clibd_cli.models.cards import ConvImageTower, ImageTower
from clibd_cli.models.preprocess import prepare_photo
from clibd_cli.training.augment_photos import augment_photo
from clibd_cli.training.settings_fields import TrainSettings

TOWER = ImageTower(64, 1, 64, crop=32, resize=36)
STILL = {"photo_scale_min": 1.0, "photo_rotation": 0.0, "photo_colour": 0.0}


pytestmark = pytest.mark.usefixtures("one_thread")


def vary(image: Image.Image, seed: int, **changes: object) -> torch.Tensor:
    return augment_photo(image, np.random.default_rng(seed), TOWER, TrainSettings(**changes))  # type: ignore[arg-type]


def quarters() -> Image.Image:
    """Red, green, blue and white, from the top left."""
    image = Image.new("RGB", (64, 64), "white")
    draw = ImageDraw.Draw(image)
    for box, colour in (
        ((0, 0, 31, 31), (255, 0, 0)),
        ((32, 0, 63, 31), (0, 255, 0)),
        ((0, 32, 31, 63), (0, 0, 255)),
    ):
        draw.rectangle(box, fill=colour)
    return image


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 2**32), st.integers(16, 48))
def test_any_photo_becomes_the_tensor_the_tower_reads(
    width: int, height: int, seed: int, side: int
) -> None:
    image = Image.new("RGB", (width, height), (10, 200, 90))
    varied = vary(image, seed, train_crop=side, photo_rotation=180.0, photo_scale_min=0.01)
    assert varied.shape == (3, side, side)
    assert varied.dtype == torch.float32
    assert -1e-5 < float(varied.min()) <= float(varied.max()) < 1 + 1e-5
    # One colour stays one colour: nothing from outside the photo comes in.
    assert float((varied - varied[:, :1, :1]).abs().max()) < 1e-5


def test_the_same_chance_gives_the_same_photo_and_another_another() -> None:
    image = quarters()
    assert torch.equal(vary(image, 3), vary(image, 3))
    assert not torch.equal(vary(image, 3), vary(image, 4))


def test_flips_alone_show_all_four_sides() -> None:
    corners = set()
    for seed in range(40):
        varied = vary(quarters(), seed, **STILL)
        corners.add(tuple(varied[:, 4, 4].round().int().tolist()))
        # The aspect still varies, so the middle moves; what lies opposite stays opposite.
        assert float((varied[:, 4, 4] - varied[:, 27, 27]).abs().max()) > 0.5
    assert corners == {(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)}


def test_a_turn_turns() -> None:
    image = Image.new("RGB", (65, 65), "black")
    ImageDraw.Draw(image).line((0, 32, 64, 32), fill="white", width=5)
    angles = set()
    for seed in range(30):
        changes = {**STILL, "photo_rotation": 90.0}
        varied = vary(image, seed, **changes)[0].numpy()
        y, x = np.nonzero(varied > 0.5)
        (xx, xy), (_, yy) = np.cov(x, y)
        angles.add(round(float(np.degrees(0.5 * np.arctan2(2 * xy, xx - yy))) / 30))
    assert angles >= {-2, -1, 0, 1, 2}


def test_nothing_black_around_a_turned_photo() -> None:
    image = Image.new("RGB", (50, 40), (250, 250, 250))
    for seed in range(20):
        changes = {**STILL, "photo_rotation": 180.0}
        assert float(vary(image, seed, **changes).min()) > 0.9


def test_fine_stripes_of_a_large_photo_become_grey() -> None:
    stripes = np.zeros((640, 640, 3), np.uint8)
    stripes[:, ::2] = 255
    changes = {**STILL, "photo_rotation": 10.0}
    for seed in range(5):
        varied = vary(Image.fromarray(stripes), seed, **changes)
        assert float((varied - 0.5).abs().max()) < 0.1


def test_a_smooth_photo_is_sampled_where_it_should_be() -> None:
    """Without chance in it, the whole photo, as a plain resize makes it, but for the flips."""
    ramp = np.linspace(0, 255, 96).astype(np.uint8)
    image = Image.fromarray(np.stack([np.tile(ramp, (96, 1))] * 3, axis=-1))
    wanted = np.asarray(image.resize((32, 32), Image.Resampling.BILINEAR))[:, :, 0] / 255
    for seed in range(10):
        varied = vary(image, seed, **STILL)[0].numpy()
        if varied[0, 0] > varied[0, -1]:
            varied = varied[:, ::-1]
        # A cut of another aspect may leave out up to an eighth of the photo on either side.
        assert np.abs(varied - wanted).max() < 0.16
        steps = np.diff(varied[16])
        assert steps[2:-2].min() > 0.6 * steps[2:-2].max()


def test_colours_change_by_as_much_as_asked() -> None:
    image = Image.new("RGB", (40, 40), (100, 100, 100))
    changes = {**STILL, "photo_colour": 0.3}
    greys = [float(vary(image, seed, **changes).mean()) * 255 for seed in range(100)]
    assert 69 <= min(greys) < 80
    assert 120 < max(greys) <= 131
    assert abs(float(vary(image, 0, **STILL).mean()) * 255 - 100) < 0.5


def test_mean_and_deviation_of_the_tower() -> None:
    tower = ConvImageTower(
        "efficientnet_lite0", 64, crop=32, resize=36, mean=(0.4, 0.5, 0.6), std=(0.1, 0.2, 0.3)
    )
    image = Image.new("RGB", (40, 40), (102, 51, 255))
    settings = TrainSettings(**STILL)  # type: ignore[arg-type]
    varied = augment_photo(image, np.random.default_rng(0), tower, settings)
    wanted = torch.tensor([0.0, -1.5, 0.4 / 0.3])
    assert torch.allclose(varied[:, 5, 5], wanted, atol=1e-4)


def test_without_augmentation_it_is_the_photo_as_ever() -> None:
    image = quarters().resize((70, 50))
    plain = vary(image, 0, photo_augmentation=False)
    assert torch.equal(plain, prepare_photo(image, TOWER))
    smaller = vary(image, 0, photo_augmentation=False, train_crop=16)
    assert smaller.shape == (3, 16, 16)
