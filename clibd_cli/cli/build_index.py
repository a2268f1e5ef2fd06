"""`clibd build-index`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from clibd_cli.cli import options
from clibd_cli.cli.console import LiveProgress, command_line, show_summary
from clibd_cli.core.errors import UsageError

_QUERIES = {"image": "photos", "dna": "barcodes", "text": "words"}
_LEARNT_FROM = {
    "references": "these references",
    "held out": "the specimens of --calibrate-with",
    "model": "photos that its makers kept back, since the model was trained on most of these",
}


def build_index(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Embedding stores, folders that hold stores, and folders or files of raw "
            "references (photos, FASTA, tables).",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="INDEX", help="Folder for the index; by default ./clibd-index."),
    ] = None,
    add: Annotated[
        bool, typer.Option("--add", help="Keep the references of the index, and add these.")
    ] = False,
    exact: Annotated[bool, typer.Option("--exact", help="Compare with every reference.")] = False,
    hnsw: Annotated[
        bool,
        typer.Option("--hnsw", help="Approximate search, also for few references."),
    ] = False,
    labels: options.LabelTables = None,
    calibrate_with: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STORE",
            help="Embeddings of labelled specimens that are no references, and that the model was "
            "not trained on: they tell how likely names are right. By default the references are "
            "asked as if they were unknown.",
        ),
    ] = None,
    model: options.Model = None,
    m: Annotated[int, typer.Option("--m", min=2, help="Links a node.")] = 24,
    ef_construction: Annotated[
        int, typer.Option(min=8, help="Width of the search while building.")
    ] = 200,
    ef: Annotated[
        int,
        typer.Option(
            min=1, help="Width of the search to start from; raised until recall@1 is 0.999."
        ),
    ] = 64,
    threads: Annotated[
        int,
        typer.Option(
            min=1, help="Threads that link; with more than one the bytes differ from run to run."
        ),
    ] = 1,
    representatives: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="A library to give away: keep the N references at most that stand best for each "
            "species in each BIN, and neither barcodes nor paths. Or by kind: image=5,dna=1.",
        ),
    ] = None,
    vectors: Annotated[
        Literal["float32", "float16"] | None,
        typer.Option(help="Number format on the disk; by default that of the embeddings."),
    ] = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    batch_size: options.BatchSize = None,
    workers: options.Workers = None,
    seed: options.Seed = 0,
    resume: options.Resume = True,
    strict: options.Strict = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> None:
    """Build the index that classify and search use.

    Up to 100,000 distinct references of a kind are searched exactly, more with HNSW.

    Examples:

      clibd build-index refs/

      clibd build-index refs.embeddings more.embeddings --out my-index

      clibd build-index new.fasta --add --out my-index

      clibd build-index refs/ --representatives 1 --vectors float16 --out my-library
    """
    from clibd_cli.tasks.references import build_index as build_task

    if exact and hnsw:
        raise UsageError("--exact and --hnsw exclude each other", "Choose one.")
    with LiveProgress(quiet) as progress:
        done = build_task(
            sources,
            out,
            kind="exact" if exact else "hnsw" if hnsw else "auto",
            m=m,
            ef_construction=ef_construction,
            ef=ef,
            seed=seed,
            threads=threads,
            vectors=vectors,
            representatives=options.parse_representatives(representatives),
            add=add,
            overwrite=not resume,
            labels=labels or (),
            calibrate_with=calibrate_with or (),
            model=model,
            device=device,
            precision=precision,
            batch_size=batch_size,
            workers=workers,
            command=command_line(),
            progress=progress,
        )
    header = done.header
    facts: dict[str, object] = {}
    for modality, keys in header.keys.items():
        how = "exact" if keys.ef is None else f"HNSW, ef {keys.ef}, recall@1 {keys.recall_at_1:.4f}"
        facts[f"{modality} keys"] = (
            f"{keys.vectors:,} distinct of {keys.specimens:,} specimens ({how})"
        )
    if done.repeated:
        facts["repeated"] = f"{done.repeated:,} references were there already"
    skipped = sum(store.skipped for store in done.embedded)
    if skipped:
        facts["skipped"] = f"{skipped:,} (why: {done.embedded[0].store}/_skipped.csv)"
    if header.representatives is not None:
        facts["chosen from"] = (
            f"{header.represented:,} specimens; of each species and BIN at most "
            + " and ".join(f"{n} {modality}" for modality, n in header.representatives.items())
        )
    labelled = header.counts["labelled"]
    facts["labelled"] = f"{labelled:,} of {header.counts['specimens']:,} references have a name"
    facts["calibrated"] = (
        "; ".join(
            f"{_QUERIES[query]} with {_LEARNT_FROM[learnt]}"
            for query, learnt in done.calibrated.items()
        )
        or "no, so the confidence of names will be the share of the vote"
    )
    if done.embedded:
        facts["embedded"] = ", ".join(f"{store.n:,} in {store.store}" for store in done.embedded)
    facts["model"] = f"{header.model} ({header.model_fingerprint[:12]})"
    facts["index"] = done.index
    show_summary("indexed", facts, quiet=quiet, as_json=asdict(done) if json else None)
    if strict and skipped:
        raise typer.Exit(3)
