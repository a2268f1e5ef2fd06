"""Thumbnails: bounded in size, number and bytes, and the same for any number of workers."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from clibd_cli.report.thumbnails import SIDE, make_thumbnails


def noise(path: str) -> Image.Image | None:
    """A photo for every path that ends with a digit."""
    if not path[-1].isdigit():
        return None
    pixels = np.random.default_rng(int(path[1:])).integers(0, 255, (300, 400, 3), np.uint8)
    image = Image.fromarray(pixels)
    image.info["comment"] = b"secret"
    return image


@pytest.mark.parametrize("workers", [0, 3])
def test_each_path_has_its_own(workers: int) -> None:
    made = make_thumbnails(["p1", "p2", "px", "p1"], noise, workers=workers)
    assert made.places == {"p1": 0, "p2": 1}
    assert (made.missing, made.full) == (1, False)
    assert made.jpegs == make_thumbnails(["p1", "p2"], noise).jpegs
    for jpeg in made.jpegs:
        image = Image.open(BytesIO(jpeg))
        assert (image.format, image.size) == ("JPEG", (SIDE, SIDE * 3 // 4))
        assert b"secret" not in jpeg


def test_number_is_bounded() -> None:
    made = make_thumbnails([f"p{n}" for n in range(9)], noise, most=4, workers=2)
    assert list(made.places) == ["p0", "p1", "p2", "p3"]
    assert made.full


def test_bytes_are_bounded() -> None:
    room = len(make_thumbnails(["p0"], noise).jpegs[0])
    made = make_thumbnails(["p0", "p1", "p2"], noise, most_bytes=2 * room + room // 2, workers=2)
    assert len(made.jpegs) == 2
    assert made.full


def test_missing_photos_are_not_sought_for_ever() -> None:
    sought: list[str] = []
    make_thumbnails([f"{n}x" for n in range(100)], noise, most=4, done=lambda: sought.append("x"))
    assert len(sought) == 20
