"""Empty photos, and photos of the same scene."""

from __future__ import annotations

import random
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFilter

from clibd_cli.io.photo_content import NEAR_EMPTY, differing_bits, is_near_empty, measure_photo
from clibd_cli.io.photos import load_photo


def _well(specimen: bool, seed: int = 0) -> Image.Image:
    """A grey well with a bright ring, and maybe an insect in it."""
    image = Image.new("RGB", (400, 300), (200, 205, 208))
    draw = ImageDraw.Draw(image)
    draw.ellipse((140, 90, 260, 210), outline="white", width=6)
    if specimen:
        rng = random.Random(seed)
        x, y = rng.randrange(120, 260), rng.randrange(60, 220)
        draw.ellipse((x, y, x + 30, y + 14), fill=(70, 50, 30))
        draw.line((x, y, x - 20, y - 12), fill=(60, 50, 40), width=2)
    return image


def test_an_empty_well_is_near_empty_and_one_with_an_insect_is_not() -> None:
    assert measure_photo(_well(False)).content < NEAR_EMPTY
    assert measure_photo(_well(True)).content > NEAR_EMPTY
    assert is_near_empty(_well(False))
    assert not is_near_empty(_well(True))


def test_a_specimen_out_of_focus_is_not_seen() -> None:
    blurred = _well(True).filter(ImageFilter.GaussianBlur(15))
    assert measure_photo(blurred).content < NEAR_EMPTY


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (65_535, 1), (17, 16)])
def test_odd_photos_are_measured_too(size: tuple[int, int]) -> None:
    photo = Image.new("RGB", size)
    assert 0 <= measure_photo(photo).content <= 1
    assert is_near_empty(photo)


def test_the_same_photo_saved_again_looks_the_same() -> None:
    photo, other = _well(True, 1), _well(True, 2)
    data = BytesIO()
    photo.resize((300, 225)).save(data, "JPEG", quality=60)
    again = measure_photo(Image.open(data).convert("RGB")).pattern
    pattern = measure_photo(photo).pattern
    assert differing_bits(pattern, pattern) == 0
    assert len(pattern) == 32
    assert differing_bits(pattern, again) < differing_bits(pattern, measure_photo(other).pattern)


@pytest.mark.realdata
def test_bad_bioscan_photos_are_told_from_good_ones(shared_data: Path) -> None:
    folder = shared_data / "bioscan_photos"

    def flagged(photos: list[Path]) -> int:
        return sum(measure_photo(load_photo(path)).content < NEAR_EMPTY for path in photos)

    bad, good = sorted((folder / "bad").glob("*.jpg")), sorted(folder.glob("*.jpg"))
    assert flagged(bad) >= 17
    assert flagged(good) <= 1
