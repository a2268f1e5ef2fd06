"""The program `clibd`: its verbs, and nothing else."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from clibd_cli.cli import models
from clibd_cli.cli.audit import audit
from clibd_cli.cli.build_index import build_index
from clibd_cli.cli.check import check
from clibd_cli.cli.classify import FLAG_WORDS, classify
from clibd_cli.cli.ctrl_c import INTERRUPTED, listen
from clibd_cli.cli.demo import demo
from clibd_cli.cli.embed import embed
from clibd_cli.cli.errors import guarded
from clibd_cli.cli.evaluate import evaluate
from clibd_cli.cli.export import export
from clibd_cli.cli.report import report
from clibd_cli.cli.search import search
from clibd_cli.cli.setting_options import SectionedCommand
from clibd_cli.cli.split import split
from clibd_cli.cli.train import train
from clibd_cli.core.version import __version__

app = typer.Typer(
    name="clibd",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help starts twice as fast
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(guarded(demo))
app.add_typer(models.app, name="models")
app.command("embed")(guarded(embed))
app.command("build-index")(guarded(build_index))
app.command("classify", epilog=FLAG_WORDS)(guarded(classify))
app.command("search")(guarded(search))
app.command("report")(guarded(report))
app.command("audit")(guarded(audit))
app.command("evaluate")(guarded(evaluate))
app.command("export")(guarded(export))
app.command("split")(guarded(split))
app.command("train", cls=SectionedCommand)(guarded(train))
app.command("check")(guarded(check))


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"clibd {__version__}")
        raise typer.Exit


@app.callback()
def clibd(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    """Name specimens from photos and COI barcodes, with one model and one index.

    Start with `clibd demo`. Then: `clibd embed --dna samples.fasta`, `clibd build-index refs/`,
    `clibd classify photos/ --out results.csv`.
    """


def run() -> None:
    """Run the program with the words of the command line."""
    # Torch's threads wait for each other at every step. Awake, as is usual, they take the cores
    # from whatever else runs there, and on a busy machine that is each other: 4 times as slow.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for stream in (sys.stdout, sys.stderr):
        # A terminal of another encoding must not stop a run because of one name.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    listen()
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
