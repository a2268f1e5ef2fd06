"""Small pictures for the page: bounded in size, in number and in bytes together.

The photos that matter most come first in what is asked for, and get theirs first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING

from clibd_cli.core.ahead import done_ahead

if TYPE_CHECKING:
    from PIL import Image

SIDE = 128
"""Pixels of the longer side."""

MOST = 4_000
"""Pictures in one page."""

MOST_BYTES = 12_000_000
"""Bytes of all pictures of a page; in base64 they take a third more, which mail still takes."""

_QUALITY = 74
_TRIES_FOR_EACH = 5

Load = Callable[[str], "Image.Image | None"]
"""The picture at a path as RGB; None where there is none that can be used."""


@dataclass(frozen=True, slots=True)
class Thumbnails:
    """The pictures of a page.

    Attributes:
        jpegs: their bytes.
        places: the place in `jpegs` of each path that has a picture.
        missing: how many of the paths that were looked at had none.
        full: whether pictures were left out because one of the bounds was reached.
    """

    jpegs: list[bytes] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    missing: int = 0
    full: bool = False


def make_thumbnails(
    paths: Iterable[str],
    load: Load,
    *,
    most: int = MOST,
    most_bytes: int = MOST_BYTES,
    side: int = SIDE,
    workers: int = 0,
    done: Callable[[], None] = lambda: None,
) -> Thumbnails:
    """A picture for each path, as far as the bounds allow; the same ones for the same files.

    Args:
        paths: the most important first; repeats cost nothing.
        load: called from `workers` threads at once.
        done: told about each path that has been looked at.
    """
    jpegs: list[bytes] = []
    places: dict[str, int] = {}
    missing = room = 0
    wanted = list(dict.fromkeys(paths))
    tried = wanted[: most * _TRIES_FOR_EACH]

    def shrunk(path: str) -> bytes | None:
        image = load(path)
        return None if image is None else small_jpeg(image, side)

    with closing(done_ahead(shrunk, tried, workers, 4 * workers)) as made:
        for path in tried:
            if len(jpegs) == most:
                return Thumbnails(jpegs, places, missing, full=True)
            jpeg = next(made)
            done()
            if jpeg is None:
                missing += 1
                continue
            room += len(jpeg)
            if room > most_bytes:
                return Thumbnails(jpegs, places, missing, full=True)
            places[path] = len(jpegs)
            jpegs.append(jpeg)
    return Thumbnails(jpegs, places, missing, full=len(tried) < len(wanted))


def small_jpeg(image: Image.Image, side: int) -> bytes:
    """`image` as a JPEG that fits a square of `side` pixels, without metadata."""
    image.thumbnail((side, side), reducing_gap=2.0)
    image.info.clear()
    file = BytesIO()
    image.save(file, "JPEG", quality=_QUALITY, optimize=True)
    return file.getvalue()
