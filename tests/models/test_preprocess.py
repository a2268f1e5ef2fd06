"""Photos are prepared as torchvision's Resize and CenterCrop would, whatever their size."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from clibd_cli.models import preprocess
from clibd_cli.models.cards import ImageTower
from clibd_cli.models.preprocess import prepare_photo, seen_part

TOWER = ImageTower(width=768, depth=12, output_dim=768)
SMALL = ImageTower(width=64, depth=2, output_dim=64, patch=8, crop=32, resize=37)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def whole_at_once(image: Image.Image, tower: ImageTower) -> torch.Tensor:
    """The official steps on the whole photo: to tensor, resize, centre crop, in double precision.

    In single precision, as the official code takes them, torch is up to 3.3e-5 from this.
    """
    pixels = torch.tensor(np.asarray(image)).permute(2, 0, 1).double() / 255
    width, height = image.size
    if height <= width:
        size = (tower.resize, int(tower.resize * width / height))
    else:
        size = (int(tower.resize * height / width), tower.resize)
    resized = torch.nn.functional.interpolate(
        pixels[None], size=size, mode="bilinear", antialias=True
    )[0]
    top = round((size[0] - tower.crop) / 2.0)
    left = round((size[1] - tower.crop) / 2.0)
    return resized[:, top : top + tower.crop, left : left + tower.crop]


SIZES = [(256, 256), (300, 260), (500, 333), (240, 410), (1024, 768), (20, 31), (1, 1), (1000, 11)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tower", [TOWER, SMALL])
@pytest.mark.parametrize("band", [None, 700])
def test_equals_the_official_steps(
    size: tuple[int, int], tower: ImageTower, band: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if band:
        monkeypatch.setattr(preprocess, "_BAND_VALUES", band)
    image = noise(*size)
    prepared = prepare_photo(image, tower)
    assert prepared.shape == (3, tower.crop, tower.crop)
    assert prepared.dtype == torch.float32
    assert prepared.is_contiguous()
    torch.testing.assert_close(prepared.double(), whole_at_once(image, tower), rtol=0, atol=1.5e-5)


@pytest.mark.parametrize("height", range(256, 300))
def test_odd_remainders_are_cropped_as_python_rounds(height: int) -> None:
    # At this width the photo keeps its size, so the crop must be a plain cut.
    image = noise(256, height)
    top = round((height - 224) / 2)
    expected = np.asarray(image)[top : top + 224, 16:240].astype(np.float32) / 255
    prepared = prepare_photo(image, TOWER).permute(1, 2, 0).numpy()
    np.testing.assert_allclose(prepared, expected, atol=1e-6)


def test_other_modes_are_read_as_rgb() -> None:
    grey = noise(60, 50).convert("L")
    torch.testing.assert_close(
        prepare_photo(grey, SMALL), prepare_photo(grey.convert("RGB"), SMALL)
    )


@pytest.mark.parametrize("size", [(60_000, 2), (2, 60_000), (1, 5_000)])
def test_slivers_neither_fail_nor_fill_the_memory(size: tuple[int, int]) -> None:
    prepared = prepare_photo(Image.new("RGB", size, (255, 0, 0)), SMALL)
    torch.testing.assert_close(prepared[0], torch.ones(32, 32))
    torch.testing.assert_close(prepared[1:], torch.zeros(2, 32, 32))


def test_mean_and_deviation_are_applied_where_the_tower_has_them() -> None:
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
    tower = ImageTower(64, 2, 64, patch=8, crop=32, resize=37, mean=mean, std=std)
    image = noise(70, 50)
    plain = prepare_photo(image, SMALL)
    expected = (plain - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    torch.testing.assert_close(prepare_photo(image, tower), expected)


def test_threads_get_what_one_gets() -> None:
    images = [noise(90 + n, 70, seed=n) for n in range(16)]
    alone = [prepare_photo(image, SMALL) for image in images]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda image: prepare_photo(image, SMALL), images))
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))


@pytest.mark.parametrize("size", [(300, 260), (500, 333), (240, 410), (5000, 40), (30, 3600)])
def test_the_seen_part_is_what_is_cut_out(size: tuple[int, int]) -> None:
    width, height = size
    left, top, right, bottom = seen_part(size, SMALL)
    assert 0 <= left < right <= 1
    assert 0 <= top < bottom <= 1
    # A square of the photo, in the middle.
    assert (right - left) * width == pytest.approx((bottom - top) * height, rel=0.02)
    assert left + right == pytest.approx(1, abs=0.03)
    # Where all around it is black, nothing black is read, but for a pixel of blur at the edges.
    photo = Image.new("RGB", size)
    box = (left * width, top * height, right * width, bottom * height)
    photo.paste("white", tuple(round(place) for place in box))
    pixels = prepare_photo(photo, SMALL)
    assert float(pixels[:, 1:-1, 1:-1].min()) > 0.9
    # And all of the white is read: what surrounds it would change the edges.
    photo.paste("white", (0, 0, width, height))
    photo.paste("black", tuple(round(place) for place in box))
    assert float(prepare_photo(photo, SMALL)[:, 1:-1, 1:-1].max()) < 0.1
