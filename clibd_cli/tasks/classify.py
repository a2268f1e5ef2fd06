"""`clibd classify`: a name for every specimen, as deep as the evidence goes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from clibd_cli.core.errors import UsageError
from clibd_cli.core.lineage import RANKS
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.core.records import Call, Modality, Skip
from clibd_cli.tasks.inputs import Inputs, check_inputs
from clibd_cli.tasks.naming import MIN_SHARE, NamingMethod, name_by_nearest, name_by_vote
from clibd_cli.tasks.queries import Found, Searcher, open_searcher, split_stores
from clibd_cli.tasks.runlog import run_log_path, write_run_log

NEIGHBOURS = 10
METHODS = ("vote", "nearest")


@dataclass(frozen=True, slots=True)
class ClassifySummary:
    """What a `classify` did.

    Attributes:
        out, skipped_out: the files written.
        named: how many specimens have a name at each rank.
        rate: specimens a second, from reading to writing.
    """

    out: str
    skipped_out: str
    index: str
    model: str
    fingerprint: str
    method: str
    n: int
    skipped: int
    named: dict[str, int]
    seconds: float
    rate: float


def naming_method(method: str, min_share: float) -> NamingMethod:
    """The function behind `--method`."""
    if method not in METHODS:
        raise UsageError(f"--method {method} is unknown", f"Choose one of {', '.join(METHODS)}.")
    if method == "nearest":
        return name_by_nearest
    return partial(name_by_vote, min_share=min_share)


def make_calls(searcher: Searcher, inputs: Inputs, naming: NamingMethod) -> Iterator[Call | Skip]:
    """A call or a skip for everything in `inputs`, in input order, as they are computed.

    A photo and a barcode with the same specimen id give one call, in the place of the photo.
    """
    stores, inputs = split_stores(inputs)
    barcodes: dict[str, Found] = {}
    if inputs.photos and inputs.dna:
        for found in searcher.embed_and_search(inputs, "dna"):
            if isinstance(found, Skip):
                yield found
            else:
                barcodes[found.specimen.specimen_id] = found
    if inputs.photos:
        for found in searcher.embed_and_search(inputs, "image"):
            if isinstance(found, Skip):
                yield found
            else:
                barcode = barcodes.pop(found.specimen.specimen_id, None)
                yield _call([found] if barcode is None else [found, barcode], naming)
        yield from (_call([found], naming) for found in barcodes.values())
    elif inputs.dna:
        yield from _calls(searcher.embed_and_search(inputs, "dna"), naming)
    if inputs.text is not None:
        yield from _calls(searcher.embed_and_search(inputs, "text"), naming)
    for store in stores:
        yield from _calls(searcher.search_stores(store), naming)


def classify(
    inputs: Inputs,
    index: str | Path,
    out: str | Path,
    *,
    method: str = "vote",
    keys: Sequence[Modality] | None = None,
    k: int = NEIGHBOURS,
    min_share: float = MIN_SHARE,
    device: str = "auto",
    precision: str = "auto",
    batch_size: int | None = None,
    workers: int | None = None,
    command: str = "",
    progress: Progress = SILENT,
) -> ClassifySummary:
    """Name everything in `inputs` by the references in `index`, and write the rows to `out`.

    Args:
        out: `.csv`, `.tsv`, `.parquet` or `.jsonl`; skipped inputs go to `*.skipped.csv` beside it.
        method: `vote`, or `nearest` as in the paper.
        keys: the kinds of references to compare with; all that the index has if None.

    Raises:
        ClibdError: where an input, the index or its model cannot be used at all.
    """
    from clibd_cli.io.results import (
        RESULT_COLUMNS,
        SkipWriter,
        call_row,
        open_results,
        skipped_path,
    )

    check_inputs(inputs)
    table = Path(out)
    started = time.monotonic()
    naming = naming_method(method, min_share)
    searcher = open_searcher(
        Path(index),
        keys,
        k,
        device=device,
        precision=precision,
        batch_size=batch_size,
        workers=workers,
        progress=progress,
    )
    opened = searcher.index
    n = skipped = 0
    named = dict.fromkeys(RANKS, 0)
    with open_results(table, RESULT_COLUMNS) as rows, SkipWriter(skipped_path(table)) as skips:
        for call in make_calls(searcher, inputs, naming):
            if isinstance(call, Skip):
                skips.write(call)
                skipped += 1
                continue
            rows.write(call_row(call))
            n += 1
            for rank in RANKS:
                named[rank] += call.lineage.at(rank) is not None
    seconds = time.monotonic() - started
    done = ClassifySummary(
        out=str(out),
        skipped_out=str(skipped_path(table)),
        index=str(index),
        model=opened.header.model,
        fingerprint=opened.header.model_fingerprint,
        method=method,
        n=n,
        skipped=skipped,
        named=named,
        seconds=seconds,
        rate=n / seconds if seconds else 0.0,
    )
    settings = {"keys": list(opened.modalities), "k": k, "min_share": min_share}
    write_run_log(run_log_path(table), command, {**asdict(done), **settings})
    return done


def _calls(results: Iterable[Found | Skip], naming: NamingMethod) -> Iterator[Call | Skip]:
    for found in results:
        yield found if isinstance(found, Skip) else _call([found], naming)


def _call(evidence: Sequence[Found], naming: NamingMethod) -> Call:
    """One specimen's call from its photo, its barcode, or both."""
    naming_result = naming([found.hits for found in evidence])
    hits = [hit for found in evidence for hit in found.hits]
    return Call(
        specimen_id=evidence[0].specimen.specimen_id,
        lineage=naming_result.lineage,
        confidence=naming_result.confidence,
        nearest=max(hits, key=lambda hit: hit.similarity, default=None),
        n_support=naming_result.n_support,
        evidence="+".join(found.specimen.modality for found in evidence),
        source=evidence[0].specimen.source,
    )
