"""`clibd embed`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from clibd_cli.cli import options
from clibd_cli.cli.console import LiveProgress, command_line, show_summary


def embed(
    dna: options.DnaFiles = None,
    photos: Annotated[
        list[str] | None,
        typer.Option(
            "--photos", metavar="DIR", help="A folder of photos, or one photo. Repeat for more."
        ),
    ] = None,
    text: options.TextFile = None,
    labels: options.LabelTables = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="STORE",
            help="Folder for the embeddings; by default NAME.embeddings in the working folder.",
        ),
    ] = None,
    model: options.Model = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Embed only the I-th of N shares, for job arrays (0/N counts as N/N); all shares "
            "of one --out are read as one store.",
        ),
    ] = None,
    min_bases: options.MinBases = 10,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    batch_size: options.BatchSize = None,
    workers: options.Workers = None,
    resume: options.Resume = True,
    strict: options.Strict = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> None:
    """Turn barcodes, photos and names into embeddings.

    The store is a folder of Parquet files.
    Running the same command again after a crash or Ctrl-C goes on from where it stopped.

    Examples:

      clibd embed --dna samples.fasta

      clibd embed --photos plates/ --labels plates.csv --out plates.embeddings

      clibd embed --dna big.fasta.gz --shard 3/16 --out big.embeddings
    """
    from clibd_cli.tasks.embed import SKIPPED
    from clibd_cli.tasks.embed import embed as embed_task
    from clibd_cli.tasks.inputs import Inputs
    from clibd_cli.tasks.windows import parse_shard

    inputs = Inputs(dna or (), photos or (), text, labels or (), min_bases)
    with LiveProgress(quiet) as progress:
        done = embed_task(
            inputs,
            out,
            model=model,
            device=device,
            precision=precision,
            batch_size=batch_size,
            workers=workers,
            overwrite=not resume,
            shard=None if shard is None else parse_shard(shard),
            command=command_line(),
            progress=progress,
        )
    facts = {
        "specimens": f"{done.n:,} ({done.resumed:,} from an earlier run)"
        if done.resumed
        else f"{done.n:,}",
        "encoded": f"{done.encoded:,} distinct",
        "skipped": f"{done.skipped:,} (why: {Path(done.store) / SKIPPED})" if done.skipped else "0",
        "rate": f"{done.rate:,.1f} a second, {done.seconds:.1f} s in all",
        "model": f"{done.model} ({done.fingerprint[:12]}) on {done.device}, {done.precision}",
        "store": done.store,
    }
    show_summary("embedded", facts, quiet=quiet, as_json=asdict(done) if json else None)
    if strict and done.skipped:
        raise typer.Exit(3)
