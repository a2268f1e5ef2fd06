"""Results and what lies beside them, gathered into the contents of a report.

Of very large results a page holds a part, flagged specimens first, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.progress import Progress
from clibd_cli.core.version import __version__
from clibd_cli.io.names import printable
from clibd_cli.io.results import near_path, skipped_path
from clibd_cli.report.contents import Contents, NearReference, SkippedInput
from clibd_cli.tasks.report_reading import Results, read_log, read_near, read_skipped
from clibd_cli.tasks.runlog import run_log_path

T = TypeVar("T")

MOST_ROWS = 200_000
"""Specimens that a page holds; browsers can do with more, mailboxes cannot."""

MOST_DETAILED = 20_000
"""Specimens with their nearest references in the page."""

MOST_SKIPPED = 500
"""Skipped inputs that a page lists."""

_SETTINGS = {
    "model": "model",
    "index": "references",
    "method": "method",
    "k": "neighbours",
    "target_precision": "target precision",
    "min_share": "least share of the vote",
}
_MOST_FACTS = 200
_LONGEST_FACT = 2_000


def read_contents(source: Path, progress: Progress) -> Contents:
    """All that a page shows of the results `source`, but for pictures.

    Raises:
        ClibdError: where the results cannot be read.
    """
    table = Results(source)
    skipped: list[SkippedInput] = []
    log: dict[str, Any] = {}
    near: dict[str, tuple[NearReference, ...]] = {}
    skipped = _where_there(skipped_path(source), read_skipped, skipped, progress)
    log = _where_there(run_log_path(source), read_log, log, progress)
    places = table.in_order(MOST_ROWS)
    detailed = table.ids(places[:MOST_DETAILED])
    hits = near_path(source)
    near = _where_there(hits, lambda path: read_near(path, detailed), near, progress)
    counts = table.counts(skipped)
    rows = table.rows(places, near)
    absent = list(_absent(source))
    for note in absent:
        progress.warn(note)
    return Contents(
        title=printable(source.name),
        version=__version__,
        counts=counts,
        rows=rows,
        skipped=skipped[:MOST_SKIPPED],
        settings=list(_settings(log)),
        provenance=list(_facts(log))[:_MOST_FACTS],
        notes=[*absent, *_notes(table, len(rows), bool(near), len(skipped))],
    )


def _absent(source: Path) -> Iterator[str]:
    """What cannot be told, since a file that `classify` leaves beside the results is not there."""
    if not near_path(source).is_file():
        yield f"No nearest references are shown: {printable(near_path(source))} is not there."
    if not skipped_path(source).is_file():
        yield f"What was skipped is not known: {printable(skipped_path(source))} is not there."


def _notes(table: Results, shown: int, near: bool, skipped: int) -> Iterator[str]:
    """What is left out of the page, and where it is."""
    if shown < table.n:
        yield (
            f"The table shows {shown:,} of {table.n:,} specimens, flagged ones first; "
            f"all are in {printable(table.path.name)}."
        )
    if near and shown > MOST_DETAILED:
        yield (
            f"The nearest references stand beside the first {MOST_DETAILED:,} specimens, flagged "
            f"ones first; those of all are in {printable(near_path(table.path).name)}."
        )
    if table.unreadable:
        yield f"{table.unreadable:,} lines of the results could not be read."
    if skipped > MOST_SKIPPED:
        yield (
            f"{MOST_SKIPPED:,} of {skipped:,} skipped inputs are listed; all are in "
            f"{printable(skipped_path(table.path).name)}."
        )


def _where_there(path: Path, read: Callable[[Path], T], otherwise: T, progress: Progress) -> T:
    """What `read` makes of a file that a report can do without."""
    if not path.is_file():
        return otherwise
    try:
        return read(path)
    except ClibdError as error:
        progress.warn(f"left out of the report: {error.message}")
        return otherwise


def _settings(log: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What the reader should know at first sight; the whole path of the index is provenance."""
    for key, name in _SETTINGS.items():
        if value := log.get(key):
            fact = _fact(value)
            yield (
                name,
                fact.replace("\\", "/").rstrip("/").split("/")[-1] if key == "index" else fact,
            )


def _facts(log: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """The run log as names and values on one level."""
    for name, value in log.items():
        if isinstance(value, dict) and not before.count("."):
            yield from _facts(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", _fact(value)


def _fact(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_fact(item) for item in value[:_MOST_FACTS])
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text[:_LONGEST_FACT]
