"""What is mistaken for what at one rank: the part of the confusion matrix that holds the errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from clibd_cli.report.plots import new_figure, shortened

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHOWN = 20
_WRITTEN_FROM = 0.5
_PLURAL = {"order": "orders", "family": "families", "genus": "genera", "species": "species"}


class Pairs(NamedTuple):
    """True names, given names (-1 for none) and how often, as codes and counts int [pairs]."""

    true: np.ndarray
    given: np.ndarray
    times: np.ndarray


class Matrix(NamedTuple):
    """Counts int [rows, columns] of true names by given names, "other" and "no name" last."""

    counts: np.ndarray
    rows: list[str]
    columns: list[str]


def plot_confusion(pairs: Pairs, names: Sequence[str], rank: str, title: str) -> Figure:
    """Given names of the classes that are most involved in errors, in per cent of each class.

    Args:
        names: what the codes stand for.
        title: what was compared; may be empty.
    """
    matrix = confusion_matrix(pairs, names)
    rows, columns = matrix.counts.shape
    figure = new_figure(2.6 + 0.36 * max(columns, 4), 2.0 + 0.32 * max(rows, 3))
    axes = figure.add_subplot()
    totals = matrix.counts.sum(axis=1, keepdims=True)
    percent = 100 * matrix.counts / totals.clip(min=1)
    image = axes.imshow(percent, cmap="Blues", vmin=0, vmax=100, aspect="auto")
    labels = [
        f"{name} ({total:,})"
        for name, total in zip(shortened(matrix.rows), totals[:, 0].tolist(), strict=True)
    ]
    axes.set_yticks(range(rows), labels)
    axes.set_xticks(range(columns), shortened(matrix.columns), rotation=60, ha="right")
    axes.set_xlabel(f"{rank} that it was called (framed: right)")
    axes.set_ylabel(f"true {rank} (specimens)")
    which = f"the {_SHOWN} most confused {_PLURAL[rank]}" if "other" in matrix.rows else rank
    axes.set_title(f"{title}: {which}" if title else which)
    _write_cells(axes, percent)
    _frame_right_ones(axes, matrix)
    axes.spines[:].set_visible(False)
    axes.set_xticks([x - 0.5 for x in range(1, columns)], minor=True)
    axes.set_yticks([y - 0.5 for y in range(1, rows)], minor=True)
    axes.grid(which="minor", color="#e5e5e5", linewidth=0.5)
    axes.tick_params(which="minor", length=0)
    bar = figure.colorbar(image, ax=axes, shrink=0.6, pad=0.02)
    bar.set_label(f"% of the true {rank}")
    return figure


def confusion_matrix(pairs: Pairs, names: Sequence[str], shown: int = _SHOWN) -> Matrix:
    """Counts of at most `shown` classes, those of the commonest errors; the others are summed up.

    Rows and columns are in the order of the alphabet; a class without specimens has no row.
    """
    import numpy as np

    chosen = sorted(_most_confused(pairs, names)[:shown], key=lambda code: names[code])
    other = len(chosen)
    place = np.full(len(names) + 1, other)
    place[chosen] = range(other)
    place[-1] = other + 1  # the code -1: no name
    counts = np.zeros((other + 1, other + 2), dtype=np.int64)
    np.add.at(counts, (place[pairs.true], place[pairs.given]), pairs.times)
    labels = [*(names[code] for code in chosen), "other", "no name"]
    rows = np.flatnonzero(counts.sum(axis=1) > 0)
    columns = np.array([c for c in range(other + 2) if c < other or counts[:, c].any()])
    return Matrix(
        counts[np.ix_(rows, columns)],
        [labels[row] for row in rows.tolist()],
        [labels[column] for column in columns.tolist()],
    )


def _most_confused(pairs: Pairs, names: Sequence[str]) -> list[int]:
    """The classes, those of the commonest error first, then those without errors by size."""
    ranked = sorted(
        (true == given, -times, names[true], true, given)
        for true, given, times in zip(*(column.tolist() for column in pairs), strict=True)
    )
    codes = (code for *_, true, given in ranked for code in (true, given))
    return [code for code in dict.fromkeys(codes) if code >= 0]


def _frame_right_ones(axes: Axes, matrix: Matrix) -> None:
    from matplotlib.patches import Rectangle

    for row, name in enumerate(matrix.rows):
        if name in matrix.columns and name != "other":
            corner = (matrix.columns.index(name) - 0.5, row - 0.5)
            axes.add_patch(Rectangle(corner, 1, 1, fill=False, linewidth=0.9, zorder=3))


def _write_cells(axes: Axes, percent: np.ndarray) -> None:
    import numpy as np

    for (row, column), share in np.ndenumerate(percent):
        if share >= _WRITTEN_FROM:
            colour = "white" if share > 55 else "black"
            axes.text(column, row, f"{share:.0f}", ha="center", va="center", color=colour, size=7)
