"""Photos to the pixels that the image tower reads, as the official code prepares them.

RGB in [0, 1]; the shorter side resized to `resize` (bilinear, antialiased, on floats); the middle
`crop` square cut out; normalised only where the tower has a mean and a deviation. The values are
those of torch's resize to five digits, which is how exactly both know where a pixel lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    from clibd_cli.models.cards import AnyImageTower

MAX_ASPECT = 100
"""Longest to shortest side; what is beyond it at both ends would fill the memory once resized."""

_BAND_VALUES = 1 << 22
"""Values of a photo that stand in memory as floats at once, about: a large one is resized band by
band."""


def prepare_photo(image: Image.Image, tower: AnyImageTower) -> torch.Tensor:
    """A float32 tensor `[3, crop, crop]`. May be called from several threads at once."""
    image = image.crop(near) if (near := _without_far_ends(image.size)) else image
    # A conversion copies the photo even where it has nothing to do.
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    new_width, new_height, left, top = _placed(image.size, tower)
    columns = _Span.read_by(left, tower.crop, image.width, new_width)
    cut = np.empty((3, tower.crop, tower.crop), np.float32)
    at_once = max(
        1, _BAND_VALUES * new_height // (3 * (columns.last - columns.first) * image.height)
    )
    for first in range(0, tower.crop, at_once):
        band = cut[:, first : first + at_once]
        rows = _Span.read_by(top + first, band.shape[1], image.height, new_height)
        _resize(rgb, columns, rows, band)
    cut /= 255
    if tower.mean is not None and tower.std is not None:
        mean, std = (np.array(values, np.float32) for values in (tower.mean, tower.std))
        cut -= mean[:, None, None]
        cut /= std[:, None, None]
    return torch.from_numpy(cut)


def seen_part(size: tuple[int, int], tower: AnyImageTower) -> tuple[float, float, float, float]:
    """Which part of a photo of `size` (width, height) the tower reads: the crop in its middle.

    Returns:
        Its left, top, right and bottom, as shares of the photo's width and height.
    """
    near = _without_far_ends(size) or (0, 0, *size)
    width, height = near[2] - near[0], near[3] - near[1]
    new_width, new_height, left, top = _placed((width, height), tower)

    def share(place: int, of: int, axis: int) -> float:
        return (near[axis] + place / of * (width, height)[axis]) / size[axis]

    return (
        share(left, new_width, 0),
        share(top, new_height, 1),
        share(left + tower.crop, new_width, 0),
        share(top + tower.crop, new_height, 1),
    )


def _placed(size: tuple[int, int], tower: AnyImageTower) -> tuple[int, int, int, int]:
    """Width and height that a photo is resized to, and left and top of the crop in that."""
    width, height = size
    # torchvision's rule: the longer side is cut to whole pixels, not rounded.
    longer = int(tower.resize * max(width, height) / min(width, height))
    new_width, new_height = (longer, tower.resize) if height <= width else (tower.resize, longer)
    # Python's round, as torchvision's centre crop uses it.
    left, top = round((new_width - tower.crop) / 2), round((new_height - tower.crop) / 2)
    return new_width, new_height, left, top


def _without_far_ends(size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """The middle of a photo that is longer than `MAX_ASPECT` allows; None for all others.

    The centre crop never sees the ends.
    """
    width, height = size
    most = MAX_ASPECT * min(width, height)
    if max(width, height) <= most:
        return None
    left, top = max(0, (width - most) // 2), max(0, (height - most) // 2)
    return left, top, left + min(width, most), top + min(height, most)


@dataclass(frozen=True, slots=True)
class _Span:
    """What of a photo's rows, or columns, some of the resized ones are made of.

    Attributes:
        first, last: from which to which the resize reads, those that it blends in included.
        start, stop: where the resized ones lie, counted from `first`.
    """

    first: int
    last: int
    start: float
    stop: float

    @classmethod
    def read_by(cls, place: int, count: int, size: int, new_size: int) -> _Span:
        """Of a side of `size` pixels made `new_size`, of which `count` are cut out at `place`."""
        scale = size / new_size
        start, stop, beside = place * scale, min(size, (place + count) * scale), max(scale, 1.0) + 1
        first, last = max(0, int(start - beside)), min(size, ceil(stop + beside))
        return cls(first, last, start - first, stop - first)


def _resize(image: Image.Image, columns: _Span, rows: _Span, pixels: NDArray[np.float32]) -> None:
    """Fill `pixels` `[3, rows, columns]` with what a part of an RGB photo gives, 0 to 255.

    By Pillow, which resizes floats as torch does, but in the thread that calls it: torch would wake
    threads of its own for every photo, to wait for a core beside those of the encoder.
    """
    from PIL.Image import Resampling

    part = image.crop((columns.first, rows.first, columns.last, rows.last))
    box = (columns.start, rows.start, columns.stop, rows.stop)
    for channel, colour in enumerate(part.split()):
        resized = colour.convert("F").resize(pixels.shape[:0:-1], Resampling.BILINEAR, box)
        pixels[channel] = np.asarray(resized)
