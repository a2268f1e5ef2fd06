"""The plots of an evaluation, as files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.core.errors import UsageError
from clibd_cli.core.lineage import RANKS
from clibd_cli.core.records import MODALITIES
from clibd_cli.tasks.evaluation import Comparison, Evaluation, Judged

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from clibd_cli.report.plots_keys import SpeciesAccuracy

_MOST_DRAWN = 9
"""Comparisons; of more, only those between photos, barcodes and names themselves are drawn."""


def check_plots(confusion_rank: str) -> None:
    """Find out that plots cannot be drawn before any work is done.

    Raises:
        ClibdError: where matplotlib is not installed, or the rank is none.
    """
    from clibd_cli.report.plots import require_matplotlib

    require_matplotlib()
    if confusion_rank not in RANKS:
        raise UsageError(f"{confusion_rank} is no rank", f"Choose from {', '.join(RANKS)}.")


def draw_plots(
    evaluation: Evaluation, folder: str | Path, confusion_rank: str = "family"
) -> list[Path]:
    """Draw accuracy by number of keys and the confusions at a rank for each comparison, and a map.

    What an evaluation lacks is not drawn: the number of keys, for tables without a split; the
    space, for all tables. Files are PNG and SVG.

    Returns:
        The paths of the files.

    Raises:
        ClibdError: where matplotlib is not installed.
    """
    from clibd_cli.report.plots import save_figure, styled

    check_plots(confusion_rank)
    target, paths = Path(folder), []
    with styled():
        for name, figure in _figures(evaluation, confusion_rank):
            paths += save_figure(figure, target / name)
    return paths


def _figures(evaluation: Evaluation, rank: str) -> Iterator[tuple[str, Figure]]:
    from clibd_cli.report.plots_confusion import Pairs, plot_confusion
    from clibd_cli.report.plots_keys import plot_by_keys
    from clibd_cli.report.plots_map import plot_map
    from clibd_cli.training.metrics import confusion

    for comparison in _drawn(evaluation.comparisons):
        judged = comparison.judged
        pair = f".{comparison.query}-{comparison.key}" if comparison.query else ""
        title = f"{comparison.title}: " if comparison.title else ""
        groups = dict(_by_species(comparison))
        if groups:
            figure = plot_by_keys(groups, f"{title}species right at top-1, by number of keys")
            yield f"accuracy_by_keys{pair}", figure
        if rank in judged.truth:
            pairs = Pairs(*confusion(judged.truth[rank], judged.candidates[rank][:, 0]))
            if len(pairs.true):
                figure = plot_confusion(pairs, judged.names[rank], rank, comparison.title)
                yield f"confusion.{rank}{pair}", figure
    if evaluation.space is not None:
        space = evaluation.space
        yield "map", plot_map(space.vectors, space.kinds, space.names)


def _drawn(comparisons: Sequence[Comparison]) -> Sequence[Comparison]:
    """All comparisons, or of many those between the modalities alone."""
    alone = [c for c in comparisons if c.query in MODALITIES and c.key in MODALITIES]
    return alone if len(comparisons) > _MOST_DRAWN and alone else comparisons


def _by_species(comparison: Comparison) -> Iterator[tuple[str, SpeciesAccuracy]]:
    """Accuracy and number of keys of seen, unseen or all species, where that is known."""
    judged = comparison.judged
    if judged.key_counts is None or "species" not in judged.truth:
        return
    parts: dict[str, Judged] = {"all": judged}
    if judged.seen is not None:
        parts = {"seen": judged.part(1), "unseen": judged.part(0)}
    for name, part in parts.items():
        found = _species_accuracy(part)
        if len(found.keys):
            yield name, found


def _species_accuracy(judged: Judged) -> SpeciesAccuracy:
    from clibd_cli.report.plots_keys import SpeciesAccuracy
    from clibd_cli.training.metrics import NONE, class_accuracy, first_hit

    truth = judged.truth["species"]
    counts = truth != NONE
    right = first_hit(truth, judged.candidates["species"])[counts] == 0
    classes, _, accuracy = class_accuracy(truth[counts], right)
    assert judged.key_counts is not None
    return SpeciesAccuracy(accuracy, judged.key_counts[classes])
