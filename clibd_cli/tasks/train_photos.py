"""A look at all photos of a run, by one process for all of them.

One damaged photo must not end a run in its tenth hour. Decoding all takes minutes or hours, so it
comes when nothing else is left to be refused, and other processes take the first one's word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.progress import Progress
from clibd_cli.core.records import Skip
from clibd_cli.training.example import KEY, TRAIN, VAL, Example, Examples

if TYPE_CHECKING:
    from clibd_cli.training.processes import Processes


def with_readable_photos(
    examples: Examples, workers: int | None, processes: Processes, progress: Progress
) -> Examples:
    """`examples` without the photos that cannot be decoded; what has a barcode besides stays.

    The skips of these photos are told to the first process alone.

    Raises:
        ClibdError: where a kind of input, or every pair of photo and barcode, goes with them.
    """
    found = [*examples.train, *examples.queries, *examples.keys]
    if not any(example.photo for example in found):
        return examples
    if processes.agree([len(found)]) != [len(found)]:
        raise ClibdError(
            f"the processes read different data: here are {len(found):,} examples",
            "Give all machines the same files.",
        )
    skips = list(examples.skips)
    right = [True] * len(found)
    if processes.first:
        right = _which_are_right(found, skips, workers, progress)
    right = [bool(value) for value in processes.agree(right)]
    kept = [
        example if is_right else replace(example, photo=None)
        for example, is_right in zip(found, right, strict=True)
        if is_right or example.barcode is not None
    ]
    train, queries, keys = ([e for e in kept if e.split == part] for part in (TRAIN, VAL, KEY))
    left = Examples(train, queries, keys, skips)
    _check(examples, left)
    return left


def _which_are_right(
    examples: Sequence[Example], skips: list[Skip], workers: int | None, progress: Progress
) -> list[bool]:
    from clibd_cli.training.photo_reading import without_unreadable

    untouched = set(map(id, without_unreadable(examples, skips, workers, progress)))
    return [id(example) in untouched for example in examples]


def _check(before: Examples, left: Examples) -> None:
    lost = [modality for modality in before.modalities if modality not in left.modalities]
    if lost or (_paired(before) and not _paired(left)):
        why = [f" Such as {skip.source}: {skip.reason}." for skip in left.skips[-1:]]
        raise ClibdError(
            "no photo that is to be trained on can be read"
            if lost
            else "no photo of a specimen with a barcode can be read",
            f"Look at the photos.{''.join(why)}",
        )


def _paired(examples: Examples) -> bool:
    return any(example.photo and example.barcode for example in examples.train)
