"""`clibd classify`."""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

import typer

from clibd_cli.cli import options
from clibd_cli.cli.console import LiveProgress, command_line, show_summary
from clibd_cli.core.errors import UsageError
from clibd_cli.core.flags import FLAGS

FLAG_WORDS = "\n\n".join(
    ["Words in the column `flags`:", *(f"{flag.word}: {flag.meaning}" for flag in FLAGS)]
)
"""Stands at the end of the help."""


def classify(
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="Where the names go: .csv, .tsv, .parquet or .jsonl. Inputs that could not be "
            "used are listed beside it in *.skipped.csv.",
        ),
    ],
    photos: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PHOTOS]...", help="Folders of photos, photos, or embedding stores."
        ),
    ] = None,
    dna: options.DnaFiles = None,
    text: options.TextFile = None,
    index: options.Index = None,
    method: Annotated[
        Literal["vote", "nearest"],
        typer.Option(
            help="`vote`: neighbours vote, rank by rank, and a rank that is not sure enough stays "
            "empty. `nearest`: the label of the nearest reference, as in the paper."
        ),
    ] = "vote",
    keys: options.Keys = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Neighbours that vote.")] = 10,
    target_precision: Annotated[
        float,
        typer.Option(
            help="Of the names at each rank, so many shall be right; the others are left blank. 0 "
            "leaves nothing blank.",
        ),
    ] = 0.95,
    min_share: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Where the index has too few references to be calibrated, a rank is named when "
            "its name has more of the vote than this.",
        ),
    ] = 0.5,
    align: Annotated[
        Literal["always", "partial", "never"] | None,
        typer.Option(
            help="When barcodes are compared with their nearest references base by base, and that "
            "decides among those within 3 %: `partial` where a barcode is much shorter than they "
            "are. Default: always with `vote`, partial with `nearest`.",
            show_default=False,
        ),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Draw where the encoder looked, for every photo: small pictures in "
            "*.explanations beside the results, and in the report. Each photo is read and encoded "
            "a second time, so photos take about twice as long.",
        ),
    ] = False,
    explain_flagged: Annotated[
        bool,
        typer.Option(
            "--explain-flagged", help="The same, only for photos of specimens with a flag."
        ),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the results as a page to look through, too."),
    ] = None,
    labels: options.LabelTables = None,
    min_bases: options.MinBases = 10,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    batch_size: options.BatchSize = None,
    workers: options.Workers = None,
    strict: options.Strict = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> None:
    """Name specimens by photos, barcodes, or both.

    A photo and a barcode with the same specimen id give one row. The model is the one that the
    index was made with.

    Examples:

      clibd classify photos/ --out results.csv

      clibd classify --dna samples.fasta --index my-index --out results.parquet

      clibd classify photos/ --dna samples.fasta --keys dna --out results.csv

      clibd classify photos/ --out results.csv --explain --report report.html
    """
    from clibd_cli.tasks.classify import classify as classify_task
    from clibd_cli.tasks.inputs import Inputs

    if not photos and not dna and text is None:
        raise UsageError("nothing to classify", "Name a folder of photos, or give --dna FILE.")
    folder = options.find_index(index)
    inputs = Inputs(dna or (), photos or (), text, labels or (), min_bases)
    with LiveProgress(quiet) as progress:
        done = classify_task(
            inputs,
            folder,
            out,
            method=method,
            keys=options.parse_keys(keys),
            k=k,
            target_precision=target_precision,
            min_share=min_share,
            align=align,
            explain=explain or ("flagged" if explain_flagged else False),
            report=report,
            device=device,
            precision=precision,
            batch_size=batch_size,
            workers=workers,
            processes=None,
            command=command_line(),
            progress=progress,
        )
    facts = {
        "specimens": f"{done.n:,}",
        "named": ", ".join(f"{rank} {count:,}" for rank, count in done.named.items()),
        "flags": ", ".join(f"{flag} {count:,}" for flag, count in done.flags.items()) or "none",
        "skipped": f"{done.skipped:,} (why: {done.skipped_out})" if done.skipped else "0",
        "rate": f"{done.rate:,.1f} a second, {done.seconds:.1f} s in all",
        "index": f"{done.index} ({done.model}, {done.fingerprint[:12]})",
        "results": done.out,
    }
    if done.conflicts:
        facts["conflicts"] = "; ".join(
            f"{count:,} of {total:,} in {place}"
            for place, (count, total) in islice(done.conflicts.items(), 5)
        )
    if done.explanations is not None:
        facts["explained"] = f"{done.explained:,} photos, pictures in {done.explanations}"
    if report is not None:
        facts["report"] = str(report)
    show_summary("classified", facts, quiet=quiet, as_json=asdict(done) if json else None)
    if strict and done.skipped:
        raise typer.Exit(3)
