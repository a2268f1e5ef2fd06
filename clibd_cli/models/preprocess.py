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


def prepare_photo(image: Image.Image, tower: AnyImageTower) -> torch.Tensor:
    """A float32 tensor `[3, crop, crop]`. May be called from several threads at once."""
    image = image.crop(near) if (near := _without_far_ends(image.size)) else image
    # A conversion copies the photo even where it has nothing to do.
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    new_width, new_height, left, top = _placed(image.size, tower)
    columns = _Span.read_by(left, tower.crop, image.width, new_width)
    rows = _Span.read_by(top, tower.crop, image.height, new_height)
    cut = _shortened(_narrowed(rgb, columns, rows, tower.crop), rows, tower.crop)
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
    """What of a photo's rows, or columns, the crop is made of.

    Attributes:
        start, stop: where the crop lies among them.
        first, last: from which to which they are read, with those that the resize blends in.
    """

    start: float
    stop: float
    first: int
    last: int

    @classmethod
    def read_by(cls, place: int, crop: int, size: int, new_size: int) -> _Span:
        """Of a side of `size` pixels resized to `new_size`, of which `crop` are cut at `place`."""
        scale = size / new_size
        start, stop, beside = place * scale, min(size, (place + crop) * scale), max(scale, 1.0) + 1
        first, last = max(0, int(start - beside)), min(size, ceil(stop + beside))
        return cls(start - first, stop - first, first, last)


def _narrowed(image: Image.Image, columns: _Span, rows: _Span, crop: int) -> NDArray[np.float32]:
    """The crop of an RGB photo in width alone: `[3, rows, crop]`.

    Band by band, so that a large photo never stands in memory as floats. By Pillow, which resizes
    floats as torch does, but in the thread that calls it: torch would wake threads of its own for
    every photo, to wait for a core beside those of the encoder.
    """
    from PIL.Image import Resampling

    narrow = np.empty((3, rows.last - rows.first, crop), np.float32)
    height = max(1, _BAND_VALUES // (columns.last - columns.first))
    for top in range(rows.first, rows.last, height):
        bottom = min(top + height, rows.last)
        band = image.crop((columns.first, top, columns.last, bottom))
        for channel, colour in enumerate(band.split()):
            resized = colour.convert("F").resize(
                (crop, band.height),
                Resampling.BILINEAR,
                (columns.start, 0, columns.stop, band.height),
            )
            narrow[channel, top - rows.first : bottom - rows.first] = np.asarray(resized)
    return narrow


def _shortened(narrow: NDArray[np.float32], rows: _Span, crop: int) -> NDArray[np.float32]:
    """The crop `[3, crop, crop]` of what `_narrowed` gave."""
    from PIL import Image

    box = (0, rows.start, crop, rows.stop)
    colours = (Image.fromarray(colour) for colour in narrow)
    return np.stack(
        [np.asarray(c.resize((crop, crop), Image.Resampling.BILINEAR, box)) for c in colours]
    )
