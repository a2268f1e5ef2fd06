"""`clibd demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clibd_cli.cli import options
from clibd_cli.cli.console import LiveProgress

if TYPE_CHECKING:
    from clibd_cli.tasks.demo import Accuracy, DemoRun, LookUp

_COLUMNS = ("specimen_id", "order", "family", "genus", "species", "confidence_species", "evidence")


def demo(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Where the demo's files go.")
    ] = Path("clibd-demo"),
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A model with towers for photos and barcodes; by default the one that ships with "
            "clibd, else clibd-demo, which is untrained.",
        ),
    ] = None,
    seed: options.Seed = 7,
    quiet: options.Quiet = False,
) -> None:
    """Run the whole job on simulated specimens, offline.

    References become an index, photos and barcodes get names. All that it makes is in DIR, to
    look at and to try commands on.

    Example:

      clibd demo
    """
    from clibd_cli.tasks.demo import demo_model, look_up_a_name, run_demo

    model = model or demo_model()
    with LiveProgress(quiet) as progress:
        lookups = look_up_a_name(progress)
    if lookups:
        _show_library(lookups)
    typer.echo(f"Simulated specimens go to {folder}/. Nothing in it is real: these animals do not")
    typer.echo("exist, so they are named by simulated references of their own.")
    typer.echo(_about(model))
    with LiveProgress(quiet) as progress:
        done = run_demo(folder, seed, model, progress)
    counts = done.index.header.counts
    typer.secho("\nreferences", bold=True)
    typer.echo(f"$ {done.command}")
    typer.echo(f"  {counts['specimens']} photos and barcodes, {counts['vectors']} of them distinct")
    for run in done.runs:
        _show(run)
    typer.echo(f"\nThe files are in {folder}/: look at results.*.csv and *.skipped.csv.")
    typer.echo(_next(with_library=bool(lookups)))


def _about(model: str) -> str:
    """What the demo's model is worth."""
    from clibd_cli.core.shipped import OWN_MODEL
    from clibd_cli.models.registry import DEMO_MODEL

    if model == DEMO_MODEL:
        return f"The model, {model}, is built on the spot and untrained: it only shows the way."
    if model == OWN_MODEL:
        return f"The model, {model}, was trained on real specimens and has never seen such animals."
    return f"The model is {model}."


def _next(with_library: bool) -> str:
    if with_library:
        return (
            "Next: `clibd classify --dna samples.fasta --out results.csv` names barcodes of your "
            "own by clibd's library."
        )
    return "Next: `clibd models add best.pth --name NAME` brings a trained model of your own."


def _show_library(lookups: list[LookUp]) -> None:
    """Which real references are nearest to a name; that photos and names meet is the point."""
    from clibd_cli.core.shipped import OWN_MODEL

    typer.secho("real references", bold=True)
    typer.echo(f"A name looked up in {OWN_MODEL}'s own library of real photos and barcodes:")
    for lookup in lookups:
        typer.echo(f"$ {lookup.command}")
        rows = [
            [
                f"{hit.similarity:.3f}",
                hit.modality,
                hit.lineage.family or "",
                hit.lineage.species or hit.bin_uri or "",
                hit.specimen_id,
            ]
            for hit in lookup.hits
        ]
        _table(("similarity", "key", "family", "species or BIN", "specimen"), rows)
    typer.echo()


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
