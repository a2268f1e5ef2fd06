"""Drawn specimen photos: an animal's shapes, painted as a camera over a pale tray sees them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING

from clibd_cli.simulated.anatomy import shapes_of
from clibd_cli.simulated.bodyparts import Posture
from clibd_cli.simulated.shapes import Paint, Shape
from clibd_cli.simulated.taxonomy import InventedSpecies
from clibd_cli.simulated.traits import traits_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image, ImageDraw

SIZE = 256
"""Width and height of a photo in pixels."""

_OVERSAMPLING = 2
_IMAGE_DESCRIPTION = 0x010E
_SOFTWARE = 0x0131
_JPEG_QUALITY = 85
_SHADOW = (96, 92, 96)
_SHADOW_STRENGTH = 70
_SHADOW_OFFSET = (4, 8)
_CASTS_SHADOW = 140
"""The least opacity of a shape that casts a shadow; veins and gloss do not."""


@dataclass(frozen=True, slots=True)
class Camera:
    """How one photo was taken.

    Attributes:
        scale: pixels for one of the animal's units.
        matrix: shape (2, 2), from the animal's units to pixels: pose and scale.
        middle: where the animal lies, in pixels.
        tray: colour of the background.
        light: factor on the brightness.
        slope: how the light falls off over the image, to the right and downwards.
        blur: radius in pixels.
        noise: standard deviation in grey levels.
    """

    scale: float
    matrix: NDArray[np.float64]
    middle: NDArray[np.float64]
    tray: NDArray[np.float64]
    light: float
    slope: NDArray[np.float64]
    blur: float
    noise: float

    @classmethod
    def drawn(cls, rng: np.random.Generator, size: float) -> Camera:
        """A random camera; `size` is the animal's, as a factor."""
        import numpy as np

        turn = np.deg2rad(rng.normal(0, 14))
        scale = 0.42 * SIZE * size * float(rng.uniform(0.94, 1.04))
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        return cls(
            scale=scale,
            matrix=rotation * scale,
            middle=SIZE / 2 + rng.normal(0, 4, 2),
            tray=np.array([238, 236, 230]) + rng.normal(0, 5) + rng.normal(0, 1.5, 3),
            light=float(rng.uniform(0.88, 1.05)),
            slope=rng.normal(0, 0.025, 2),
            blur=float(rng.uniform(0.2, 0.8)),
            noise=float(rng.uniform(1.0, 3.0)),
        )

    def pixels(self, shape: Shape, resolution: float) -> list[float]:
        """The shape's points as x, y, x, y …, `resolution` being pixels for one of the photo's."""
        points = (shape.points @ self.matrix.T + self.middle) * resolution
        flat: list[float] = points.ravel().tolist()
        return flat


def draw_photo(species: InventedSpecies, seed: int, specimen: int) -> Image.Image:
    """The photo of a specimen, RGB, 256 × 256; the same three arguments give the same photo."""
    import numpy as np

    rng = np.random.default_rng([seed, 4, *species.path, specimen])
    traits = traits_of(species.path, seed)
    shapes = shapes_of(traits, Posture.drawn(rng))
    camera = Camera.drawn(rng, traits.size)
    return _exposed(_painted(shapes, camera, _shadowed_tray(shapes, camera)), camera, rng)


def jpeg_bytes(photo: Image.Image, note: str, software: str) -> bytes:
    """The photo as a JPEG file; `note` and `software` go to its EXIF tags, not into the picture."""
    from PIL import Image

    exif = Image.Exif()
    exif[_IMAGE_DESCRIPTION] = note
    exif[_SOFTWARE] = software
    buffer = BytesIO()
    photo.save(buffer, "JPEG", quality=_JPEG_QUALITY, exif=exif)
    return buffer.getvalue()


def _shadowed_tray(shapes: list[Shape], camera: Camera) -> Image.Image:
    """The background with the soft shadow of the animal, at the painter's resolution."""
    from PIL import Image, ImageDraw, ImageFilter

    # A shadow has no detail, so a quarter of the photo's resolution is enough.
    side, resolution = SIZE // 4, 0.25
    mask = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(mask)
    aside = replace(camera, middle=camera.middle + _SHADOW_OFFSET)
    for shape in shapes:
        if shape.paint[3] >= _CASTS_SHADOW:
            _put(draw, shape, aside, resolution, _SHADOW_STRENGTH)
    soft = mask.filter(ImageFilter.GaussianBlur(1.6))
    tray = Image.new("RGB", (side, side), tuple(int(part) for part in camera.tray))
    shaded = Image.composite(Image.new("RGB", (side, side), _SHADOW), tray, soft)
    full = SIZE * _OVERSAMPLING
    return shaded.resize((full, full), Image.Resampling.BILINEAR)


def _painted(shapes: list[Shape], camera: Camera, image: Image.Image) -> Image.Image:
    """The animal painted on `image`, brought to the photo's size (which smooths the edges)."""
    from PIL import ImageDraw

    draw = ImageDraw.Draw(image, "RGBA")
    for shape in shapes:
        _put(draw, shape, camera, _OVERSAMPLING, shape.paint)
    return image.reduce(_OVERSAMPLING)


def _put(
    draw: ImageDraw.ImageDraw, shape: Shape, camera: Camera, resolution: float, paint: Paint | int
) -> None:
    pixels = camera.pixels(shape, resolution)
    if shape.width is None:
        draw.polygon(pixels, fill=paint)
    else:
        width = max(1, round(shape.width * camera.scale * resolution))
        draw.line(pixels, fill=paint, width=width, joint="curve")


def _exposed(image: Image.Image, camera: Camera, rng: np.random.Generator) -> Image.Image:
    """Lens and sensor: blur, uneven light, noise."""
    import numpy as np
    from PIL import Image, ImageFilter

    blurred = image.filter(ImageFilter.BoxBlur(camera.blur))
    x, y = np.meshgrid(*2 * [np.linspace(-1, 1, SIZE)], sparse=True)
    light = camera.light * (1 + x * camera.slope[0] + y * camera.slope[1])
    grain = rng.standard_normal((SIZE, SIZE), dtype=np.float32) * np.float32(camera.noise)
    values = np.asarray(blurred) * light.astype(np.float32)[..., None]
    values += grain[..., None]
    return Image.fromarray(values.clip(0, 255, out=values).astype(np.uint8))
