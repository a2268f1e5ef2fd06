"""The drawn photos: repeatable, varied, labelled as drawings, and telling species apart."""

from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from clibd_cli.simulated.photos import SIZE, draw_photo, jpeg_bytes
from clibd_cli.simulated.taxonomy import invented_taxonomy

SPECIES = invented_taxonomy(7)


def pixels(photo: Image.Image) -> NDArray[np.float64]:
    return np.asarray(photo, dtype=np.float64)


def colours_and_shape(photo: Image.Image) -> NDArray[np.float64]:
    """A coarse histogram of colour against the tray, and a coarse silhouette."""
    values = pixels(photo) / np.median(pixels(photo), axis=(0, 1))
    contrast = np.abs(values - 1).max(axis=2)
    seen = values[contrast > 0.25].clip(0, 0.999)
    bins = (seen * 6).astype(int) @ [36, 6, 1]
    histogram = np.sqrt(np.bincount(bins, minlength=216) / max(len(bins), 1))
    silhouette = (contrast > 0.25).reshape(8, SIZE // 8, 8, SIZE // 8).mean(axis=(1, 3)).ravel()
    return np.concatenate([histogram, silhouette * 0.5])


def test_the_same_specimen_gives_the_same_picture_and_another_another() -> None:
    one, same, other = (pixels(draw_photo(SPECIES[0], 7, number)) for number in (1, 1, 2))
    assert (one == same).all()
    assert np.abs(one - other).mean() > 3


def test_a_photo_is_an_animal_on_a_pale_ground() -> None:
    for species in SPECIES[::7]:
        photo = draw_photo(species, 7, 0)
        assert (photo.size, photo.mode) == ((SIZE, SIZE), "RGB")
        values = pixels(photo)
        rim = np.concatenate([values[:4].ravel(), values[-4:].ravel()])
        assert rim.mean() > 185
        assert (
            0.03 < (np.abs(values - np.median(values, axis=(0, 1))).max(axis=2) > 60).mean() < 0.5
        )


def test_the_file_says_that_it_is_simulated_and_the_picture_does_not() -> None:
    photo = draw_photo(SPECIES[0], 7, 0)
    data = jpeg_bytes(photo, "Simulated specimen", "clibd 0")
    read = Image.open(BytesIO(data))
    assert read.format == "JPEG"
    assert read.getexif()[0x010E] == "Simulated specimen"
    assert read.getexif()[0x0131] == "clibd 0"
    # 376 of them make a collection of less than 5 MB.
    assert len(data) < 13_000
    assert np.abs(pixels(read) - pixels(photo)).mean() < 4


@pytest.fixture(scope="module")
def nearest() -> list[int]:
    """For each species, the species of the nearest of two other photos of every species."""
    keys = [colours_and_shape(draw_photo(s, 7, n)) for s in SPECIES for n in (0, 1)]
    queries = [colours_and_shape(draw_photo(s, 7, 2)) for s in SPECIES]
    gaps = np.abs(np.array(queries)[:, None] - np.array(keys)[None]).sum(axis=2)
    return [int(place) // 2 for place in gaps.argmin(axis=1)]


@pytest.mark.parametrize(
    ("depth", "least"), [(1, 0.9), (2, 0.85), (3, 0.8), (4, 0.5)], ids=["o", "f", "g", "s"]
)
def test_a_trivial_feature_names_photos_far_above_chance(
    nearest: list[int], depth: int, least: float
) -> None:
    pairs = zip(SPECIES, nearest, strict=True)
    right = np.mean([one.path[:depth] == SPECIES[found].path[:depth] for one, found in pairs])
    assert right >= least
