"""Photos varied in training: another cut, angle, side and light each time they are shown.

The paper's recipe (section 4: a random resized crop, flips, rotation by up to 45°) and a change of
colours, done fast. A photo is first made smaller, with antialiasing, until one of its pixels is
about one of the result; all geometry together is then a single resampling. Around a turned photo
its mirror image is seen, so that no black corners teach the tower anything.

Values are computed by numpy: torch would start a team of threads in each of the reader threads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from clibd_cli.models.preprocess import prepare_photo

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    from clibd_cli.models.cards import AnyImageTower
    from clibd_cli.training.settings_fields import TrainSettings

_WIDEST = 4 / 3
"""Width by height of the widest cut, as in torchvision's RandomResizedCrop; its inverse is the
narrowest."""

_FINE_ENOUGH = 1.2
"""Source pixels for one of the result that bilinear sampling takes without aliasing."""

_GREY = (0.299, 0.587, 0.114)
"""What red, green and blue add to grey (ITU-R BT.601)."""


@dataclass(frozen=True, slots=True)
class _Cut:
    """A rectangle in a photo, in pixels from its top left corner.

    Attributes:
        angle: by which it is turned about its centre, in radians.
        flips: -1 where the result is mirrored, 1 where not; across and along.
    """

    centre: tuple[float, float]
    size: tuple[float, float]
    angle: float
    flips: tuple[int, int]

    def bounds(self, width: int, height: int) -> tuple[int, int, int, int]:
        """The pixels of the photo that are needed: left, top, right, bottom."""
        cos, sin = abs(math.cos(self.angle)), abs(math.sin(self.angle))
        across = (cos * self.size[0] + sin * self.size[1]) / 2 + 1
        along = (sin * self.size[0] + cos * self.size[1]) / 2 + 1
        x, y = self.centre
        return (
            max(0, math.floor(x - across)),
            max(0, math.floor(y - along)),
            min(width, math.ceil(x + across)),
            min(height, math.ceil(y + along)),
        )


def augment_photo(
    image: Image.Image, rng: np.random.Generator, tower: AnyImageTower, settings: TrainSettings
) -> torch.Tensor:
    """A variant of an RGB photo, prepared for the tower: float32 [3, side, side].

    The side is `train_crop`, or the tower's crop. Without `photo_augmentation` it is the photo as
    the tower reads it otherwise, at that size. May be called from several threads at once.
    """
    side = settings.train_crop or tower.crop
    if not settings.photo_augmentation:
        resize = max(side, round(tower.resize * side / tower.crop))
        return prepare_photo(image, replace(tower, crop=side, resize=resize))
    cut = _draw_cut(image.size, rng, settings.photo_scale_min, settings.photo_rotation)
    bounds = cut.bounds(*image.size)
    region = _shrunk(image, bounds, math.sqrt(cut.size[0] * cut.size[1]) / side)
    if settings.photo_colour:
        region = _recoloured(region, rng, settings.photo_colour)
    return _normalised(_sampled(region, cut, bounds, side), tower)


def _draw_cut(
    size: tuple[int, int], rng: np.random.Generator, least_area: float, rotation: float
) -> _Cut:
    """A rectangle that lies in the photo before it is turned about its centre."""
    width, height = size
    area = rng.uniform(least_area, 1.0) * width * height
    aspect = math.exp(rng.uniform(-1.0, 1.0) * math.log(_WIDEST))
    across = min(width, math.sqrt(area * aspect))
    along = min(height, math.sqrt(area / aspect))
    x = across / 2 + rng.random() * (width - across)
    y = along / 2 + rng.random() * (height - along)
    angle = math.radians(rng.uniform(-rotation, rotation))
    flips = (1 if rng.random() < 0.5 else -1, 1 if rng.random() < 0.5 else -1)
    return _Cut((x, y), (across, along), angle, flips)


def _shrunk(image: Image.Image, bounds: tuple[int, int, int, int], factor: float) -> Image.Image:
    """The pixels within `bounds`, about `factor` times fewer each way where that is a loss."""
    from PIL import Image

    if factor <= _FINE_ENOUGH:
        return image.crop(bounds)
    left, top, right, bottom = bounds
    smaller = (max(1, round((right - left) / factor)), max(1, round((bottom - top) / factor)))
    return image.resize(smaller, Image.Resampling.BILINEAR, box=bounds, reducing_gap=2.0)


def _recoloured(image: Image.Image, rng: np.random.Generator, most: float) -> Image.Image:
    """Brightness, contrast and saturation changed, each by a factor of 1 ± `most`."""
    from PIL.Image import Resampling

    light, contrast, colour = rng.uniform(1 - most, 1 + most, 3)
    means = np.array(image.resize((1, 1), Resampling.BOX).getpixel((0, 0)))
    # Saturation mixes with the pixel's grey, contrast with the photo's mean grey.
    mix = light * contrast * (colour * np.eye(3) + (1 - colour) * np.array(_GREY))
    shift = light * (1 - contrast) * float(means @ _GREY)
    rows = np.column_stack([mix, np.full(3, shift)])
    return image.convert("RGB", tuple(rows.ravel().tolist()))


def _sampled(
    region: Image.Image, cut: _Cut, bounds: tuple[int, int, int, int], side: int
) -> NDArray[np.float32]:
    """The cut as float32 [3, side, side], 0 to 255."""
    left, top, right, bottom = bounds
    pixels = np.ascontiguousarray(np.asarray(region).transpose(2, 0, 1), dtype=np.float32)
    places = (np.arange(side, dtype=np.float32) * 2 + 1) / side - 1
    x = places * (cut.flips[0] * cut.size[0] / 2)
    y = places[:, None] * (cut.flips[1] * cut.size[1] / 2)
    cos, sin = math.cos(cut.angle), math.sin(cut.angle)
    # Where each pixel of the result lies in the region, -1 and 1 being its outer edges.
    grid = np.empty((1, side, side, 2), dtype=np.float32)
    grid[0, :, :, 0] = (x * cos - y * sin + (cut.centre[0] - left)) * (2 / (right - left)) - 1
    grid[0, :, :, 1] = (x * sin + y * cos + (cut.centre[1] - top)) * (2 / (bottom - top)) - 1
    sampled = functional.grid_sample(
        torch.from_numpy(pixels)[None],
        torch.from_numpy(grid),
        mode="bilinear",
        padding_mode="reflection",
        align_corners=False,
    )
    values: NDArray[np.float32] = sampled[0].numpy()
    return values


def _normalised(values: NDArray[np.float32], tower: AnyImageTower) -> torch.Tensor:
    """`values` of 0 to 255 as the tower reads them, in place."""
    values /= 255
    if tower.mean is not None and tower.std is not None:
        values -= np.array(tower.mean, np.float32)[:, None, None]
        values /= np.array(tower.std, np.float32)[:, None, None]
    return torch.from_numpy(values)
