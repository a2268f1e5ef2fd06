"""A first look at all photos of a run.

One damaged photo must not end a run in its tenth hour: all are decoded once before it begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from clibd_cli.core.ahead import default_workers, done_ahead
from clibd_cli.core.progress import Progress
from clibd_cli.core.records import Skip
from clibd_cli.io.names import printable
from clibd_cli.io.photos import PhotoError, load_photo
from clibd_cli.training.example import Example


def without_unreadable(
    examples: Sequence[Example], skips: list[Skip], workers: int | None, progress: Progress
) -> list[Example]:
    """The examples without those photos that cannot be decoded, which become skips.

    An example that has a barcode besides is kept without its photo.
    """
    workers = default_workers() if workers is None else workers
    photos = [example.photo for example in examples if example.photo is not None]
    if not photos:
        return list(examples)
    progress.begin("checking photos", len(photos))
    reasons = done_ahead(_why_unreadable, photos, workers, 8 * workers)
    kept: list[Example] = []
    for example in examples:
        reason = None if example.photo is None else next(reasons)
        progress.advance(example.photo is not None)
        if reason is None:
            kept.append(example)
            continue
        skips.append(Skip(printable(example.photo or ""), example.specimen_id, reason))
        if example.barcode is not None:
            kept.append(replace(example, photo=None))
    return kept


def _why_unreadable(photo: Path) -> str | None:
    try:
        load_photo(photo)
    except PhotoError as error:
        return str(error)
    return None
