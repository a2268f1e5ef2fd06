"""`clibd classify`: a name for every specimen, as deep as the evidence goes."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

from clibd_cli.core.errors import UsageError
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.core.records import Call, Modality, Skip
from clibd_cli.io.names import printable
from clibd_cli.io.results import (
    EXPLANATION,
    NEAR_COLUMNS,
    RESULT_COLUMNS,
    SkipWriter,
    explanations_path,
    near_path,
    open_results,
    skipped_path,
)
from clibd_cli.tasks.aligning import Align
from clibd_cli.tasks.calls import make_calls
from clibd_cli.tasks.deciding import TARGET_PRECISION, Rules, decide_by
from clibd_cli.tasks.explaining import Explain, Explainer, check_explain
from clibd_cli.tasks.inputs import Inputs, check_inputs
from clibd_cli.tasks.library import choose_index
from clibd_cli.tasks.naming import MIN_SHARE
from clibd_cli.tasks.naming_processes import Namer, NamingProcesses, Plan, processes_for
from clibd_cli.tasks.queries import Searcher, open_searcher
from clibd_cli.tasks.report import is_report, make_report
from clibd_cli.tasks.result_blocks import Block, block_of
from clibd_cli.tasks.runlog import index_facts, input_facts, run_log_path, write_run_log
from clibd_cli.tasks.tally import Tally

NEIGHBOURS = 10


@dataclass(frozen=True, slots=True)
class ClassifySummary:
    """What a `classify` did.

    Attributes:
        out, skipped_out: the files written.
        calibrated: whether the confidence is the probability of being right.
        target_precision: the share of names that shall be right at each rank; None where the
            method leaves nothing blank for it.
        named: how many specimens have a name at each rank.
        flags: how many have each flag.
        conflicts: by folder, where photos and barcodes contradict each other more than once: how
            many do, of how many specimens that have both.
        explanations: the folder of pictures of where the encoder looked; None where nobody asked.
        explained: how many specimens have one.
        rate: specimens a second, from reading to writing.
    """

    out: str
    skipped_out: str
    index: str
    model: str
    fingerprint: str
    method: str
    calibrated: bool
    target_precision: float | None
    n: int
    skipped: int
    named: dict[str, int]
    flags: dict[str, int]
    conflicts: dict[str, tuple[int, int]]
    explanations: str | None
    explained: int
    seconds: float
    rate: float


def classify(
    inputs: Inputs,
    index: str | Path | None,
    out: str | Path,
    *,
    method: str = "vote",
    target_precision: float = TARGET_PRECISION,
    keys: Sequence[Modality] | None = None,
    k: int = NEIGHBOURS,
    min_share: float = MIN_SHARE,
    align: Align | None = None,
    explain: Explain = False,
    report: str | Path | None = None,
    device: str = "auto",
    precision: str = "auto",
    batch_size: int | None = None,
    workers: int | None = None,
    processes: int | None = 0,
    command: str = "",
    progress: Progress = SILENT,
) -> ClassifySummary:
    """Name everything in `inputs` by the references in `index`, and write the rows to `out`.

    Args:
        index: its folder; None finds one as the command line does (see `library.choose_index`).
        out: `.csv`, `.tsv`, `.parquet` or `.jsonl`; skipped inputs go to `*.skipped.csv` beside it,
            the nearest references to `*.hits.parquet`.
        method: `vote`, or `nearest` as in the paper.
        target_precision: of the names given at each rank, so many shall be right, where half of
            the specimens belong to species that the references lack; 0 leaves nothing blank.
        keys: the kinds of references to compare with; all that the index has if None.
        min_share: a name needs more of the vote than this where the index is not calibrated.
        align: when an alignment puts the references of a barcode in order, where the index holds
            barcodes; always if None, but with `nearest` only where a barcode is partial.
        explain: draw where the encoder looked: True for all photos, `flagged` for those of
            specimens with a flag. The pictures lie in `*.explanations` beside `out`, whose column
            `explanation` names them. Such photos are read and encoded once more.
        report: a page of the results, for people.
        processes: that name barcodes beside this one, where there are barcodes alone; None for as
            many as pay. The script that asks for some must keep what it does under
            `if __name__ == "__main__":`, as `multiprocessing` wants it.

    Raises:
        ClibdError: where an input, the index or its model cannot be used at all.
    """
    check_inputs(inputs)
    rules = Rules(method, target_precision, min_share, k, inputs.modalities)
    table = Path(out)
    _refuse_to_overwrite(inputs, table)
    check_explain(explain, inputs, table)
    started = time.monotonic()
    folder = choose_index(index).folder
    align = align or ("partial" if method == "nearest" else "always")
    searcher = open_searcher(
        folder,
        keys,
        k,
        device=device,
        precision=precision,
        batch_size=batch_size,
        workers=workers,
        progress=progress,
        align=align,
        towers=("image",) if explain else (),
    )
    finder = searcher.finder
    decide, calibrated = decide_by(rules, finder.index, finder.aligner is not None, progress.warn)
    explainer = Explainer(searcher, table, explain, workers, progress) if explain else None
    count = processes_for(inputs) if processes is None else processes
    if count and inputs.modalities == ("dna",):
        plan = Plan(folder, searcher.index.modalities, align, rules)
        blocks = _named_beside(searcher, inputs, plan, Namer(finder, decide), count, progress)
    else:
        blocks = _named_here(make_calls(searcher, inputs, decide), explainer)
    with closing(blocks):
        tally = _write(table, blocks, explainer)
    if not tally.n:
        progress.warn(f"none of the inputs can be used: {skipped_path(table)} tells why")
    if inputs.photos and inputs.dna and tally.n and not tally.joined:
        progress.warn("no photo has the specimen id of a barcode: --labels can join them")
    seconds = time.monotonic() - started
    done = ClassifySummary(
        out=str(out),
        skipped_out=str(skipped_path(table)),
        index=str(folder),
        model=searcher.index.header.model,
        fingerprint=searcher.index.header.model_fingerprint,
        method=method,
        calibrated=calibrated,
        target_precision=target_precision if calibrated else None,
        n=tally.n,
        skipped=tally.skipped,
        named=tally.named,
        flags=dict(sorted(tally.flags.items())),
        conflicts=tally.clusters(),
        explanations=None if explainer is None else str(explainer.folder),
        explained=tally.explained,
        seconds=seconds,
        rate=tally.n / seconds if seconds else 0.0,
    )
    settings = {
        "keys": list(searcher.index.modalities),
        "k": k,
        "min_share": None if calibrated else min_share,
        "align": align,
    }
    used = {
        **input_facts(inputs),
        **index_facts(searcher.index.header),
        **searcher.computed_on,
    }
    write_run_log(run_log_path(table), command, {**asdict(done), **settings, **used})
    if report is not None:
        make_report(table, report, overwrite=True, progress=progress)
    for path in _of_an_earlier_run(table, done, report):
        progress.warn(f"{printable(path)} is there, too, but of an earlier result")
    return done


def _of_an_earlier_run(
    table: Path, done: ClassifySummary, report: str | Path | None
) -> Iterator[Path]:
    """What seems to belong to the results by its name, and does not."""
    if done.explanations is None and explanations_path(table).is_dir():
        yield explanations_path(table)
    page = table.with_suffix(".html")
    made = report is not None and page.exists() and page.samefile(report)
    if not made and page.is_file() and is_report(page):
        yield page


def _named_here(
    calls: Iterable[Call | Skip], explainer: Explainer | None
) -> Generator[Block, None, None]:
    """Each call as it is made."""
    explained = calls if explainer is None else explainer.explained(calls)
    yield from (block_of([call]) for call in explained)


def _named_beside(
    searcher: Searcher, inputs: Inputs, plan: Plan, here: Namer, count: int, progress: Progress
) -> Generator[Block, None, None]:
    """Barcodes alone, a window of them at a time, named by other processes."""
    with (
        NamingProcesses(plan, here, count) as naming,
        closing(searcher.searched(inputs, "dna")) as searched,
    ):
        for block in naming.blocks(searched):
            progress.advance(block.tally.n + block.tally.skipped)
            yield block


def _write(table: Path, blocks: Iterator[Block], explainer: Explainer | None) -> Tally:
    """Write all calls as they are made, with their nearest references and the skips beside them."""
    tally = Tally()
    columns = RESULT_COLUMNS if explainer is None else (*RESULT_COLUMNS, EXPLANATION)
    with (
        open_results(table, columns) as rows,
        open_results(near_path(table), NEAR_COLUMNS) as near,
        SkipWriter(skipped_path(table)) as skips,
        explainer or nullcontext(),
    ):
        for block in blocks:
            rows.write_all(block.rows)
            near.write_all(block.near)
            for skip in block.skips:
                skips.write(skip)
            tally.merge(block.tally)
    return tally


def _refuse_to_overwrite(inputs: Inputs, out: Path) -> None:
    named = [*inputs.dna, *inputs.photos, *inputs.labels, *filter(None, [inputs.text])]
    if out.exists() and any(Path(name).exists() and out.samefile(name) for name in named):
        raise UsageError(f"{out} is one of the inputs", "Give another --out.")
