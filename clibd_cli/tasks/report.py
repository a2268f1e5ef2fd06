"""`clibd report`: results as one page to look through, with the evidence beside each name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.core.ahead import default_workers
from clibd_cli.core.atomic import write_text
from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.io.names import printable
from clibd_cli.io.results import skipped_path

if TYPE_CHECKING:
    from clibd_cli.report.thumbnails import Thumbnails

MOST_PICTURES = 4_000
"""Photos in a page, where nobody asks for another number."""


@dataclass(frozen=True, slots=True)
class ReportSummary:
    """What a `report` did.

    Attributes:
        n: specimens in the results; `shown`, those in the page; `detailed`, those of them with
            their nearest references.
        pictures: photos in the page.
        skipped: inputs; None where the list of them is not beside the results.
        missing: photos that were looked for and not found, or could not be read.
        size: bytes of the page.
    """

    out: str
    results: str
    n: int
    shown: int
    detailed: int
    flagged: int
    skipped: int | None
    pictures: int
    missing: int
    size: int


def make_report(
    results: str | Path,
    out: str | Path | None = None,
    *,
    photos: Sequence[str | Path] = (),
    most_pictures: int = MOST_PICTURES,
    workers: int | None = None,
    overwrite: bool = False,
    progress: Progress = SILENT,
) -> ReportSummary:
    """Write `results` as one HTML file that opens offline and can be e-mailed.

    What lies beside the results is used where it is there: RESULTS.hits.parquet (the nearest
    references), RESULTS.skipped.csv and RESULTS.run.json.

    Args:
        results: a table that `classify` has written: .csv, .tsv, .parquet or .jsonl.
        out: the page; by default the results' name with .html.
        photos: folders to look for photos in that are no longer where the results say.
        most_pictures: the most photos to put into the page; 0 leaves all out.
        overwrite: replace a file that is there and is no report, too.

    Raises:
        UsageError: where `out` is another file that must not be lost.
        ClibdError: where the results cannot be read, or the page cannot be written.
    """
    from clibd_cli.report.page import render_page
    from clibd_cli.report.thumbnails import make_thumbnails
    from clibd_cli.tasks.report_contents import read_contents
    from clibd_cli.tasks.report_photos import PhotoFinder, photos_of

    source = Path(results)
    page = source.with_suffix(".html") if out is None else Path(out)
    _refuse_to_overwrite(page, source, overwrite)
    contents = read_contents(source, progress)
    wanted = list(dict.fromkeys(photos_of(contents.rows))) if most_pictures > 0 else []
    progress.begin("photos", min(len(wanted), most_pictures))
    finder = PhotoFinder([Path(), source.parent], [Path(folder) for folder in photos])
    thumbnails = make_thumbnails(
        wanted,
        finder.load,
        most=max(0, most_pictures),
        workers=default_workers() if workers is None else workers,
        done=progress.advance,
    )
    contents.notes.extend(_photo_notes(thumbnails))
    text = render_page(contents, thumbnails)
    try:
        write_text(page, text)
    except OSError as error:
        raise ClibdError(
            f"{printable(page)} cannot be written: {error.strerror or error}",
            "Make room, or choose another name with --out.",
        ) from error
    return ReportSummary(
        out=str(page),
        results=str(source),
        n=contents.counts.n,
        shown=len(contents.rows),
        detailed=sum(bool(row.nearest) for row in contents.rows),
        flagged=contents.counts.flagged,
        skipped=sum(contents.counts.skipped.values()) if skipped_path(source).is_file() else None,
        pictures=len(thumbnails.jpegs),
        missing=thumbnails.missing,
        size=page.stat().st_size,
    )


def _photo_notes(thumbnails: Thumbnails) -> Iterator[str]:
    n = len(thumbnails.jpegs)
    if thumbnails.missing and n == 0:
        yield "None of the photos was found; clibd report --photos DIR looks in another folder."
    elif thumbnails.missing:
        yield (
            f"{thumbnails.missing:,} photos, of specimens or of references, are not here or cannot "
            "be read; what names them is in the results all the same."
        )
    if thumbnails.full and n:
        yield f"{n:,} photos are in this page, those of flagged specimens first."


def _refuse_to_overwrite(page: Path, results: Path, overwrite: bool) -> None:
    if not page.exists():
        return
    if page.is_dir() or (results.exists() and page.samefile(results)):
        raise UsageError(f"{printable(page)} is no place for a report", "Give another --out.")
    if not overwrite and not is_report(page):
        raise UsageError(
            f"{printable(page)} is there already, and is no report of clibd",
            "Give another --out, or --overwrite to replace it.",
        )


def is_report(page: Path) -> bool:
    """Whether a file is a page that `make_report` has written."""
    from clibd_cli.report.page import GENERATOR

    with page.open("rb") as file:
        return GENERATOR.encode() in file.read(1_000)
