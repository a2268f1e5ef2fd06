"""`clibd audit`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from clibd_cli.cli import options
from clibd_cli.cli.console import LiveProgress, command_line, printable, show_summary


def audit(
    references: Annotated[
        list[str],
        typer.Argument(
            metavar="REFS...",
            help="What build-index takes (embedding stores, folders or files of raw references), "
            "or an index.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="The table: .csv, .tsv, .parquet or .jsonl."),
    ] = Path("audit.csv"),
    top: Annotated[
        int, typer.Option(min=0, metavar="N", help="How many of the worst findings to show.")
    ] = 20,
    labels: options.LabelTables = None,
    model: options.Model = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    batch_size: options.BatchSize = None,
    workers: options.Workers = None,
    resume: options.Resume = True,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> None:
    """Look through references for wrong labels, duplicates and bad records.

    The table has one row a finding, the worst first: whose label its nearest references
    contradict, which photo stands under two names, which BIN holds several species, and so on.
    Nothing is changed.

    Examples:

      clibd audit refs/

      clibd audit refs.embeddings --out audit.parquet --top 50

      clibd audit my-index --json
    """
    from clibd_cli.tasks.audit import audit as audit_task

    with LiveProgress(quiet) as progress:
        done = audit_task(
            references,
            out,
            labels=labels or (),
            model=model,
            top=top,
            device=device,
            precision=precision,
            batch_size=batch_size,
            workers=workers,
            overwrite=not resume,
            command=command_line(),
            progress=progress,
        )
    if not json and not quiet and done.top:
        _show(done.top)
    facts: dict[str, object] = {
        "references": ", ".join(f"{n:,} {modality}" for modality, n in done.references.items()),
        **{kind: f"{n:,}" for kind, n in done.kinds.items() if n},
        "findings": f"{done.findings:,} in {done.out}",
    }
    show_summary("audited", facts, quiet=quiet, as_json=asdict(done) if json else None)


def _show(rows: Sequence[Mapping[str, Any]]) -> None:
    """The worst findings, as wide as the terminal, on standard output."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("severity", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    table.add_column("specimens", overflow="fold", ratio=2)
    table.add_column("why", overflow="fold", ratio=5)
    for row in rows:
        words = [f"{row['severity']:.2f}", row["kind"], _specimens(row), _why(row)]
        # As Text, since ids and names may hold what rich would take for markup.
        table.add_row(*(Text(printable(word)) for word in words))
    Console().print(table)


def _specimens(row: Mapping[str, Any]) -> str:
    others = int(row["n_specimens"]) - 1
    return str(row["specimen_ids"]).split(";")[0] + (f" and {others:,} more" if others else "")


def _why(row: Mapping[str, Any]) -> str:
    """The reason, and what the label is and might be."""
    if not row["suggested_lineage"]:
        return str(row["reason"])
    return f"{row['reason']}. {row['current_lineage']} -> {row['suggested_lineage']}"
