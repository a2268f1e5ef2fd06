"""`clibd split`: the paper's partition of a collection, as a table."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.lineage import RANKS
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.core.records import Skip
from clibd_cli.io.sequences import MIN_BASES
from clibd_cli.tasks.runlog import run_log_path, write_run_log
from clibd_cli.training.census import PartCount, count_parts, trained_species
from clibd_cli.training.consistency import (
    Contradiction,
    InconsistentLabelsError,
    find_contradictions,
    in_a_line,
)
from clibd_cli.training.partition import Part, Ratios, draw_partition

if TYPE_CHECKING:
    from clibd_cli.training.tables import Source
    from clibd_cli.training.units import Collection, Units

SPLIT_COLUMNS = ("specimen_id", "split", "seen", *RANKS, "bin_uri", "file")
"""`seen` is `true` where the specimen's species trains, `false` where not, else empty; `file` is
its photo as the table has it. The table can be given as `--labels`."""

CONTRADICTION_COLUMNS = ("rank", "name", "parent_rank", "parent", "n_specimens", "example")

UnitKind = Literal["barcode", "specimen"]
UNIT_KINDS: tuple[UnitKind, ...] = get_args(UnitKind)


@dataclass(frozen=True, slots=True)
class SplitSummary:
    """What a `split` did.

    Attributes:
        out, skipped_out: the files written.
        by: what was drawn: `barcode` or `specimen`.
        units, barcodes: how many were drawn, and how many of them have a barcode.
        shared: units whose specimens bear several species; they are never queries.
        seen_species, unseen_species: species in the training set, and the others.
        parts: in the order of the figure, those without specimens included.
        inconsistent: contradictions among the labels, with `allow_inconsistent`.
    """

    out: str
    skipped_out: str
    by: UnitKind
    seed: int
    ratios: Ratios
    n: int
    skipped: int
    units: int
    barcodes: int
    shared: int
    seen_species: int
    unseen_species: int
    parts: list[PartCount]
    inconsistent: list[Contradiction]
    seconds: float


def split(
    tables: Sequence[str | Path],
    out: str | Path,
    *,
    by: UnitKind | None = None,
    ratios: Ratios | None = None,
    seed: int = 0,
    labels: Sequence[str | Path] = (),
    min_bases: int = MIN_BASES,
    allow_inconsistent: bool = False,
    command: str = "",
    progress: Progress = SILENT,
) -> SplitSummary:
    """Divide the specimens of `tables`, all of them as one collection, and write who goes where.

    Args:
        tables: FASTA files and tables (see `training.tables`); a specimen's photo and barcode may
            be in different ones. `-` is the standard input.
        out: `.csv`, `.tsv`, `.parquet` or `.jsonl`, with `SPLIT_COLUMNS`, in input order; what
            cannot be used goes to `*.skipped.csv` beside it, contradictions among the labels to
            `*.inconsistent.csv`.
        by: what is drawn (see `training.partition`); by default barcodes where there are any.
        labels: tables whose names replace those in `tables`.

    Raises:
        InconsistentLabelsError: where labels contradict each other, without `allow_inconsistent`.
        ClibdError: where an input cannot be used, or no specimen has a species.
    """
    from clibd_cli.io.results import SkipWriter, open_results, skipped_path
    from clibd_cli.training.tables import look_at

    started = time.monotonic()
    table, ratios = Path(out), ratios or Ratios()
    sources = look_at([str(name) for name in tables])
    _spare_inputs(table, [*tables, *labels])
    by = _choose_unit(by, sources)
    with open_results(table, SPLIT_COLUMNS) as rows, SkipWriter(skipped_path(table)) as skips:
        collection = _read(sources, by, labels, min_bases, skips.write, progress)
        contradictions = find_contradictions(collection.labelled())
        _list_contradictions(table, contradictions, allow_inconsistent, progress)
        units = collection.units()
        parts = draw_partition(units.names, units.species, units.barcoded, ratios, seed)
        seen = trained_species(collection, units, parts)
        for row in _rows(collection, units, parts, seen):
            rows.write(row)
        skipped = skips.count
    species = {lineage.species for _, lineage in collection.labelled() if lineage.species}
    done = SplitSummary(
        out=str(out),
        skipped_out=str(skipped_path(table)),
        by=by,
        seed=seed,
        ratios=ratios,
        n=len(collection),
        skipped=skipped,
        units=len(units.names),
        barcodes=sum(units.barcoded),
        shared=sum(len(names) > 1 for names in units.species),
        seen_species=len(seen),
        unseen_species=len(species - seen),
        parts=count_parts(collection, units, parts),
        inconsistent=contradictions,
        seconds=time.monotonic() - started,
    )
    _warn_of_empty_parts(done, progress)
    facts = {**asdict(done), "inconsistent": len(contradictions)}
    inputs = {"tables": list(map(str, tables)), "labels": list(map(str, labels))}
    write_run_log(run_log_path(table), command, {**inputs, "min_bases": min_bases, **facts})
    return done


def contradictions_path(table: Path) -> Path:
    """`splits.inconsistent.csv` for `splits.csv`."""
    return table.with_name(f"{table.stem}.inconsistent.csv")


def _spare_inputs(out: Path, inputs: Sequence[str | Path]) -> None:
    for name in inputs:
        if str(name) != "-" and out.exists() and out.samefile(name):
            raise UsageError(f"--out {out} is one of the inputs", "Choose another name for it.")


def _choose_unit(by: UnitKind | None, sources: Sequence[Source]) -> UnitKind:
    barcodes = any(source.barcodes for source in sources)
    if by is None:
        return "barcode" if barcodes else "specimen"
    if by not in UNIT_KINDS:
        raise UsageError(f"--by {by} is unknown", f"Choose one of {', '.join(UNIT_KINDS)}.")
    if by == "barcode" and not barcodes:
        raise UsageError(
            "--by barcode: no input has barcodes (a sequence column, or FASTA)",
            "Give the barcodes as well, or take --by specimen.",
        )
    return by


def _read(
    sources: Sequence[Source],
    by: UnitKind,
    label_tables: Sequence[str | Path],
    min_bases: int,
    skip: Callable[[Skip], None],
    progress: Progress,
) -> Collection:
    from clibd_cli.io.labels import read_labels
    from clibd_cli.io.names import shorten
    from clibd_cli.training.tables import read_into
    from clibd_cli.training.units import Collection

    labels = read_labels(list(label_tables), progress.warn) if label_tables else None
    collection = Collection(by_barcode=by == "barcode")
    progress.begin("reading", None)
    for record in read_into(collection, sources, labels, min_bases, progress.warn):
        if isinstance(record, Skip):
            skip(record)
        progress.advance()
    twice = list(dict.fromkeys(collection.relabelled))
    if twice:
        shown = shorten(twice, len(twice))
        progress.warn(f"specimens with two labels, the first is used: {len(twice):,} ({shown})")
    if not any(lineage.species for _, lineage in collection.labelled()):
        raise ClibdError(
            f"none of the {len(collection):,} specimens has a species",
            "Give a table with a species column, or labels with --labels.",
        )
    return collection


def _list_contradictions(
    table: Path, contradictions: list[Contradiction], go_on: bool, progress: Progress
) -> None:
    """Write them beside `table`, and stop unless told to go on."""
    from clibd_cli.io.results import open_results

    path = contradictions_path(table)
    if contradictions or path.exists():
        with open_results(path, CONTRADICTION_COLUMNS) as rows:
            for found in contradictions:
                for parent in found.parents:
                    cells = (found.rank, found.name, found.parent_rank, *astuple(parent))
                    rows.write(dict(zip(CONTRADICTION_COLUMNS, cells, strict=True)))
    if contradictions and not go_on:
        raise InconsistentLabelsError(contradictions, str(path))
    if contradictions:
        progress.warn(f"{in_a_line(contradictions)}; all of them are in {path}")


def _rows(
    collection: Collection, units: Units, parts: Sequence[Part], seen: set[str]
) -> Iterator[dict[str, str | None]]:
    for unit, entry in zip(units.of_entry, collection, strict=True):
        species = entry.lineage.species
        yield {
            "specimen_id": entry.specimen_id,
            "split": parts[unit].split,
            "seen": None if species is None else str(species in seen).lower(),
            **{rank: entry.lineage.at(rank) for rank in RANKS},
            "bin_uri": entry.bin_uri,
            "file": entry.file,
        }


def _warn_of_empty_parts(done: SplitSummary, progress: Progress) -> None:
    filled = {part.split for part in done.parts if part.specimens}
    unit = "distinct barcodes" if done.by == "barcode" else "specimens"
    if not filled & {"val", "test"}:
        progress.warn(
            f"no seen queries: no species has {done.ratios.min_seen} {unit} (--min-seen), "
            "or its ratios leave none"
        )
    if not filled & {"val_unseen", "test_unseen"}:
        progress.warn(f"no unseen queries: too few species have two {unit} or more")
