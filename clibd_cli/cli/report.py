"""`clibd report`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from clibd_cli.cli import options
from clibd_cli.cli.console import LiveProgress, show_summary


def report(
    results: Annotated[
        Path, typer.Argument(metavar="RESULTS", help="What `clibd classify` has written.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The page; by default the results' name with .html."),
    ] = None,
    photos: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="Where to look for photos that have moved since. Repeat for more folders.",
        ),
    ] = None,
    pictures: Annotated[
        int, typer.Option(metavar="N", min=0, help="The most photos to put into the page.")
    ] = 4000,
    workers: options.Workers = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is no report, too.")
    ] = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> None:
    """Make one HTML page of results, to look through and to send.

    It opens offline in any browser, and shows the nearest references beside each specimen.

    Examples:

      clibd report results.parquet

      clibd report results.csv --out doubtful.html --photos plates/
    """
    from clibd_cli.tasks.report import make_report

    with LiveProgress(quiet) as progress:
        done = make_report(
            results,
            out,
            photos=photos or (),
            most_pictures=pictures,
            workers=workers,
            overwrite=overwrite,
            progress=progress,
        )
    facts = {
        "specimens": f"{done.n:,}, {done.flagged:,} with flags",
        "skipped": "not known" if done.skipped is None else f"{done.skipped:,}",
        "photos": f"{done.pictures:,} shown, {done.missing:,} not found",
        "page": f"{done.out} ({done.size / 1e6:.1f} MB)",
    }
    show_summary("reported", facts, quiet=quiet, as_json=asdict(done) if json else None)
