"""Accuracy of species by their number of keys: figure 4 of the paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from clibd_cli.report.plots import OTHER_COLOUR, SEEN_COLOUR, UNSEEN_COLOUR, new_figure

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_EDGES = (0, 1, 2, 3, 4, 5, 7, 10, 15, 22, 32, 46, 68, 100, 150, 220, 320, 460, 680, 1000)
"""Where bins of numbers of keys begin: single numbers first, then equal steps of a logarithm."""

_COLOURS = {"seen": SEEN_COLOUR, "unseen": UNSEEN_COLOUR}
_SMALLEST, _LARGEST = 18.0, 420.0


class SpeciesAccuracy(NamedTuple):
    """Accuracy from 0 to 1 and number of keys of each species, [species] each."""

    accuracy: np.ndarray
    keys: np.ndarray


class Bin(NamedTuple):
    """Species with about the same number of keys: how many, and their mean accuracy."""

    place: int
    species: int
    accuracy: float


def plot_by_keys(groups: Mapping[str, SpeciesAccuracy], title: str) -> Figure:
    """Mean accuracy of species, binned by their number of keys.

    Args:
        groups: `seen` and `unseen` species, or `all`; the size and the depth of a dot say how many
            species it stands for.
    """
    binned = {name: bin_species(group) for name, group in groups.items()}
    used = sorted({found.place for bins in binned.values() for found in bins})
    figure = new_figure(7.2, 3.6)
    axes = figure.add_subplot()
    most = max((found.species for bins in binned.values() for found in bins), default=1)
    for place, (name, bins) in enumerate(binned.items()):
        shift = 0.4 * (place - (len(binned) - 1) / 2)
        _draw(axes, name, bins, used, shift, most)
    axes.set_xticks(range(len(used)), [_label(place) for place in used])
    axes.tick_params(axis="x", labelsize=8)
    axes.set_xlim(-0.7, max(len(used), 1) - 0.3)
    axes.set_ylim(-0.06, 1.08)
    axes.set_xlabel("keys of the species")
    axes.set_ylabel("accuracy, mean of the species")
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_title(title)
    _add_legends(figure, axes, list(binned), most)
    return figure


def bin_species(group: SpeciesAccuracy) -> list[Bin]:
    """The bins that hold any species, by rising number of keys."""
    import numpy as np

    places = np.searchsorted(_EDGES, group.keys, side="right") - 1
    return [
        Bin(place, int((places == place).sum()), float(group.accuracy[places == place].mean()))
        for place in np.unique(places).tolist()
    ]


def _draw(axes: Axes, name: str, bins: list[Bin], used: list[int], shift: float, most: int) -> None:
    colour = _COLOURS.get(name, OTHER_COLOUR)
    for found in bins:
        axes.scatter(
            used.index(found.place) + shift,
            found.accuracy,
            s=_area(found.species, most),
            color=_lightened(colour, 0.65 * (1 - (found.species / most) ** 0.5)),
            linewidths=0.8,
            edgecolors=colour,
        )


def _area(species: int, most: int) -> float:
    return max(_SMALLEST, _LARGEST * species / most)


def _lightened(colour: str, white: float) -> tuple[float, float, float]:
    """`colour` with a share of white in it."""
    from matplotlib.colors import to_rgb

    red, green, blue = (part + (1 - part) * white for part in to_rgb(colour))
    return red, green, blue


def _add_legends(figure: Figure, axes: Axes, names: list[str], most: int) -> None:
    """Which colour is what, and how many species a dot of some sizes stands for."""
    colours = [
        axes.scatter([], [], s=70, color=_COLOURS.get(name, OTHER_COLOUR), label=f"{name} species")
        for name in names
    ]
    sizes = sorted({1, max(1, round(most / 3)), most})
    dots = [axes.scatter([], [], s=_area(n, most), color="#bbbbbb", label=f"{n:,}") for n in sizes]
    figure.legend(handles=colours, loc="outside right upper")
    figure.legend(
        handles=dots, title="species in the dot", loc="outside right lower",
        labelspacing=1.4, borderpad=1.0, alignment="left",
    )  # fmt: skip


def _label(place: int) -> str:
    first = _EDGES[place]
    if place + 1 == len(_EDGES):
        return f"≥{first}"
    last = _EDGES[place + 1] - 1
    return str(first) if first == last else f"{first}–{last}"
