"""`clibd search`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import typer

from clibd_cli.cli import options
from clibd_cli.cli.console import LiveProgress, command_line, printable, show_summary
from clibd_cli.core.errors import UsageError
from clibd_cli.core.lineage import RANKS
from clibd_cli.core.records import Modality, Skip

if TYPE_CHECKING:
    from clibd_cli.tasks.finding import Found


def search(
    photos: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PHOTOS]...", help="Folders of photos, photos, or embedding stores."
        ),
    ] = None,
    dna: options.DnaFiles = None,
    text: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help='Taxonomic names, such as "Order family genus species", or a file.',
        ),
    ] = None,
    index: options.Index = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Nearest references to show.")] = 10,
    keys: options.Keys = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a table (.csv, .tsv, .parquet, .jsonl) instead."),
    ] = None,
    labels: options.LabelTables = None,
    min_bases: options.MinBases = 10,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    batch_size: options.BatchSize = None,
    workers: options.Workers = None,
    strict: options.Strict = False,
    quiet: options.Quiet = False,
    json: Annotated[
        bool, typer.Option("--json", help="JSON on standard output, a line for each reference.")
    ] = False,
) -> None:
    """Show the nearest references of photos, barcodes or names.

    Examples:

      clibd search photo.jpg -k 5

      clibd search --dna samples.fasta --keys image --out hits.csv

      clibd search --text "Lepidoptera Noctuidae Xestia Xestia c-nigrum"
    """
    from clibd_cli.tasks.inputs import Inputs
    from clibd_cli.tasks.search import search as search_task
    from clibd_cli.tasks.search import write_hits

    if not photos and not dna and text is None:
        raise UsageError(
            "nothing to search for", "Name photos, or give --dna FILE or --text NAMES."
        )
    folder = options.find_index(index)
    inputs = Inputs(dna or (), photos or (), text, labels or (), min_bases)
    skipped: list[Skip] = []
    with LiveProgress(quiet) as progress:
        wanted: _Wanted = {
            "keys": options.parse_keys(keys),
            "k": k,
            "device": device,
            "precision": precision,
            "batch_size": batch_size,
            "workers": workers,
            "progress": progress,
        }
        if out is None:
            _print(_rows(search_task(inputs, folder, **wanted), skipped, progress), json)
        else:
            done = write_hits(inputs, out, folder, command=command_line(), **wanted)
    if out is not None:
        facts = {"hits": f"{done.hits:,}", "skipped": f"{done.skipped:,}", "table": out}
        show_summary("searched", facts, quiet=quiet, as_json=None)
    if strict and (skipped or (out is not None and done.skipped)):
        raise typer.Exit(3)


class _Wanted(TypedDict):
    """The words that both ways of searching take."""

    keys: tuple[Modality, ...] | None
    k: int
    device: str
    precision: str
    batch_size: int | None
    workers: int | None
    progress: LiveProgress


def _rows(
    found: Iterable[Found | Skip], skipped: list[Skip], progress: LiveProgress
) -> Iterator[dict[str, Any]]:
    """A row for each hit; skips are told, and put into `skipped`."""
    from clibd_cli.io.results import hit_rows

    for query in found:
        if isinstance(query, Skip):
            skipped.append(query)
            progress.warn(f"skipped {query}")
        else:
            yield from hit_rows(query.specimen, query.hits)


def _print(rows: Iterator[dict[str, Any]], json: bool) -> None:
    """Lines for people on a terminal; CSV or JSON lines for programs."""
    if json:
        from json import dumps

        for row in rows:
            typer.echo(dumps(row, ensure_ascii=False))
    elif sys.stdout.isatty():
        for row in rows:
            _print_hit(row)
    else:
        from clibd_cli.io.results import HIT_COLUMNS, delimited_rows

        table = delimited_rows(sys.stdout, HIT_COLUMNS)
        for row in rows:
            table.write(row)


def _print_hit(row: dict[str, Any]) -> None:
    """A line for people; the first hit of a query has the query above it."""
    if row["position"] == 1:
        typer.secho(f"{printable(row['query_id'])} ({row['query_modality']})", bold=True)
    name = next((row[rank] for rank in reversed(RANKS) if row[rank]), "without a name")
    others = f" and {row['n_specimens'] - 1} more" if row["n_specimens"] > 1 else ""
    key = printable(f"{row['key_modality']} {row['key_id']}{others}")
    typer.echo(f"{row['position']:>4}  {row['similarity']:.4f}  {printable(name):<32}  {key}")
