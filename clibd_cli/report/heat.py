"""A photo with heat laid over it: what a person sees of where the encoder looked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

EXPLANATION_SIDE = 256
"""Pixels of the longer side."""

LITTLE, MUCH = (255, 196, 46), (206, 16, 38)
"""From yellow to red; the legend of a report shows the same two (`page.css`)."""

_MOST_OPAQUE = 0.62
_RISE = 0.6
"""Below 1, little heat already shows; above it, only the most does."""

_UNSEEN = (128, 128, 128)
_UNSEEN_OPAQUE = 0.65
_FRAME = (255, 255, 255)


def draw_heat(
    photo: Image.Image, heat: np.ndarray, seen: tuple[float, float, float, float]
) -> Image.Image:
    """The photo in grey, warm where the heat is; what the encoder never saw is veiled.

    Args:
        photo: RGB; large ones are made smaller first (`EXPLANATION_SIDE`).
        heat: `[rows, columns]`, 0 to 1.
        seen: left, top, right and bottom of the part that `heat` covers, as shares of the photo.
    """
    from PIL import Image, ImageDraw

    small = photo.copy()
    small.thumbnail((EXPLANATION_SIDE, EXPLANATION_SIDE), reducing_gap=2.0)
    grey = small.convert("L").convert("RGB")
    width, height = small.size
    left, top = round(seen[0] * width), round(seen[1] * height)
    right = max(left + 1, round(seen[2] * width))
    bottom = max(top + 1, round(seen[3] * height))
    veiled = Image.blend(grey, Image.new("RGB", grey.size, _UNSEEN), _UNSEEN_OPAQUE)
    warmed = _warmed(grey.crop((left, top, right, bottom)), heat)
    veiled.paste(warmed, (left, top))
    if warmed.size != grey.size:
        edge = (left, top, min(right, width) - 1, min(bottom, height) - 1)
        ImageDraw.Draw(veiled).rectangle(edge, outline=_FRAME)
    return veiled


def _warmed(grey: Image.Image, heat: np.ndarray) -> Image.Image:
    """`grey` with the heat over all of it."""
    import numpy as np
    from PIL import Image

    small = Image.fromarray(np.asarray(heat, np.float32))
    smooth = small.resize(grey.size, Image.Resampling.BICUBIC)
    share = np.clip(np.asarray(smooth), 0.0, 1.0)[..., None]
    colour = (1.0 - share) * np.array(LITTLE) + share * np.array(MUCH)
    opaque = _MOST_OPAQUE * share**_RISE
    mixed = (1.0 - opaque) * np.asarray(grey, np.float32) + opaque * colour
    return Image.fromarray(mixed.round().astype(np.uint8))
