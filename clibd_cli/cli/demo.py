"""`clibd demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clibd_cli.cli import options
from clibd_cli.cli.console import LiveProgress

if TYPE_CHECKING:
    from clibd_cli.tasks.demo import Accuracy, DemoRun

_COLUMNS = ("specimen_id", "order", "family", "genus", "species", "confidence_species", "evidence")


def demo(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Where the demo's files go.")
    ] = Path("clibd-demo"),
    seed: options.Seed = 7,
    quiet: options.Quiet = False,
) -> None:
    """Run the whole job on simulated specimens, offline.

    References become an index, photos and barcodes get names. All that it makes is in DIR, to
    look at and to try commands on.

    Example:

      clibd demo
    """
    from clibd_cli.tasks.demo import run_demo

    typer.echo(f"Simulated specimens go to {folder}/ (nothing in it is real).")
    typer.echo("The model, clibd-demo, is built on the spot and untrained: it only shows the way.")
    with LiveProgress(quiet) as progress:
        done = run_demo(folder, seed, progress)
    counts = done.index.header.counts
    typer.secho("\nreferences", bold=True)
    typer.echo(f"$ {done.command}")
    typer.echo(f"  {counts['specimens']} photos and barcodes, {counts['vectors']} of them distinct")
    for run in done.runs:
        _show(run)
    typer.echo(f"\nThe files are in {folder}/: look at results.*.csv and *.skipped.csv.")
    typer.echo("Next: `clibd models add best.pth --name NAME` brings a trained model of your own.")


def _show(run: DemoRun) -> None:
    typer.secho(f"\n{run.title}", bold=True)
    typer.echo(f"$ {run.command}")
    _table(_COLUMNS, [[row[name] for name in _COLUMNS] for row in run.first_rows])
    typer.echo(f"… {run.summary.n} rows, {run.summary.skipped} skipped")
    groups = {"whose species is in the references": run.seen, "whose species is new": run.unseen}
    header = ("specimens", *(group.rank for group in run.seen))
    rows = [[f"{group[0].specimens} {name}", *map(_share, group)] for name, group in groups.items()]
    _table(header, rows)


def _share(accuracy: Accuracy) -> str:
    return f"{accuracy.right} right of {accuracy.named} named"


def _table(header: tuple[str, ...], rows: list[list[str]]) -> None:
    cells = [list(header), *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    for row in cells:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo(f"  {line.rstrip()}")
