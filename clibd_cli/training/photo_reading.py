"""Work done ahead in threads, in order and in bounded memory; and a first look at all photos.

One damaged photo must not end a run in its tenth hour: all are decoded once before it begins.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from clibd_cli.core.progress import Progress
from clibd_cli.core.records import Skip
from clibd_cli.io.names import printable
from clibd_cli.io.photos import PhotoError, load_photo
from clibd_cli.training.example import Example

T = TypeVar("T")
R = TypeVar("R")

_MOST_WORKERS = 16


def default_workers() -> int:
    """As many reader threads as there are cores, within reason."""
    return min(_MOST_WORKERS, os.cpu_count() or 1)


def done_ahead(
    function: Callable[[T], R], items: Iterable[T], workers: int, most: int
) -> Generator[R, None, None]:
    """`function` of each item, in order, computed by `workers` threads up to `most` items early.

    With no workers, each is computed when it is asked for. Close the iterator to stop early.
    """
    if workers < 1:
        yield from map(function, items)
        return
    waiting: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="clibd-reader")
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


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
