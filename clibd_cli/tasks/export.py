"""`clibd export`: results in the words of other programs: Darwin Core, QIIME 2, BIOM."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.lineage import RANKS
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.core.records import Skip
from clibd_cli.tasks.export_facts import compared_with, dataset_facts, provenance
from clibd_cli.tasks.export_writers import (
    open_darwin_core,
    open_darwin_core_archive,
    open_taxonomy_table,
)
from clibd_cli.tasks.runlog import read_run_log, run_log_path, write_run_log

if TYPE_CHECKING:
    from clibd_cli.io.barcode_lookup import BarcodeLookup
    from clibd_cli.io.darwin_core import DatasetFacts
    from clibd_cli.tasks.export_writers import WriteRow

FORMATS: dict[str, tuple[str, ...]] = {
    "darwin-core": (".darwin-core.txt", ".txt", ".tsv", ".csv"),
    "darwin-core-archive": (".dwca.zip", ".zip"),
    "qiime2": (".taxonomy.tsv", ".tsv", ".txt"),
    "biom": (".biom-taxonomy.tsv", ".tsv", ".txt"),
}
"""What follows the stem of the results where no name is given, and the suffixes of given ones."""


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """What an `export` did.

    Attributes:
        n: specimens written.
        skipped: rows of the results that could not be used, listed in `skipped_out`.
        named: how many specimens have a name at each rank.
        barcodes: how many have their barcode in the export.
    """

    results: str
    out: str
    skipped_out: str
    format: str
    n: int
    skipped: int
    named: dict[str, int]
    barcodes: int
    seconds: float


def export(
    results: str | Path,
    out: str | Path | None = None,
    *,
    format: str = "darwin-core",
    dna: Sequence[str | Path] = (),
    labels: Sequence[str | Path] = (),
    identified_by: str | None = None,
    basis_of_record: str | None = None,
    higher: Mapping[str, str] | None = None,
    id_prefix: str = "",
    title: str | None = None,
    overwrite: bool = False,
    command: str = "",
    progress: Progress = SILENT,
) -> ExportSummary:
    """Write `results` (a table of `classify`) in another format.

    Who identified when and how is read from the run log beside `results`. The same inputs give the
    same bytes, whichever of the four formats `results` is in.

    Args:
        out: by default beside `results` and named after it (see `FORMATS`).
        format: one of `FORMATS`.
        dna: the barcodes that were classified, for Darwin Core to hold them; `labels` as then.
        identified_by: in place of clibd's version and model.
        basis_of_record: in place of what the evidence says (see `io.darwin_core`).
        higher: `kingdom`, `phylum` and `class` of all specimens. Darwin Core has the kingdom
            Animalia by default; a taxonomy table has these ranks only where one is given.
        id_prefix: what makes specimen ids unique in the world.
        title: of the data set, for the archive's `eml.xml`.

    Raises:
        UsageError: for words that do not fit together.
        ClibdError: where `results` is no table of results, or `out` exists without `overwrite`.
    """
    from clibd_cli.io.result_rows import open_result_rows
    from clibd_cli.io.results import SkipWriter, skipped_path

    started = time.monotonic()
    if format not in FORMATS:
        raise UsageError(f"--format {format} is unknown", f"Choose from {', '.join(FORMATS)}.")
    if basis_of_record is not None:
        _check_basis(basis_of_record)
    table = Path(results)
    target = Path(out) if out else table.with_name(table.stem + FORMATS[format][0])
    rows = open_result_rows(table)
    _check_target(target, format, table, [*dna, *labels], overwrite)
    log = read_run_log(table)
    if log is None and format.startswith("darwin-core"):
        progress.warn(f"{run_log_path(table)} cannot be read: who named them, and when, is unknown")
    facts = dataset_facts(log, identified_by, basis_of_record, higher or {}, id_prefix)
    n, named = 0, dict.fromkeys(RANKS, 0)
    with ExitStack() as stack:
        lookup = _barcodes(stack, dna, labels, log, progress) if dna else None
        skips = stack.enter_context(SkipWriter(skipped_path(target)))
        opened = _open(format, target, facts, lookup, log, higher or {}, title, progress)
        write = stack.enter_context(opened)
        progress.begin("exporting", None)
        for row in rows:
            progress.advance()
            if isinstance(row, Skip):
                skips.write(row)
                continue
            write(row)
            n += 1
            for rank in RANKS:
                named[rank] += row.get(rank) is not None
        found = lookup.found if lookup else 0
    if lookup and n and not found:
        progress.warn("no specimen has a barcode in the --dna files: --labels may join them")
    done = ExportSummary(
        results=str(results),
        out=str(target),
        skipped_out=str(skipped_path(target)),
        format=format,
        n=n,
        skipped=skips.count,
        named=named,
        barcodes=found,
        seconds=time.monotonic() - started,
    )
    given = {"dna": list(map(str, dna)), "labels": list(map(str, labels))}
    told = {"identified_by": facts.identified_by, "basis_of_record": basis_of_record}
    used = {"inputs": given, **told, "higher": dict(higher or {}), **provenance(log, table)}
    write_run_log(run_log_path(target), command, {**asdict(done), **used})
    return done


def _open(
    format: str,
    target: Path,
    facts: DatasetFacts,
    lookup: BarcodeLookup | None,
    log: Mapping[str, Any] | None,
    higher: Mapping[str, str],
    title: str | None,
    progress: Progress,
) -> AbstractContextManager[WriteRow]:
    if format == "darwin-core":
        return open_darwin_core(target, facts, lookup)
    if format == "darwin-core-archive":
        name = title or "Specimens identified by clibd"
        return open_darwin_core_archive(target, facts, lookup, compared_with(log or {}), name)
    from clibd_cli.io.taxonomy_table import BIOM_COLUMNS, QIIME_COLUMNS

    columns = QIIME_COLUMNS if format == "qiime2" else BIOM_COLUMNS
    return open_taxonomy_table(target, columns, higher, progress.warn)


def _barcodes(
    stack: ExitStack,
    dna: Sequence[str | Path],
    labels: Sequence[str | Path],
    log: Mapping[str, Any] | None,
    progress: Progress,
) -> BarcodeLookup:
    """The barcodes under the ids that `classify` gave them."""
    from clibd_cli.io.barcode_lookup import BarcodeLookup
    from clibd_cli.io.barcodes import read_barcodes
    from clibd_cli.io.labels import read_labels
    from clibd_cli.io.sequences import MIN_BASES

    # Skips take no id, so what was too short then must be too short now.
    least = (log or {}).get("min_bases")
    min_bases = least if isinstance(least, int) else MIN_BASES
    names = read_labels(list(labels), progress.warn) if labels else None
    progress.begin("reading barcodes", None)
    lookup = stack.enter_context(BarcodeLookup())
    records = read_barcodes(dna, names, min_bases, progress.warn)
    lookup.add(record for record in records if not isinstance(record, Skip))
    return lookup


def _check_basis(given: str) -> None:
    from clibd_cli.io.darwin_core import BASES_OF_RECORD

    if given not in BASES_OF_RECORD:
        raise UsageError(
            f"--basis-of-record {given} is none of Darwin Core's",
            f"Choose from {', '.join(BASES_OF_RECORD)}.",
        )


def _check_target(
    target: Path, format: str, results: Path, others: Sequence[str | Path], overwrite: bool
) -> None:
    """Refuse a name that cannot be written, or that would cost the user a file."""
    from clibd_cli.io.results import skipped_path

    suffixes = FORMATS[format][1:]
    if target.suffix.lower() not in suffixes:
        raise UsageError(
            f"{format} cannot be written as {target.name}",
            f"Let the name end in {' or '.join(suffixes)}.",
        )
    for name in (results, *map(Path, others)):
        if target == name or (target.exists() and name.exists() and target.samefile(name)):
            raise UsageError(f"{target} is one of the inputs", "Give another --out.")
    if skipped_path(target).resolve() == skipped_path(results).resolve():
        raise UsageError(
            f"the run log and the skips of {target} would replace those of {results}",
            f"Give an --out with another stem than {results.stem}.",
        )
    if target.exists() and not overwrite:
        raise ClibdError(f"{target} is there already", "--overwrite replaces it.")
