"""Photos to the pixels that the image tower reads, exactly as the official code prepares them.

RGB in [0, 1]; the shorter side resized to `resize` (bilinear, antialiased, on floats); the middle
`crop` square cut out; normalised only where the tower has a mean and a deviation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from PIL import Image

    from clibd_cli.models.cards import AnyImageTower

MAX_ASPECT = 100
"""Longest to shortest side; what is beyond it at both ends would fill the memory once resized."""

_BAND_VALUES = 1 << 22


def prepare_photo(image: Image.Image, tower: AnyImageTower) -> torch.Tensor:
    """A float32 tensor `[3, crop, crop]`. May be called from several threads at once."""
    image = image.crop(near) if (near := _without_far_ends(image.size)) else image
    new_width, new_height, left, top = _placed(image.size, tower)
    # A conversion copies the photo even where it has nothing to do.
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    narrow = _narrowed(rgb, new_width)
    resized = _resize(narrow, new_height, new_width)
    cut = resized[:, top : top + tower.crop, left : left + tower.crop]
    if tower.mean is not None and tower.std is not None:
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (tower.mean, tower.std))
        cut = (cut - mean) / std
    return cut.contiguous()


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


def _narrowed(image: Image.Image, new_width: int) -> torch.Tensor:
    """All rows of an RGB photo, resized in width only: `[3, height, new_width]`.

    Band by band, so that a large photo never stands in memory as floats. The resize works axis
    by axis, width first, so this gives the same values as the whole photo at once.
    """
    width, height = image.size
    rows = max(1, _BAND_VALUES // (3 * width))
    bands = []
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        band = _pixels(image.crop((0, top, width, bottom)))
        bands.append(_resize(band, bottom - top, new_width))
    return torch.cat(bands, dim=1)


def _pixels(image: Image.Image) -> torch.Tensor:
    width, height = image.size
    flat = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return flat.view(height, width, 3).permute(2, 0, 1).float().div(255)


def _resize(pixels: torch.Tensor, height: int, width: int) -> torch.Tensor:
    return functional.interpolate(
        pixels[None], size=(height, width), mode="bilinear", align_corners=False, antialias=True
    )[0]
