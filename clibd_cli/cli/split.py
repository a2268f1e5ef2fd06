"""`clibd split`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from clibd_cli.cli import options
from clibd_cli.cli.console import LiveProgress, command_line, show_summary
from clibd_cli.core.errors import UsageError

if TYPE_CHECKING:
    from clibd_cli.tasks.split import SplitSummary
    from clibd_cli.training.census import PartCount


def split(
    tables: Annotated[
        list[str],
        typer.Argument(
            metavar="TABLE...",
            help="Tables of specimens (CSV, TSV, plain or compressed: ids, ranks, and sequences or "
            "photos), or FASTA. Several are one collection: a specimen's photo and barcode may be "
            "in different ones. `-` reads barcodes from standard input.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="Where the table goes: .csv, .tsv, .parquet or .jsonl. It can be given to other "
            "commands as --labels, which makes ids agree.",
        ),
    ],
    by: Annotated[
        Literal["barcode", "specimen"] | None,
        typer.Option(
            help="What is drawn. `barcode`: specimens with the same barcode stay together, so "
            "that no query meets itself (default where there are barcodes). `specimen`: as in "
            "the paper.",
        ),
    ] = None,
    labels: options.LabelTables = None,
    allow_inconsistent: Annotated[
        bool,
        typer.Option(
            "--allow-inconsistent",
            help="Go on where labels contradict each other, such as one genus in two families.",
        ),
    ] = False,
    min_seen: Annotated[
        int,
        typer.Option(
            min=2,
            help="Specimens (or distinct barcodes) that a species needs to be drawn among the "
            "seen ones; species with fewer are unseen, those with one train.",
        ),
    ] = 9,
    seen_species: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of those species that is seen."),
    ] = 0.8,
    specimens: Annotated[
        str,
        typer.Option(
            metavar="A,B,C,D",
            help="Weights of training, validation, test and keys within a seen species.",
        ),
    ] = "70,10,10,10",
    unseen_val: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Share of the unseen species for validation; the rest is for test."
        ),
    ] = 0.5,
    unseen_query: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Share of an unseen species' specimens that are queries; the rest are keys.",
        ),
    ] = 0.5,
    seed: options.Seed = 0,
    min_bases: options.MinBases = 10,
    strict: options.Strict = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> None:
    """Divide specimens into training, queries and keys.

    The column `split` has the names of BIOSCAN-5M: `pretrain` (no species) and `train` teach;
    `val`, `test`, `val_unseen` and `test_unseen` ask; `key_seen` and `key_unseen` are what they
    are compared with, all keys together. `seen` tells whether the species is in the training set.

    A barcode that several species share is never a query: it is a key where one of them is
    unseen, else it trains. The same seed gives the same split, whatever the order of the rows.

    Examples:

      clibd split specimens.tsv --out splits.csv

      clibd split barcodes.fasta photos.csv --labels names.csv --seed 7 --out splits.csv

      clibd split specimens.csv --by specimen --min-seen 10 --seen-species 0.9 --out splits.csv
    """
    from clibd_cli.tasks.split import split as split_task
    from clibd_cli.training.consistency import InconsistentLabelsError
    from clibd_cli.training.partition import Ratios

    ratios = Ratios(min_seen, seen_species, _weights(specimens), unseen_val, unseen_query)
    try:
        with LiveProgress(quiet) as progress:
            done = split_task(
                tables,
                out,
                by=by,
                ratios=ratios,
                seed=seed,
                labels=labels or (),
                min_bases=min_bases,
                allow_inconsistent=allow_inconsistent,
                command=command_line(),
                progress=progress,
            )
    except InconsistentLabelsError as error:
        if json:
            show_summary("", {}, quiet=True, as_json={"inconsistent": error.as_data()})
        raise
    if not quiet:
        _show_parts(done.parts, _unit_word(done))
    show_summary("split", _facts(done), quiet=quiet, as_json=asdict(done) if json else None)
    if strict and done.skipped:
        raise typer.Exit(3)


def _weights(text: str) -> tuple[float, float, float, float]:
    try:
        train, val, test, key = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(
            f"--specimens {text} is not four numbers",
            "Give the weights of training, validation, test and keys, such as 70,10,10,10.",
        ) from None
    return train, val, test, key


def _facts(done: SplitSummary) -> dict[str, object]:
    word = _unit_word(done)
    drawn = f"{done.units:,} {'distinct ' if word == 'barcodes' else ''}{word}"
    several = f", {done.shared:,} of them with several species" if done.shared else ""
    return {
        "specimens": f"{done.n:,}: {drawn}{several}",
        "species": f"{done.seen_species:,} seen, {done.unseen_species:,} unseen",
        "skipped": f"{done.skipped:,} (why: {done.skipped_out})" if done.skipped else "0",
        "seed": done.seed,
        "table": done.out,
    }


def _unit_word(done: SplitSummary) -> str:
    """What was drawn, as a column's name: photos may stand beside barcodes."""
    return "barcodes" if done.by == "barcode" and done.barcodes == done.units else "units"


def _show_parts(parts: Sequence[PartCount], unit: str) -> None:
    """The paper's figure 2 in numbers, on stderr; parts that nothing fell into are left out."""
    head = ("", "split", "specimens", unit, "species")
    lines = [head] + [
        (part.title, part.split, *(f"{n:,}" for n in (part.specimens, part.units, part.species)))
        for part in parts
        if part.specimens
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        words = [
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        typer.echo("  ".join(words).rstrip(), err=True)
