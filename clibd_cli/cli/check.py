"""`clibd check`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from clibd_cli.cli import options
from clibd_cli.cli.console import printable

_MARKS = {"ok": ("ok", "green"), "note": ("note", "yellow"), "problem": ("PROBLEM", "red")}


def check(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[STORE|INDEX|MODEL]...",
            help="Stores, indexes, models (names or folders) to look at instead, byte by byte.",
            show_default=False,
        ),
    ] = None,
    index: Annotated[
        Path | None,
        typer.Option(metavar="INDEX", envvar="CLIBD_INDEX", help="The index to look at."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Look at versions, device, models and index.

    Says what to do about problems. Exits with 1 where something does not work, or where a file of
    a store, an index or a model is not what clibd wrote.

    Examples:

      clibd check

      clibd check --index my-index --json

      clibd check samples.embeddings clibd-index clibd-mini
    """
    from clibd_cli.tasks.check import check as check_task

    findings = check_task(index, what or ())
    if json:
        from json import dumps

        typer.echo(dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    else:
        width = max(len(finding.what) for finding in findings)
        for finding in findings:
            word, colour = _MARKS[finding.state]
            typer.secho(f"{word:>7}  ", fg=colour, nl=False)
            typer.echo(f"{finding.what:<{width}}  {printable(finding.detail)}")
            if finding.hint and finding.state != "ok":
                typer.echo(f"{'':>7}  {'':<{width}}  {printable(finding.hint)}")
    if any(finding.state == "problem" for finding in findings):
        raise typer.Exit(1)
