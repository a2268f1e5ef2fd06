"""`clibd audit`: what in a reference library a curator should look at, the worst first."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from clibd_cli.core.ahead import default_workers
from clibd_cli.core.errors import UsageError
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.core.records import Modality
from clibd_cli.tasks.audit_barcodes import barcode_findings
from clibd_cli.tasks.audit_bins import bins_with_several_species, species_in_several_bins
from clibd_cli.tasks.audit_duplicates import near_identical_photos, same_content, same_id
from clibd_cli.tasks.audit_findings import AUDIT_COLUMNS, KINDS, Finding, ranked
from clibd_cli.tasks.audit_labels import NEIGHBOURS, label_findings
from clibd_cli.tasks.audit_names import lineage_findings, name_findings
from clibd_cli.tasks.audit_photos import near_empty_photos, photo_contents
from clibd_cli.tasks.embed import embed
from clibd_cli.tasks.runlog import run_log_path, write_run_log
from clibd_cli.tasks.sources import (
    PlannedSource,
    embed_raw,
    model_at_hand,
    plan_sources,
    refuse_labels_of_stores,
)
from clibd_cli.vectors.header import is_index
from clibd_cli.vectors.holdings import Holdings, holdings_of_index, holdings_of_stores
from clibd_cli.vectors.neighbours import nearest_others

DEFAULT_OUT = Path("audit.csv")


@dataclass(frozen=True, slots=True)
class AuditSummary:
    """What an `audit` did.

    Attributes:
        references: how many were looked at, by modality; `labelled` of them have any name.
        kinds: how many findings there are of each kind, those without any included.
        unseen_photos: photos whose files are not at their places any more.
        top: the worst findings, as rows of the table.
    """

    out: str
    references: dict[Modality, int]
    labelled: int
    findings: int
    kinds: dict[str, int]
    unseen_photos: int
    seconds: float
    top: list[dict[str, Any]]


def audit(
    sources: Sequence[str],
    out: str | Path | None = None,
    *,
    labels: Sequence[str] = (),
    model: str | None = None,
    top: int = 20,
    device: str = "auto",
    precision: str = "auto",
    batch_size: int | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    store_root: str | Path | None = None,
    command: str = "",
    progress: Progress = SILENT,
) -> AuditSummary:
    """Look through references for wrong labels and bad records, and write what is found to `out`.

    Args:
        sources: an index, or whatever `build_index` takes; raw references are embedded first,
            into a store in the working folder.
        out: `audit.csv` if None; the suffix says the format (.csv, .tsv, .parquet, .jsonl).
        top: how many of the worst findings the summary has.

    Raises:
        ClibdError: where a source is no reference, or stores are of different models.
    """
    from clibd_cli.io.results import open_table

    started = time.monotonic()
    target = Path(out or DEFAULT_OUT)
    plans = _planned(sources, labels, Path(store_root or ""))
    with (
        tempfile.TemporaryDirectory(prefix="clibd-", ignore_cleanup_errors=True) as scratch,
        open_table(target, AUDIT_COLUMNS) as table,
    ):
        if plans is None:
            all_held = holdings_of_index(Path(sources[0]))
        else:
            embed_into = partial(
                embed,
                model=model or model_at_hand(None, plans),
                device=device,
                precision=precision,
                batch_size=batch_size,
                workers=workers,
                overwrite=overwrite,
                command=command,
                progress=progress,
            )
            embed_raw(plans, labels, embed_into, progress)
            stores = [store for planned in plans for store in planned.stores]
            all_held = holdings_of_stores(stores, Path(scratch), progress)
        found = find_all(all_held, default_workers() if workers is None else workers, progress)
        for finding in found.findings:
            table.write(finding.as_row())
        references = {held.modality: len(held) for held in all_held}
        labelled = sum(bool(name) for held in all_held for name in held.lineages)
        del all_held  # closes the vectors, which Windows would not let be removed
    done = AuditSummary(
        out=str(target),
        references=references,
        labelled=labelled,
        findings=len(found.findings),
        kinds={kind: sum(f.kind == kind for f in found.findings) for kind in KINDS},
        unseen_photos=found.unseen_photos,
        seconds=time.monotonic() - started,
        top=[finding.as_row() for finding in found.findings[:top]],
    )
    write_run_log(run_log_path(target), command, asdict(done))
    return done


@dataclass(frozen=True, slots=True)
class Found:
    """All findings, the worst first.

    Attributes:
        unseen_photos: photos whose files are not at their places any more.
    """

    findings: list[Finding]
    unseen_photos: int


def find_all(all_held: Sequence[Holdings], workers: int = 0, progress: Progress = SILENT) -> Found:
    """Everything that is to be found in the references of all kinds."""
    findings = [*name_findings(all_held), *lineage_findings(all_held)]
    unseen = 0
    for held in all_held:
        near = nearest_others(held.vectors, NEIGHBOURS, progress)
        findings += label_findings(held, progress, near)
        findings += [*same_content(held), *same_id(held)]
        if held.modality == "dna":
            findings += barcode_findings(held, progress)
            findings += [*bins_with_several_species(held), *species_in_several_bins(held)]
        if held.modality == "image":
            contents = photo_contents(held, workers, progress)
            unseen = contents.count(None)
            if unseen:
                progress.warn(
                    f"{unseen:,} of {len(held):,} photos are not where they were: not looked at"
                )
            findings += near_empty_photos(held, contents)
            findings += near_identical_photos(held, near, contents)
    return Found(ranked(findings), unseen)


def _planned(
    sources: Sequence[str], labels: Sequence[str], store_root: Path
) -> list[PlannedSource] | None:
    """What will be done with the sources; None where they are one index.

    Raises:
        ClibdError: where a source is neither, or an index is not alone.
    """
    if not sources:
        raise UsageError("nothing to audit", "Name references, an embedding store, or an index.")
    if any(is_index(Path(source)) for source in sources):
        if len(sources) > 1:
            raise UsageError(
                "an index is audited alone", "Give the stores that it was built from instead."
            )
        if labels:
            raise UsageError(
                "--labels are for raw references, and this is an index", "Build it with them."
            )
        return None
    plans = plan_sources(sources, store_root)
    refuse_labels_of_stores(labels, plans)
    return plans
