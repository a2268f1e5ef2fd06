"""What the pixels of a photo say of it: whether anything is in it, and what it looks like."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

NEAR_EMPTY = 0.00033
"""Content below which a photo is near-empty.

Measured on 60 photos of BIOSCAN specimens in wells and 20 of empty or blurred wells, on which it
was also chosen (`benchmarks/audit_photos.py`): precision 1.00, recall 0.85; with the threshold that
the other 79 choose, 0.89 and 0.85.
"""

_SIDE = 256
_RADIUS = 12
_DARKER = 40
_GRID = 16
_COARSE = 4
_MOST_ASPECT = 8
"""Longest to shortest side; beyond, only the middle is measured. With 256 pixels in its shorter
side, a photo of 1 × 65,535 would take all memory."""
_PLENTY = 4


@dataclass(frozen=True, slots=True)
class PhotoContent:
    """What was measured.

    Attributes:
        content: share of pixels that are clearly darker than their surroundings, in the circle in
            the middle: specimens are, and the glints and shadows of an empty well mostly are not.
        pattern: 256 bits; photos of one scene, re-saved or scaled, differ in few of them.
    """

    content: float
    pattern: bytes


def measure_photo(image: Image.Image) -> PhotoContent:
    """Measure a photo (RGB)."""
    grey = _middle_of(image).convert("L")
    return PhotoContent(_content(grey), _pattern(grey))


def is_near_empty(image: Image.Image) -> bool:
    """Whether there is next to nothing in a photo (RGB); 0.1 ms for most, 1 ms for a few.

    Of a sample of the pixels, most photos have far too many that are dark.
    """
    from PIL import Image

    image = _middle_of(image)
    sample = _scaled(image, _SIDE // _COARSE, Image.Resampling.NEAREST).convert("L")
    if _share_of_dark(sample, _RADIUS // _COARSE) >= _PLENTY * NEAR_EMPTY:
        return False
    return _content(image.convert("L")) < NEAR_EMPTY


def differing_bits(a: bytes, b: bytes) -> int:
    """In how many bits two patterns differ, 0 to 256."""
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).bit_count()


def _middle_of(image: Image.Image) -> Image.Image:
    """A photo without the ends that make it longer than `_MOST_ASPECT` allows."""
    most = _MOST_ASPECT * min(image.size)
    width, height = (min(side, most) for side in image.size)
    if (width, height) == image.size:
        return image
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def _content(grey: Image.Image) -> float:
    steps = min(grey.size) // _SIDE
    nearly = grey.reduce(steps) if steps > 1 else grey  # by a whole number, which is fast
    return _share_of_dark(_scaled(nearly, _SIDE, _box()), _RADIUS)


def _share_of_dark(grey: Image.Image, radius: int) -> float:
    import numpy as np
    from PIL import ImageFilter

    light = np.asarray(grey)
    around = np.asarray(grey.filter(ImageFilter.BoxBlur(radius)), dtype=np.int16)
    dark = (around - light > _DARKER) & _middle(*light.shape)
    return int(np.count_nonzero(dark)) / int(dark.size)


def _scaled(image: Image.Image, side: int, how: Image.Resampling) -> Image.Image:
    """A photo whose shorter side is `side`."""
    scale = side / min(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image if size == image.size else image.resize(size, how)


@lru_cache(4)
def _middle(height: int, width: int) -> np.ndarray:
    """The largest circle in the middle, without the rim of a well that shows beside it."""
    import numpy as np

    y, x = np.mgrid[:height, :width]
    radius = min(height, width) / 2
    inside: np.ndarray = np.hypot(y - height / 2, x - width / 2) < radius
    return inside


def _pattern(grey: Image.Image) -> bytes:
    """Whether each of 16 × 16 fields is brighter than its right neighbour (a difference hash)."""
    import numpy as np

    fields = np.asarray(grey.resize((_GRID + 1, _GRID), _box()), dtype=np.int16)
    return np.packbits(fields[:, 1:] > fields[:, :-1]).tobytes()


def _box() -> Image.Resampling:
    from PIL import Image

    return Image.Resampling.BOX
