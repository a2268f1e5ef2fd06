"""A look at all photos of a run, by one process for all of them.

One damaged photo must not end a run in its tenth hour. Decoding all takes minutes or hours, so it
comes when nothing else is left to be refused, and other processes take the first one's word.
"""

from __future__ import annotations

from collections.abc import Sequence
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

    The skips of these photos, and the digests of the others, are told to the first process alone.

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
    looked = _looked_at(found, skips, workers, processes, progress)
    kept = [example for example in looked if example is not None]
    train, queries, keys = ([e for e in kept if e.split == part] for part in (TRAIN, VAL, KEY))
    left = Examples(train, queries, keys, skips)
    _check(examples, left)
    return left


def _looked_at(
    examples: Sequence[Example],
    skips: list[Skip],
    workers: int | None,
    processes: Processes,
    progress: Progress,
) -> list[Example | None]:
    """What is left of each example; digests are known to the first process alone."""
    from clibd_cli.training.photo_reading import look_at_photos, without_photo

    looked: list[Example | None] = list(examples)
    if processes.first:
        looked = look_at_photos(examples, skips, workers, progress)
    right = processes.agree(
        [
            after is not None and after.photo == before.photo
            for before, after in zip(examples, looked, strict=True)
        ]
    )
    if processes.first:
        return looked
    return [
        example if is_right else without_photo(example)
        for example, is_right in zip(examples, right, strict=True)
    ]


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
