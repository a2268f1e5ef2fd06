"""A first look at all photos of a run.

One damaged photo must not end a run in its tenth hour: all are decoded once before it begins. As
their bytes pass by, it is noted which contents they are: the model will tell what it has seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from clibd_cli.core.ahead import default_workers, done_ahead
from clibd_cli.core.progress import Progress
from clibd_cli.core.records import Skip
from clibd_cli.io.names import printable
from clibd_cli.io.photos import PhotoError, decode_photo, read_photo
from clibd_cli.training.example import Example


def look_at_photos(
    examples: Sequence[Example], skips: list[Skip], workers: int | None, progress: Progress
) -> list[Example | None]:
    """Each example with the digest of its photo.

    A photo that cannot be decoded becomes a skip: its example stays without it where it has a
    barcode besides, and is None where it has not.
    """
    workers = default_workers() if workers is None else workers
    photos = [example.photo for example in examples if example.photo is not None]
    if not photos:
        return list(examples)
    progress.begin("checking photos", len(photos))
    found = done_ahead(_digest, photos, workers, 8 * workers)
    looked: list[Example | None] = []
    for example in examples:
        if example.photo is None:
            looked.append(example)
            continue
        progress.advance()
        digest, problem = next(found)
        if problem is None:
            looked.append(replace(example, photo_sha256=digest))
        else:
            skips.append(Skip(printable(example.photo), example.specimen_id, problem))
            looked.append(without_photo(example))
    return looked


def without_photo(example: Example) -> Example | None:
    """What is left of an example whose photo cannot be used."""
    return None if example.barcode is None else replace(example, photo=None)


def _digest(photo: Path) -> tuple[str | None, str | None]:
    """The SHA-256 of a photo's bytes, or why it cannot be decoded."""
    try:
        content = read_photo(photo)
        decode_photo(content)
    except PhotoError as error:
        return None, str(error)
    return content.sha256, None
