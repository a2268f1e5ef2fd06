"""`clibd search`: the nearest references of each query, with their similarity."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.core.records import Modality, Skip
from clibd_cli.tasks.finding import Found
from clibd_cli.tasks.inputs import Inputs, check_inputs
from clibd_cli.tasks.library import choose_index
from clibd_cli.tasks.queries import Searcher, open_searcher
from clibd_cli.tasks.runlog import index_facts, input_facts, run_log_path, write_run_log
from clibd_cli.tasks.stored_queries import split_stores


def search(
    inputs: Inputs,
    index: str | Path | None = None,
    *,
    keys: Sequence[Modality] | None = None,
    k: int = 10,
    device: str = "auto",
    precision: str = "auto",
    batch_size: int | None = None,
    workers: int | None = None,
    progress: Progress = SILENT,
) -> Iterator[Found | Skip]:
    """The `k` nearest keys of each query, as they are found; skips where inputs are unusable.

    Args:
        index: its folder; None finds one as the command line does (see `library.choose_index`).
        keys: the kinds of references to search; all that the index has if None.

    Raises:
        ClibdError: where an input, the index or its model cannot be used at all.
    """
    check_inputs(inputs)
    searcher = open_searcher(
        choose_index(index).folder,
        keys,
        k,
        device=device,
        precision=precision,
        batch_size=batch_size,
        workers=workers,
        progress=progress,
    )
    yield from _found(searcher, inputs)


@dataclass(frozen=True, slots=True)
class SearchSummary:
    """What a search that wrote a table did.

    Attributes:
        n: queries; `hits`: the rows that they have together.
    """

    out: str
    skipped_out: str
    index: str
    model: str
    fingerprint: str
    n: int
    hits: int
    skipped: int
    seconds: float


def write_hits(
    inputs: Inputs,
    out: str | Path,
    index: str | Path | None = None,
    *,
    keys: Sequence[Modality] | None = None,
    k: int = 10,
    device: str = "auto",
    precision: str = "auto",
    batch_size: int | None = None,
    workers: int | None = None,
    command: str = "",
    progress: Progress = SILENT,
) -> SearchSummary:
    """Write what `search` finds as a table, with its skips and its run log beside it.

    Args:
        out: `.csv`, `.tsv`, `.parquet` or `.jsonl`.

    Raises:
        ClibdError: as `search` does, and where the table cannot be written.
    """
    from clibd_cli.io.results import HIT_COLUMNS, SkipWriter, hit_rows, open_results, skipped_path

    started, target = time.monotonic(), Path(out)
    check_inputs(inputs)
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
    )
    n = hits = 0
    with open_results(target, HIT_COLUMNS) as table, SkipWriter(skipped_path(target)) as skips:
        for query in _found(searcher, inputs):
            if isinstance(query, Skip):
                progress.warn(f"skipped {query}")
                skips.write(query)
                continue
            n += 1
            for row in hit_rows(query.specimen, query.hits):
                table.write(row)
                hits += 1
    header = searcher.index.header
    done = SearchSummary(
        out=str(out),
        skipped_out=str(skipped_path(target)),
        index=str(folder),
        model=header.model,
        fingerprint=header.model_fingerprint,
        n=n,
        hits=hits,
        skipped=skips.count,
        seconds=time.monotonic() - started,
    )
    settings = {"keys": list(searcher.index.modalities), "k": k, **searcher.computed_on}
    used = {**settings, **input_facts(inputs), **index_facts(header)}
    write_run_log(run_log_path(target), command, {**asdict(done), **used})
    return done


def _found(searcher: Searcher, inputs: Inputs) -> Iterator[Found | Skip]:
    stores, queries = split_stores(inputs)
    for modality in queries.modalities:
        yield from searcher.embed_and_search(queries, modality)
    for store in stores:
        yield from searcher.search_stores(store)
