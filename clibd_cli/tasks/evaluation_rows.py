"""An evaluation as a table: for people in per cent, for programs in shares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from clibd_cli.core.atomic import write_text
from clibd_cli.core.errors import UsageError
from clibd_cli.core.lineage import RANKS
from clibd_cli.report.tables import aligned, markdown
from clibd_cli.tasks.evaluation import Comparison, Evaluation, Scores
from clibd_cli.training.metrics import TOP_K, Accuracy

AVERAGES = ("micro", "macro")

SCORE_COLUMNS: dict[str, type] = {
    "query": str,
    "key": str,
    "set": str,
    "rank": str,
    "n": int,
    "classes": int,
    **{f"{average}_top{k}": float for average in AVERAGES for k in TOP_K},
    "coverage": float,
    "precision": float,
}
"""The columns of `--out metrics.csv`: one row for each comparison, set of queries and rank."""


def write_scores(evaluation: Evaluation, path: str | Path) -> None:
    """Write the scores: `.csv` or `.tsv` with `SCORE_COLUMNS` as shares, `.md` in per cent.

    Raises:
        UsageError: for another suffix.
        ClibdError: where the file cannot be written.
    """
    from clibd_cli.io.writers import DelimitedWriter

    table, suffix = Path(path), Path(path).suffix.lower()
    check_scores_path(table)
    if suffix == ".md":
        write_text(table, "\n".join(score_lines(evaluation, as_markdown=True)) + "\n")
        return
    with DelimitedWriter(table, SCORE_COLUMNS, "," if suffix == ".csv" else "\t") as rows:
        for comparison in evaluation.comparisons:
            for row in _share_rows(comparison):
                rows.write(row)


def log_scores(
    evaluation: Evaluation,
    path: Path | None,
    plots: Path | None,
    command: str,
    settings: Mapping[str, Any],
) -> None:
    """Write the run log: what was compared with what, and how many queries counted.

    Args:
        path: the scores, beside which it goes; `plots`: a folder, into which it goes as `run.json`.
        settings: what the user asked for, and how many seconds it took.
    """
    from clibd_cli.tasks.runlog import run_log_path, write_run_log

    compared = [
        {"query": one.query, "key": one.key, "n_keys": one.n_keys, "n": one.everything.n}
        for one in evaluation.comparisons
    ]
    facts = {**evaluation.facts, **settings, "counts": evaluation.counts, "comparisons": compared}
    if path is not None:
        write_run_log(run_log_path(path), command, facts)
    if plots is not None:
        write_run_log(plots / "run.json", command, facts)


def check_scores_path(path: Path) -> None:
    """Refuse a name that scores cannot be written to, before any work is done."""
    if path.suffix.lower() not in (".csv", ".tsv", ".md"):
        raise UsageError(
            f"scores cannot be written as {path.name}", "Let the name end in .csv, .tsv or .md."
        )


def score_lines(evaluation: Evaluation, *, as_markdown: bool = False) -> list[str]:
    """The scores in per cent, line by line: one line a measure, a column for each rank."""
    rows = [row for comparison in evaluation.comparisons for row in _percent_rows(comparison)]
    header = ["query → key", "set", "measure", *RANKS]
    if not any(comparison.title for comparison in evaluation.comparisons):
        header, rows = header[1:], [row[1:] for row in rows]
    return (markdown if as_markdown else aligned)(header, rows, len(header) - len(RANKS))


def short_score_lines(evaluation: Evaluation) -> list[str]:
    """Top-1 alone, as in table 1 of the paper: two lines a comparison, cells `seen / unseen`."""
    rows = [row for comparison in evaluation.comparisons for row in _short_rows(comparison)]
    split = any(comparison.seen is not None for comparison in evaluation.comparisons)
    measure = "top-1, %, seen / unseen" if split else "top-1, %"
    return aligned(["query → key", measure, "queries", *RANKS], rows, 2)


def _short_rows(comparison: Comparison) -> Iterator[list[str]]:
    sets = [scores for _, scores in _sets(comparison)]
    queries = " / ".join(f"{scores.n:,}" for scores in sets)
    for average in AVERAGES:
        cells = [
            _cells({r: getattr(s.accuracy, average)[1] for r, s in scores.ranks.items()})
            for scores in sets
        ]
        joined = [" / ".join(cell or "–" for cell in rank) for rank in zip(*cells, strict=True)]
        yield [comparison.title, average, queries, *joined]


def _sets(comparison: Comparison) -> Iterator[tuple[str, Scores]]:
    """The sets of queries that are shown: seen and unseen ones, or all."""
    if comparison.seen is None or comparison.unseen is None:
        yield "all", comparison.everything
    else:
        yield "seen", comparison.seen
        yield "unseen", comparison.unseen


def _percent_rows(comparison: Comparison) -> Iterator[list[str]]:
    for name, scores in _sets(comparison):
        accuracies = {rank: found.accuracy for rank, found in scores.ranks.items()}
        counts = {rank: found.n for rank, found in scores.ranks.items()}
        yield [comparison.title, name, "specimens", *_cells(counts)]
        classes = {rank: found.classes for rank, found in scores.ranks.items()}
        yield [comparison.title, name, "classes", *_cells(classes)]
        for measure, cells in _accuracy_rows(accuracies):
            yield [comparison.title, name, measure, *cells]
        covered = {rank: found.coverage for rank, found in scores.ranks.items()}
        if any(share is not None and share < 1 for share in covered.values()):
            right = {rank: found.precision for rank, found in scores.ranks.items()}
            yield [comparison.title, name, "named", *_cells(covered)]
            yield [comparison.title, name, "right if named", *_cells(right)]
    if comparison.harmonic is not None:
        for measure, cells in _accuracy_rows(comparison.harmonic):
            yield [comparison.title, "harmonic mean", measure, *cells]


def _accuracy_rows(accuracies: dict[str, Accuracy]) -> Iterator[tuple[str, list[str]]]:
    for average in AVERAGES:
        for k in TOP_K:
            known = {
                rank: shares[k]
                for rank, accuracy in accuracies.items()
                if k in (shares := getattr(accuracy, average))
            }
            if known:
                yield f"{average} top-{k}", _cells(known)


def _cells(values: dict[str, Any]) -> list[str]:
    """A cell for each rank: counts as they are, shares in per cent, nothing where unknown."""
    shown = (values.get(rank) for rank in RANKS)
    return [
        "" if value is None else f"{value:,}" if isinstance(value, int) else f"{100 * value:.1f}"
        for value in shown
    ]


def _share_rows(comparison: Comparison) -> Iterator[dict[str, Any]]:
    pair = {"query": comparison.query, "key": comparison.key}
    sets = list(_sets(comparison))
    if len(sets) > 1:
        sets.insert(0, ("all", comparison.everything))
    for name, scores in sets:
        for rank, found in scores.ranks.items():
            facts = {"n": found.n, "classes": found.classes}
            shares = {"coverage": found.coverage, "precision": found.precision}
            yield {**pair, "set": name, "rank": rank, **facts, **_top(found.accuracy), **shares}
    for rank, accuracy in (comparison.harmonic or {}).items():
        yield {**pair, "set": "harmonic_mean", "rank": rank, **_top(accuracy)}


def _top(accuracy: Accuracy) -> dict[str, float | None]:
    return {
        f"{average}_top{k}": share
        for average in AVERAGES
        for k, share in getattr(accuracy, average).items()
    }
