"""`clibd classify`: a name for every specimen, as deep as the evidence goes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from clibd_cli.core.errors import UsageError
from clibd_cli.core.lineage import RANKS
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.core.records import MODALITIES, Call, Modality, Skip
from clibd_cli.tasks.aligning import Align
from clibd_cli.tasks.flags import barcode_flags
from clibd_cli.tasks.inputs import Inputs, check_inputs
from clibd_cli.tasks.library import choose_index
from clibd_cli.tasks.naming import (
    MIN_SHARE,
    NamingMethod,
    name_by_nearest,
    name_by_vote,
    nearest_hit,
)
from clibd_cli.tasks.queries import Found, Searcher, open_searcher, split_stores
from clibd_cli.tasks.runlog import index_facts, input_facts, run_log_path, write_run_log

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
    """A call or a skip for everything in `inputs`, as they are computed.

    In input order, with one exception: a photo and a barcode with the same specimen id give one
    call, so where there are both, barcodes without a photo come first, and the others wait.
    """
    stores, inputs = split_stores(inputs)
    modalities = [m for m in ("dna", "image", "text") if m in inputs.modalities]
    found = (searcher.embed_and_search(inputs, modality) for modality in modalities)
    photos = searcher.photo_ids(inputs) if inputs.photos and inputs.dna else frozenset()
    yield from _paired(chain.from_iterable(found), naming, photos, ("dna",))
    for store in stores:
        both = searcher.with_photo_and_barcode(store)
        yield from _paired(searcher.search_stores(store), naming, both, MODALITIES)


def _paired(
    results: Iterable[Found | Skip],
    naming: NamingMethod,
    partners: frozenset[str],
    first: Sequence[Modality],
) -> Iterator[Call | Skip]:
    """Calls in the order of `results`; a specimen in `partners` waits for its other half.

    Args:
        first: the modalities of which the other half may still be to come.
    """
    waiting: dict[str, Found] = {}
    for found in results:
        if isinstance(found, Skip):
            yield found
        elif (partner := waiting.pop(found.specimen.specimen_id, None)) is not None:
            yield _call([found, partner], naming)
        elif found.specimen.modality in first and found.specimen.specimen_id in partners:
            waiting[found.specimen.specimen_id] = found
        else:
            yield _call([found], naming)
    yield from (_call([found], naming) for found in waiting.values())  # the partner was skipped


def classify(
    inputs: Inputs,
    index: str | Path | None,
    out: str | Path,
    *,
    method: str = "vote",
    keys: Sequence[Modality] | None = None,
    k: int = NEIGHBOURS,
    min_share: float = MIN_SHARE,
    align: Align | None = None,
    device: str = "auto",
    precision: str = "auto",
    batch_size: int | None = None,
    workers: int | None = None,
    command: str = "",
    progress: Progress = SILENT,
) -> ClassifySummary:
    """Name everything in `inputs` by the references in `index`, and write the rows to `out`.

    Args:
        index: its folder; None finds one as the command line does (see `library.choose_index`).
        out: `.csv`, `.tsv`, `.parquet` or `.jsonl`; skipped inputs go to `*.skipped.csv` beside it.
        method: `vote`, or `nearest` as in the paper.
        keys: the kinds of references to compare with; all that the index has if None.
        align: when an alignment puts the references of a barcode in order, where the index holds
            barcodes; always if None, but with `nearest` only where a barcode is partial.

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
    _refuse_to_overwrite(inputs, table)
    started = time.monotonic()
    naming = naming_method(method, min_share)
    folder = choose_index(index).folder
    searcher = open_searcher(
        folder,
        keys,
        k,
        device=device,
        precision=precision,
        batch_size=batch_size,
        workers=workers,
        progress=progress,
        align=align or ("partial" if method == "nearest" else "always"),
    )
    opened = searcher.index
    n = skipped = joined = 0
    named = dict.fromkeys(RANKS, 0)
    with open_results(table, RESULT_COLUMNS) as rows, SkipWriter(skipped_path(table)) as skips:
        for call in make_calls(searcher, inputs, naming):
            if isinstance(call, Skip):
                skips.write(call)
                skipped += 1
                continue
            rows.write(call_row(call))
            n += 1
            joined += "+" in call.evidence
            for rank in RANKS:
                named[rank] += call.lineage.at(rank) is not None
    if inputs.photos and inputs.dna and n and not joined:
        progress.warn("no photo has the specimen id of a barcode: --labels can join them")
    seconds = time.monotonic() - started
    done = ClassifySummary(
        out=str(out),
        skipped_out=str(skipped_path(table)),
        index=str(folder),
        model=opened.header.model,
        fingerprint=opened.header.model_fingerprint,
        method=method,
        n=n,
        skipped=skipped,
        named=named,
        seconds=seconds,
        rate=n / seconds if seconds else 0.0,
    )
    settings = {"keys": list(opened.modalities), "k": k, "min_share": min_share, "align": align}
    used = {**input_facts(inputs), **index_facts(opened.header), **searcher.computed_on}
    write_run_log(run_log_path(table), command, {**asdict(done), **settings, **used})
    return done


def _refuse_to_overwrite(inputs: Inputs, out: Path) -> None:
    named = [*inputs.dna, *inputs.photos, *inputs.labels, *filter(None, [inputs.text])]
    if out.exists() and any(Path(name).exists() and out.samefile(name) for name in named):
        raise UsageError(f"{out} is one of the inputs", "Give another --out.")


def _call(evidence: Sequence[Found], naming: NamingMethod) -> Call:
    """One specimen's call from its photo, its barcode, or both."""
    evidence = sorted(evidence, key=lambda found: MODALITIES.index(found.specimen.modality))
    naming_result = naming([found.hits for found in evidence])
    return Call(
        specimen_id=evidence[0].specimen.specimen_id,
        lineage=naming_result.lineage,
        confidence=naming_result.confidence,
        nearest=nearest_hit([found.hits for found in evidence]),
        n_support=naming_result.n_support,
        evidence="+".join(found.specimen.modality for found in evidence),
        source=evidence[0].specimen.source,
        flags=tuple(flag for found in evidence for flag in barcode_flags(found)),
    )
