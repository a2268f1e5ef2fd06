"""Photos, opened once: the bytes are hashed, and the same bytes become an RGB picture.

Whatever is wrong with a file is a `PhotoError` with the reason, which callers make a skip.
Everything here may be called from many threads at once.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.io.names import StrPath
from clibd_cli.io.photo_files import find_photos

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "PhotoBytes",
    "PhotoError",
    "decode_photo",
    "find_photos",
    "load_photo",
    "read_photo",
]

MAX_PIXELS = 178_000_000
"""Pixels of the largest photo that is decoded (a 13,000 × 13,000 scan); Pillow's own limit."""

MAX_SIDE = 65_535
"""Pixels of the longest side, as JPEG has it. Readers take memory by the row and by the column:
an 85-byte PNG of one row of 178,000,000 pixels took 3.6 GB."""

BIG_PIXELS = 30_000_000
"""Photos of more pixels than this (a good camera's) are decoded one at a time."""

MAX_BYTES = 1 << 30
"""Bytes of the largest file that is read: 1 GiB, `MAX_PIXELS` of 16-bit RGB uncompressed."""

_FORMATS = "JPEG MPO PNG TIFF WEBP BMP DIB GIF HEIF AVIF JPEG2000 PPM TGA PSD PCX SGI QOI"
"""Formats of photos. EPS, which would start Ghostscript, PDF and the like are not among them."""

_STARTS = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG"}
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_ORIENTATION = 0x0112
_LOCK = threading.RLock()

_BIG_PHOTO = threading.Lock()
"""Held while a big photo is loaded and converted: one of `MAX_PIXELS` takes 1-3 GB, and with every
reader thread at one of them the memory of a laptop would be gone."""


class PhotoError(Exception):
    """This file is no usable photo; the text says why."""


@dataclass(frozen=True, slots=True)
class PhotoBytes:
    """The bytes of a file and their SHA-256, in hexadecimal."""

    data: bytes = field(repr=False)
    sha256: str


def load_photo(path: StrPath) -> Image.Image:
    """The photo at `path` as RGB, upright. Raises `PhotoError`."""
    return decode_photo(read_photo(path))


def read_photo(path: StrPath) -> PhotoBytes:
    """Read a file whole, once, so that hash and picture agree even if it is being changed.

    Raises:
        PhotoError: where it is missing, unreadable, empty, no regular file (a pipe would never
            end), being written just now, or larger than `MAX_BYTES`.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116
            raise PhotoError("not a regular file")
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
            size = os.fstat(file.fileno()).st_size
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PhotoError(f"the file cannot be read: {reason}") from error
    if not data:
        raise PhotoError("the file is empty (0 bytes)")
    if len(data) > MAX_BYTES:
        raise PhotoError(f"the file is larger than {MAX_BYTES:,} bytes")
    if size != len(data):
        raise PhotoError("the file was changed while it was read")
    return PhotoBytes(data, hashlib.sha256(data).hexdigest())


def decode_photo(photo: PhotoBytes, side: int | None = None) -> Image.Image:
    """The picture in `photo` as RGB, 8 bits, turned upright by its EXIF orientation.

    Args:
        side: pixels of the shorter side that are enough: a large JPEG is then decoded at a half, a
            quarter or an eighth of its size, which takes as much less time. None for all pixels.

    Of several frames the first is taken. 16-bit grey values lose their lower byte. Transparency
    is laid on white: what lies under it is arbitrary, mostly black, and specimens that somebody
    has cut out belong on the light ground of a specimen photo.

    Raises:
        PhotoError: where it is no picture of a known format, truncated, damaged, or has more
            than `MAX_PIXELS` or a side of more than `MAX_SIDE` (seen in its header, before any
            pixel is decoded).
    """
    from PIL import UnidentifiedImageError

    _needs_heic(photo.data)
    try:
        return _decoded(photo.data, side)
    except PhotoError:
        raise
    except UnidentifiedImageError as error:
        raise PhotoError("not an image in a format that can be read") from error
    except Exception as error:
        # Pillow's readers raise whatever a damaged file leads them to, from SyntaxError to
        # struct.error; each of these is this one file's fault.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PhotoError(f"the image is damaged or truncated: {reason}") from error


def _decoded(data: bytes, side: int | None) -> Image.Image:
    with _no_warnings():
        image = _opened(data)
    if side is not None:
        image.draft(None, (side, side))  # only readers of JPEG can; the others do nothing
    with _BIG_PHOTO if image.width * image.height > BIG_PIXELS else nullcontext():
        return _upright(image)


def _opened(data: bytes) -> Image.Image:
    """The picture with its header read; the pixels come later."""
    from PIL import Image

    try:
        image = Image.open(BytesIO(data), formats=_formats_of(data))
    except Image.DecompressionBombError as error:
        raise _too_large(f"it has more than {MAX_PIXELS:,} pixels") from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise _too_large(f"{width:,} × {height:,} has more than {MAX_PIXELS:,} pixels")
    if max(width, height) > MAX_SIDE:
        raise _too_large(f"a side of {width:,} × {height:,} has more than {MAX_SIDE:,} pixels")
    return image


def _too_large(why: str) -> PhotoError:
    return PhotoError(f"too large: {why} (a decompression bomb?)")


def _upright(image: Image.Image) -> Image.Image:
    """The pixels as RGB, turned upright."""
    from PIL import Image

    with _no_warnings():
        if image.format == "TIFF":
            image.getexif()  # kept by Pillow, which else reads it, and warns, on loading
        if image.width * image.height > (Image.MAX_IMAGE_PIXELS or MAX_PIXELS):
            image.load()  # Pillow warns of the size once more; such giants are rare
    image.load()
    with _no_warnings():
        turn = _turn(image)
    rgb = _rgb(image)
    return rgb if turn is None else rgb.transpose(turn)


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Pillow's warnings of odd metadata and large pictures do not reach the user.

    Filters of warnings belong to the whole process: one thread at a time may hold them changed,
    and only while headers are read. Pixels are decoded outside.
    """
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _formats_of(data: bytes) -> tuple[str, ...]:
    """The formats that `data` may have: mostly one, and Pillow need not load its other readers."""
    for start, name in _STARTS.items():
        if data.startswith(start):
            return (name,)
    return _formats()


@lru_cache(maxsize=1)
def _formats() -> tuple[str, ...]:
    """Those of `_FORMATS` that this Pillow can read."""
    from PIL import Image

    with suppress(ImportError):
        import_module("pillow_heif").register_heif_opener()
    Image.init()
    return tuple(name for name in _FORMATS.split() if name in Image.OPEN)


def _needs_heic(data: bytes) -> None:
    if data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS:
        with _no_warnings():
            if "HEIF" not in _formats() and not (data[8:12] == b"mif1" and b"avif" in data[12:64]):
                raise PhotoError("HEIC needs one more library: pip install 'clibd[heic]'")


def _turn(image: Image.Image) -> Image.Transpose | None:
    """How to turn a loaded picture upright, by its EXIF orientation (TIFF 6.0, tag 274)."""
    from PIL.Image import Transpose

    try:
        orientation = int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # a picture is worth more than its damaged metadata
        return None
    return {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }.get(orientation)


def _rgb(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode.startswith(("I", "F")):
        return _eight_bit(image).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        overlay = image.convert("RGBA")
        ground = Image.new("RGBA", overlay.size, "white")
        return Image.alpha_composite(ground, overlay).convert("RGB")
    return image.convert("RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    """Grey values of more than 8 bits, scaled to 0-255.

    16-bit pictures lose their lower byte, whatever they hold. 32-bit integers and floats do not
    say what white is: it is taken to be 1 (floats), 255 or 65,535, the least of these that no
    value exceeds, or else the largest value.
    """
    import numpy as np
    from PIL import Image

    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        return Image.fromarray((values >> 8).astype(np.uint8))
    values = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    largest = float(values.max())
    whites = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
    white = next((white for white in whites if largest <= white), largest)
    return Image.fromarray((values.clip(0, white) * (255.0 / white)).astype(np.uint8))
