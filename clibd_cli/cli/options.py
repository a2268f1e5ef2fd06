"""The options that several verbs share, declared once, with one meaning everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from clibd_cli.core.errors import UsageError
from clibd_cli.core.records import MODALITIES, Modality

DnaFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--dna",
        metavar="FILE",
        help="Barcodes: FASTA (plain, gzip, zstd) or a table with a sequence column; "
        "`-` reads standard input. Repeat for more files.",
    ),
]
TextFile = Annotated[
    str | None,
    typer.Option(
        "--text",
        metavar="FILE",
        help="Taxonomic names, one a line (order family genus species), or a table with ranks.",
    ),
]
LabelTables = Annotated[
    list[str] | None,
    typer.Option(
        "--labels",
        metavar="TABLE",
        help="CSV or TSV with an id column (specimen_id, processid, sampleid, file, …) and "
        "order, family, genus, species. Repeat for more tables.",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        envvar="CLIBD_MODEL",
        help="An installed model (`clibd models list`) or a model folder; "
        "by default the one added or pulled last, else clibd's own.",
    ),
]
Device = Annotated[
    Literal["auto", "cpu", "cuda", "mps"],
    typer.Option(help="Where the encoder runs."),
]
Precision = Annotated[
    Literal["auto", "fp32", "bf16", "fp16"],
    typer.Option(help="Number format of the encoder."),
]
BatchSize = Annotated[
    int | None,
    typer.Option(min=1, help="Items encoded together; by default what suits the device."),
]
Workers = Annotated[
    int | None,
    typer.Option(min=0, help="Threads that read and decode photos ahead; by default one a core."),
]
Seed = Annotated[int, typer.Option(help="Same seed, same result.")]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume/--overwrite", help="Go on from what an earlier run left, or make everything anew."
    ),
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="No progress and no summary, only warnings."),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="A machine-readable summary on standard output."),
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Exit with 3 where any input was skipped."),
]
Index = Annotated[
    Path | None,
    typer.Option(
        metavar="INDEX",
        help="The index to search; by default that in $CLIBD_INDEX, else ./clibd-index, else the "
        "library that ships with clibd.",
    ),
]
Keys = Annotated[
    str | None,
    typer.Option(
        metavar="KINDS",
        help="Kinds of references to compare with, such as `dna` or `image,dna`; "
        "by default all that the index has.",
    ),
]
MinBases = Annotated[
    int, typer.Option(min=1, help="Barcodes with fewer A, C, G and T are skipped.")
]


def parse_keys(text: str | None) -> tuple[Modality, ...] | None:
    """Read `image,dna`; None stays None."""
    if text is None:
        return None
    names = [part.strip() for part in text.split(",")]
    unknown = [name for name in names if name not in MODALITIES]
    if unknown:
        raise UsageError(
            f"--keys {text}: {unknown[0]!r} is unknown", f"Choose from {', '.join(MODALITIES)}."
        )
    return tuple(modality for modality in MODALITIES if modality in names)


def find_index(given: Path | None) -> Path:
    """The index to use: as given, else the one that `choose_index` finds, named on stderr.

    Raises:
        ClibdError: where there is none.
    """
    from clibd_cli.tasks.library import choose_index

    chosen = choose_index(given)
    if chosen.told:
        typer.echo(chosen.told, err=True)
    return chosen.folder


def parse_representatives(text: str | None) -> int | dict[Modality, int] | None:
    """Read `2`, or `image=5,dna=1`; None stays None."""
    if text is None or text.strip().isdigit():
        return None if text is None else int(text)
    found: dict[Modality, int] = {}
    for part in text.split(","):
        name, _, number = (word.strip() for word in part.partition("="))
        modality = next((modality for modality in MODALITIES if modality == name), None)
        if modality is None or not number.isdigit():
            raise UsageError(
                f"--representatives {text}: {part.strip()!r} cannot be read",
                "Write a number, or one for each kind: image=5,dna=1.",
            )
        found[modality] = int(number)
    return found
