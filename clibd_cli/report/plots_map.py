"""A map of the space: the two directions in which the vectors differ most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from clibd_cli.report.plots import COLOURS, OTHER_COLOUR, new_figure, shortened

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS = {"image": "o", "dna": "^", "text": "s"}
_KIND_NAMES = {"image": "photos", "dna": "barcodes", "text": "names"}


def plot_map(
    vectors: np.ndarray,
    kinds: Sequence[str],
    names: Mapping[str, Sequence[str | None]],
) -> Figure:
    """Vectors by their first two principal components, coloured by the broadest rank that varies.

    Args:
        vectors: [n, dim], n ≥ 1.
        kinds: `image`, `dna` or `text` for each; told apart by the form of the points.
        names: for each rank, from the broadest on, a name or None for each vector.
    """
    points, shares = principal_components(vectors)
    rank = next((r for r, cells in names.items() if len(set(cells) - {None}) > 1), "order")
    figure = new_figure(7.2, 4.8)
    axes = figure.add_subplot()
    groups = _groups(names[rank])
    present = [kind for kind in _MARKERS if kind in kinds]
    for _, colour, members in reversed(groups):  # grey points go under the coloured ones
        for kind in present:
            rows = [row for row in members if kinds[row] == kind]
            axes.scatter(
                points[rows, 0],
                points[rows, 1],
                s=11,
                marker=_MARKERS[kind],
                color=colour,
                alpha=0.6,
                linewidths=0,
            )
    axes.set_xlabel(f"first component ({100 * shares[0]:.0f} % of the variance)")
    axes.set_ylabel(f"second component ({100 * shares[1]:.0f} %)")
    axes.set_title(f"{len(points):,} vectors by {rank}")
    axes.set_aspect("equal", adjustable="datalim")
    _add_legends(figure, axes, [(label, colour) for label, colour, _ in groups], present)
    return figure


def principal_components(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points [n, 2] on the first two axes, and the share of the variance on each.

    An axis points to where its largest loading is positive, so that the map is always the same.
    """
    import numpy as np

    centred = vectors - vectors.mean(axis=0)
    _, strengths, directions = np.linalg.svd(centred, full_matrices=False)
    axes = np.zeros((2, vectors.shape[1]))
    found = directions[:2]
    axes[: len(found)] = found
    largest = np.abs(axes).argmax(axis=1)
    axes *= np.where(axes[[0, 1], largest] < 0, -1, 1)[:, None]
    variance = np.zeros(2)
    variance[: len(strengths[:2])] = strengths[:2] ** 2
    return centred @ axes.T, variance / max(float((strengths**2).sum()), 1e-12)


def _groups(cells: Sequence[str | None]) -> list[tuple[str, str, list[int]]]:
    """Label, colour and rows of each of the commonest names, then of all others together."""
    commonest = [name for name, _ in Counter(c for c in cells if c).most_common(len(COLOURS))]
    coloured = [
        (label, colour, [row for row, cell in enumerate(cells) if cell == name])
        for name, label, colour in zip(commonest, shortened(commonest), COLOURS, strict=False)
    ]
    kept = set(commonest)
    rest = [row for row, cell in enumerate(cells) if cell not in kept]
    return [*coloured, ("others", OTHER_COLOUR, rest)] if rest else coloured


def _add_legends(
    figure: Figure, axes: Axes, colours: list[tuple[str, str]], kinds: list[str]
) -> None:
    dots = [axes.scatter([], [], s=40, color=colour, label=label) for label, colour in colours]
    forms = [
        axes.scatter([], [], s=40, marker=_MARKERS[k], color="#555555", label=_KIND_NAMES[k])
        for k in kinds
    ]
    figure.legend(handles=dots, loc="outside right upper")
    figure.legend(handles=forms, loc="outside right lower")
