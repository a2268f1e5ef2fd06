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
    image = _without_far_ends(image)
    width, height = image.size
    # torchvision's rule: the longer side is cut to whole pixels, not rounded.
    longer = int(tower.resize * max(width, height) / min(width, height))
    new_height, new_width = (tower.resize, longer) if height <= width else (longer, tower.resize)
    # A conversion copies the photo even where it has nothing to do.
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    narrow = _narrowed(rgb, new_width)
    resized = _resize(narrow, new_height, new_width)
    # Python's round, as torchvision's centre crop uses it.
    top = round((new_height - tower.crop) / 2)
    left = round((new_width - tower.crop) / 2)
    cut = resized[:, top : top + tower.crop, left : left + tower.crop]
    if tower.mean is not None and tower.std is not None:
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (tower.mean, tower.std))
        cut = (cut - mean) / std
    return cut.contiguous()


def _without_far_ends(image: Image.Image) -> Image.Image:
    # The centre crop never sees them.
    width, height = image.size
    most = MAX_ASPECT * min(width, height)
    if max(width, height) <= most:
        return image
    left, top = max(0, (width - most) // 2), max(0, (height - most) // 2)
    return image.crop((left, top, left + min(width, most), top + min(height, most)))


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
