"""`clibd evaluate`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from clibd_cli.cli import options
from clibd_cli.cli.console import LiveProgress, command_line, printable, show_summary
from clibd_cli.core.errors import UsageError

if TYPE_CHECKING:
    from clibd_cli.tasks.evaluation import Evaluation

_TABLES = "From two tables"
_STORES = "From embeddings"
_INPUTS = "From photos and barcodes"
_REPORT = "What comes out"

_SHOWN_WHOLE = 2
"""Comparisons; of more, the terminal shows top-1 alone, and --out or --json has the rest."""

_WORDS = {
    "without_prediction": "specimens without a prediction count as wrong",
    "without_truth": "predictions of specimens without truth are left out",
    "unreadable": "lines cannot be read or have no id",
    "not_in_split": "specimens are not in the split and are left out",
    "not_queries": "specimens are no queries of this part of the split and are left out",
    "neither_seen_nor_unseen": "queries are neither seen nor unseen",
    "repeated": "further vectors of a specimen and modality are left out",
}


def evaluate(
    predictions: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE",
            help="Names to measure: specimen_id, order, family, genus, species, as `clibd "
            "classify` writes them. Further candidates: columns species_2 …, or rows with "
            "`position`, as `clibd search` writes them.",
            rich_help_panel=_TABLES,
        ),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE", help="True names, the same columns.", rich_help_panel=_TABLES
        ),
    ] = None,
    queries: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="STORE",
            help="Embeddings of labelled specimens that ask. Repeat for more.",
            rich_help_panel=_STORES,
        ),
    ] = None,
    keys: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="STORE",
            help="Embeddings of those that are asked; by default the same stores. A specimen "
            "never finds itself.",
            rich_help_panel=_STORES,
        ),
    ] = None,
    photos: Annotated[
        list[str] | None,
        typer.Option(
            "--photos", metavar="DIR", help="Photos to embed first.", rich_help_panel=_INPUTS
        ),
    ] = None,
    dna: options.DnaFiles = None,
    text: options.TextFile = None,
    labels: options.LabelTables = None,
    split: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE",
            help="Who asks and who is asked, from `clibd split`; seen and unseen species are "
            "measured apart, with their harmonic mean.",
        ),
    ] = None,
    part: Annotated[
        Literal["test", "val", "all"] | None,
        typer.Option(help="Queries of the split; by default test, else val."),
    ] = None,
    query_feature: Annotated[
        str | None,
        typer.Option(
            metavar="FEATURES",
            help="image, dna, text, mean (of image and dna), concat; by default all that exist.",
        ),
    ] = None,
    key_feature: Annotated[
        str | None,
        typer.Option(
            metavar="FEATURES",
            help="The same, and all (image, dna and text keys together).",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the scores: .csv, .tsv or .md.",
            rich_help_panel=_REPORT,
        ),
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Draw accuracy by number of keys, confusions and a map, as PNG and SVG.",
            rich_help_panel=_REPORT,
        ),
    ] = None,
    confusion_rank: Annotated[
        Literal["order", "family", "genus", "species"],
        typer.Option(help="Of the plot of confusions.", rich_help_panel=_REPORT),
    ] = "family",
    min_bases: options.MinBases = 10,
    model: options.Model = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    batch_size: options.BatchSize = None,
    workers: options.Workers = None,
    resume: options.Resume = True,
    quiet: options.Quiet = False,
    json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="JSON instead of a table on standard output; several comparisons are a list.",
        ),
    ] = False,
) -> None:
    """Measure names or a model by the paper's protocol.

    Top-1, top-3 and top-5 accuracy at order, family, genus and species: micro over specimens,
    macro over the true classes. A blank name is wrong; a specimen without a true name at a rank
    does not count there.

    Examples:

      clibd evaluate --predictions results.csv --truth labels.csv

      clibd evaluate --queries all.embeddings --split splits.csv --plots plots/

      clibd evaluate --photos photos/ --labels splits.csv --split splits.csv --out metrics.md
    """
    from clibd_cli.tasks.evaluate import evaluate_inputs, evaluate_stores, evaluate_tables
    from clibd_cli.tasks.evaluation_plots import check_plots, draw_plots
    from clibd_cli.tasks.evaluation_rows import check_scores_path, log_scores, write_scores
    from clibd_cli.tasks.inputs import Inputs
    from clibd_cli.tasks.runlog import input_facts

    inputs = Inputs(dna or (), photos or (), text, labels or (), min_bases)
    way = _one_way(bool(predictions or truth), bool(queries or keys), bool(inputs.modalities))
    features = (_features(query_feature), _features(key_feature))
    _refuse_idle(way, {"--labels": labels}, ("tables", "stores"))
    _refuse_idle(way, {"--query-feature": features[0], "--key-feature": features[1]}, ("tables",))
    if part is not None and split is None:
        raise UsageError("--part needs --split", "Give the table that `clibd split` wrote.")
    if out is not None:
        check_scores_path(out)
    if plots is not None:
        check_plots(confusion_rank)
    started = time.monotonic()
    with LiveProgress(quiet) as progress:
        if way == "tables":
            if predictions is None or truth is None:
                raise UsageError("--predictions and --truth go together", "Give both.")
            done = evaluate_tables(predictions, truth, split=split, part=part)
        elif way == "stores":
            if queries is None:
                raise UsageError("--keys goes with --queries", "Give the stores that ask.")
            done = evaluate_stores(
                queries, keys, *features, split=split, part=part, progress=progress
            )
        else:
            done = evaluate_inputs(
                inputs,
                *features,
                split=split,
                part=part,
                model=model,
                device=device,
                precision=precision,
                batch_size=batch_size,
                workers=workers,
                overwrite=not resume,
                command=command_line(),
                progress=progress,
            )
        for name, count in done.counts.items():
            progress.warn(f"{count:,} {_WORDS[name]}")
        facts: dict[str, object] = {k: v for k, v in done.facts.items() if k != "fingerprint"}
        if out is not None:
            write_scores(done, out)
            facts["scores"] = out
        if plots is not None:
            facts["plots"] = f"{len(draw_plots(done, plots, confusion_rank))} files in {plots}"
        asked = {"part": part, "query_features": features[0], "key_features": features[1]}
        computed = {"device": device, "precision": precision}
        used = {**input_facts(inputs), **computed} if way == "inputs" else {}
        took = {"seconds": time.monotonic() - started}
        log_scores(done, out, plots, command_line(), {**asked, **used, **took})
    _print(done, json)
    show_summary("evaluated", facts, quiet=quiet, as_json=None)


def _one_way(tables: bool, stores: bool, inputs: bool) -> str:
    """Which of the three ways in was taken.

    Raises:
        UsageError: where it is none or more than one.
    """
    taken = [
        name
        for name, given in (("tables", tables), ("stores", stores), ("inputs", inputs))
        if given
    ]
    if len(taken) != 1:
        raise UsageError(
            "nothing to evaluate" if not taken else f"{' and '.join(taken)} exclude each other",
            "Give --predictions and --truth, or --queries and --keys, or --photos and --dna.",
        )
    return taken[0]


def _refuse_idle(way: str, options: Mapping[str, object], ways: tuple[str, ...]) -> None:
    """Refuse options that would do nothing: the user expects something of them."""
    for name, value in options.items():
        if value and way in ways:
            raise UsageError(f"{name} means nothing for {way}", "Leave it out.")


def _features(text: str | None) -> list[str] | None:
    """Read `image,dna`; None stays None."""
    return None if text is None else [part.strip() for part in text.split(",")]


def _print(done: Evaluation, json: bool) -> None:
    """The scores on standard output: JSON, or a table in per cent."""
    from clibd_cli.tasks.evaluation_rows import score_lines, short_score_lines

    if json:
        from json import dumps

        typer.echo(dumps(done.to_json(), ensure_ascii=False))
        return
    short = len(done.comparisons) > _SHOWN_WHOLE
    for line in short_score_lines(done) if short else score_lines(done):
        typer.echo(printable(line))
