"""`clibd export`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from clibd_cli.cli import options
from clibd_cli.cli.console import LiveProgress, command_line, show_summary
from clibd_cli.core.errors import UsageError

_DARWIN_CORE = "Darwin Core"
_HIGHER = "Ranks above the order, for all specimens"


def export(
    results: Annotated[
        Path,
        typer.Argument(
            metavar="RESULTS", help="What `clibd classify --out` wrote, in any of its formats."
        ),
    ],
    format: Annotated[
        Literal["darwin-core", "darwin-core-archive", "qiime2", "biom"],
        typer.Option(
            help="`darwin-core`: one table for GBIF. `darwin-core-archive`: a zip, with the "
            "history of identifications and the barcodes as extensions. `qiime2`: a table to "
            "import as FeatureData[Taxonomy]. `biom`: observation metadata for `biom add-metadata`."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where it goes: .txt, .tsv or .csv; an archive is .zip. By default beside "
            "RESULTS, and named after it.",
        ),
    ] = None,
    dna: Annotated[
        list[str] | None,
        typer.Option(
            "--dna",
            metavar="FILE",
            help="The barcodes that were classified, to go along. Repeat for more files, in the "
            "same order as then.",
            rich_help_panel=_DARWIN_CORE,
        ),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--labels",
            metavar="TABLE",
            help="The tables that gave these barcodes their ids, if any.",
            rich_help_panel=_DARWIN_CORE,
        ),
    ] = None,
    identified_by: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Who stands for the names; by default clibd's version and model.",
            rich_help_panel=_DARWIN_CORE,
        ),
    ] = None,
    basis_of_record: Annotated[
        str | None,
        typer.Option(
            metavar="TERM",
            help="Such as PreservedSpecimen, where the specimens are kept; by default "
            "MaterialSample with a barcode, MachineObservation with a photo alone.",
            rich_help_panel=_DARWIN_CORE,
        ),
    ] = None,
    id_prefix: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            help="Put before each specimen id to make an occurrenceID that is unique in the "
            "world, such as urn:catalog:OURLAB:2026:",
            rich_help_panel=_DARWIN_CORE,
        ),
    ] = "",
    title: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Of an archive.", rich_help_panel=_DARWIN_CORE),
    ] = None,
    kingdom: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Darwin Core has Animalia by default.", rich_help_panel=_HIGHER
        ),
    ] = None,
    phylum: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Such as Arthropoda.", rich_help_panel=_HIGHER),
    ] = None,
    class_: Annotated[
        str | None,
        typer.Option("--class", metavar="NAME", help="Such as Insecta.", rich_help_panel=_HIGHER),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file of that name.")
    ] = False,
    strict: options.Strict = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> None:
    """Write results for GBIF, QIIME 2 or BIOM.

    Who named the specimens, when and how comes from the run log beside RESULTS. What the results
    do not say (places, dates of collection, a phylum) stays empty.

    Examples:

      clibd export results.csv --format darwin-core --phylum Arthropoda

      clibd export results.parquet --format darwin-core-archive --dna samples.fasta

      clibd export results.csv --format qiime2 --out taxonomy.tsv
    """
    from clibd_cli.tasks.export import export as export_task

    words = {
        "--dna": dna,
        "--labels": labels,
        "--identified-by": identified_by,
        "--basis-of-record": basis_of_record,
        "--id-prefix": id_prefix,
    }
    _refuse_idle(format, {} if format.startswith("darwin-core") else words)
    _refuse_idle(format, {} if format == "darwin-core-archive" else {"--title": title})
    _refuse_idle("no barcodes (--dna)", {} if dna else {"--labels": labels})
    higher = {"kingdom": kingdom, "phylum": phylum, "class": class_}
    with LiveProgress(quiet) as progress:
        done = export_task(
            results,
            out,
            format=format,
            dna=dna or (),
            labels=labels or (),
            identified_by=identified_by,
            basis_of_record=basis_of_record,
            higher={rank: name for rank, name in higher.items() if name is not None},
            id_prefix=id_prefix,
            title=title,
            overwrite=overwrite,
            command=command_line(),
            progress=progress,
        )
    facts: dict[str, object] = {
        "specimens": f"{done.n:,}",
        "named": ", ".join(f"{rank} {count:,}" for rank, count in done.named.items()),
        "skipped": f"{done.skipped:,} (why: {done.skipped_out})" if done.skipped else "0",
    }
    if dna:
        facts["barcodes"] = f"{done.barcodes:,}"
    facts[done.format] = done.out
    show_summary("exported", facts, quiet=quiet, as_json=asdict(done) if json else None)
    if strict and done.skipped:
        raise typer.Exit(3)


def _refuse_idle(why: str, options: Mapping[str, object]) -> None:
    """Refuse options that would do nothing: the user expects something of them."""
    for name, value in options.items():
        if value:
            raise UsageError(f"{name} means nothing for {why}", "Leave it out.")
