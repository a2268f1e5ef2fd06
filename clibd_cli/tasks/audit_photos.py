"""Looking at the photos of a library themselves, where they are still at hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from clibd_cli.core.ahead import done_ahead
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.io.photo_content import NEAR_EMPTY, PhotoContent, measure_photo
from clibd_cli.tasks.audit_findings import Finding, in_words
from clibd_cli.vectors.holdings import Holdings

_SEVERITY = 0.6


def photo_contents(
    held: Holdings, workers: int, progress: Progress = SILENT
) -> list[PhotoContent | None]:
    """What the pixels of each photo say; None where the file is not there any more."""
    progress.begin("looking at photos", len(held))
    found = []
    for content in done_ahead(_measured, held.sources, workers, 4 * workers + 1):
        found.append(content)
        progress.advance()
    return found


def near_empty_photos(held: Holdings, contents: Sequence[PhotoContent | None]) -> Iterator[Finding]:
    """One finding for each photo with little in it."""
    for row, measured in enumerate(contents):
        if measured is not None and measured.content < NEAR_EMPTY:
            yield Finding(
                severity=_SEVERITY,
                kind="near_empty_photo",
                evidence="image",
                specimen_ids=(held.ids[row],),
                reason=f"{measured.content:.3%} of the photo is darker than its surroundings: an "
                "empty well, or a specimen out of focus or at the rim",
                current=in_words(held.lineages[row]),
                numbers={"content": measured.content},
                source=held.sources[row],
            )


def _measured(source: str) -> PhotoContent | None:
    from clibd_cli.io.photos import PhotoError, load_photo

    try:
        return measure_photo(load_photo(Path(source)))
    except PhotoError:
        return None
