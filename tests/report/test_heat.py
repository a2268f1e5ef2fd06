"""Heat over a photo: where it is, and where the encoder saw nothing."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from clibd_cli.report.heat import EXPLANATION_SIDE, LITTLE, MUCH, draw_heat
from clibd_cli.report.page import STATIC

ALL = (0.0, 0.0, 1.0, 1.0)


def colourfulness(picture: Image.Image) -> np.ndarray:
    pixels = np.asarray(picture).astype(int)
    return pixels.max(axis=2) - pixels.min(axis=2)


def test_only_the_hot_corner_is_coloured() -> None:
    heat = np.zeros((4, 4))
    heat[3, 0] = 1.0
    found = colourfulness(draw_heat(Image.new("RGB", (200, 200), (90, 140, 60)), heat, ALL))
    assert found[180, 20] > 80
    assert found[:70].max() == found[:, 130:].max() == 0  # the photo itself is grey


def test_without_heat_there_is_no_colour() -> None:
    picture = draw_heat(Image.new("RGB", (50, 50), "red"), np.zeros((3, 3)), ALL)
    assert colourfulness(picture).max() == 0


@pytest.mark.parametrize("size", [(1000, 400), (400, 1000), (90, 60), (3000, 1), (1, 1)])
def test_pictures_are_small_and_keep_their_shape(size: tuple[int, int]) -> None:
    picture = draw_heat(Image.new("RGB", size), np.ones((2, 2)), ALL)
    scale = min(1.0, EXPLANATION_SIDE / max(size))
    assert picture.size == tuple(max(1, round(side * scale)) for side in size)


def test_what_was_not_seen_is_veiled_and_framed() -> None:
    picture = draw_heat(Image.new("RGB", (200, 100), "black"), np.zeros((2, 2)), (0.25, 0, 0.75, 1))
    pixels = np.asarray(picture)[..., 0]
    assert set(pixels[50, 52:148]) == {0}
    assert set(pixels[50, :50]) == set(pixels[50, 150:]) != {0}
    assert pixels[50, 50] == pixels[50, 149] == 255


def test_the_photo_is_left_as_it_is() -> None:
    photo = Image.new("RGB", (900, 900), "red")
    draw_heat(photo, np.ones((2, 2)), (0.1, 0.1, 0.9, 0.9))
    assert photo.size == (900, 900)
    assert photo.getpixel((450, 450)) == (255, 0, 0)


def test_the_legend_has_the_same_colours() -> None:
    style = (STATIC / "page.css").read_text(encoding="utf-8")
    little, much = ("#" + bytes(colour).hex() for colour in (LITTLE, MUCH))
    assert f"linear-gradient(90deg, {little}00, {little}, {much})" in style
