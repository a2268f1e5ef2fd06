"""The course of a training run: losses, learning rates and validations over its steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from clibd_cli.core.lineage import RANKS
from clibd_cli.report.plots import COLOURS, OTHER_COLOUR, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PARTS = ("contrastive", *RANKS)
"""Parts of the loss: between the modalities, and of telling the names of a rank apart."""

_ANCHOR = "anchor_"
"""Before the kind of a tower: the part of the loss that keeps it where it began."""

_MOST_POINTS = 400
"""Of a line: more steps are averaged in groups."""

_MOST_METRICS = len(COLOURS)
_FOREMOST = (("seen.", ".species"), ("unseen.", ".genus"))
"""Of many metrics, those that the paper looks at first: species seen, genera of species unseen."""


class Line(NamedTuple):
    """Steps and values, of equal length."""

    steps: list[float]
    values: list[float]


def plot_curves(journal: Sequence[Mapping[str, Any]], metric: str | None, title: str) -> Figure:
    """Three panels over the steps of a run: loss and its parts, learning rates, validations.

    Args:
        journal: lines with `event` "step" (`step`, `loss`, `rates`, any of `PARTS` and
            `anchor_*`) or
            "validation" (`step`, `value`, `metrics`).
        metric: what decided which weights are best; None where it was the mean of all.
    """
    steps = [line for line in journal if line["event"] == "step"]
    validations = [line for line in journal if line["event"] == "validation"]
    figure = new_figure(7.2, 7.0 if validations else 4.8)
    panels = figure.subplots(3 if validations else 2, 1, sharex=True, squeeze=False)[:, 0]
    _draw_losses(panels[0], steps)
    _draw_rates(panels[1], steps)
    if validations:
        _draw_validations(panels[2], validations, metric)
    for axes in panels:
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=7)
    panels[0].set_title(title)
    panels[-1].set_xlabel("step")
    return figure


def averaged(steps: Sequence[float], values: Sequence[float], most: int = _MOST_POINTS) -> Line:
    """At most `most` points: means over groups of steps that follow each other."""
    size = -(-len(steps) // most) if steps else 1
    starts = range(0, len(steps), size)
    return Line(
        [_mean(steps[start : start + size]) for start in starts],
        [_mean(values[start : start + size]) for start in starts],
    )


def foremost(names: Sequence[str], metric: str | None, most: int = _MOST_METRICS) -> list[str]:
    """The names of the metrics to draw: all, or of many the foremost, with `metric` among them."""
    if len(names) <= most:
        return list(names)
    chosen = [
        name
        for start, end in _FOREMOST
        for name in names
        if name.startswith(start) and name.endswith(end) and name != metric
    ]
    first = [metric] if metric and metric in names else []
    return [*first, *(chosen or names)][:most]


def _draw_losses(axes: Axes, steps: Sequence[Mapping[str, Any]]) -> None:
    axes.set_ylabel("loss")
    _draw(axes, "loss", _numbers(steps, lambda line: line["loss"]), "#000000")
    parts = _parts(steps)
    for colour, name in zip(COLOURS, parts if len(parts) > 1 else [], strict=False):
        _draw(axes, name, _numbers(steps, lambda line, n=name: line.get(n)), colour)


def _parts(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    logged = dict.fromkeys(name for line in steps for name in line)
    return [
        *(name for name in PARTS if name in logged),
        *(name for name in logged if name.startswith(_ANCHOR)),
    ]


def _draw_rates(axes: Axes, steps: Sequence[Mapping[str, Any]]) -> None:
    axes.set_ylabel("learning rate")
    lines = {
        name: _numbers(steps, lambda line, n=name: line["rates"].get(n))
        for name in _keys(steps, "rates")
    }
    groups: dict[tuple[float, ...], list[str]] = {}
    for name, line in lines.items():
        groups.setdefault(tuple(line.values), []).append(name)
    # Equal rates would hide each other: one line bears all their names.
    for colour, names in zip(COLOURS, groups.values(), strict=False):
        _draw(axes, ", ".join(names), lines[names[0]], colour)


def _draw_validations(
    axes: Axes, validations: Sequence[Mapping[str, Any]], metric: str | None
) -> None:
    axes.set_ylabel("top-1, share right")
    axes.set_ylim(-0.02, 1.02)
    names = foremost(_keys(validations, "metrics"), metric)
    for colour, name in zip(COLOURS, names, strict=False):
        line = _numbers(validations, lambda line, n=name: line["metrics"].get(n))
        axes.plot(
            *line, marker=".", color=colour, linewidth=2.2 if name == metric else 1, label=name
        )
    if metric is None:
        value = _numbers(validations, lambda line: line.get("value"))
        axes.plot(*value, color=OTHER_COLOUR, linewidth=2.2, linestyle="--", label="mean of all")


def _draw(axes: Axes, name: str, line: Line, colour: str) -> None:
    few = averaged(*line)
    axes.plot(*few, color=colour, linewidth=1, marker="." if len(few.steps) < 2 else "", label=name)


def _numbers(lines: Sequence[Mapping[str, Any]], value_of: Any) -> Line:
    """The steps that have the value, and their values."""
    found = [(float(line["step"]), value_of(line)) for line in lines]
    known = [(step, float(value)) for step, value in found if value is not None]
    return Line([step for step, _ in known], [value for _, value in known])


def _keys(lines: Sequence[Mapping[str, Any]], field: str) -> list[str]:
    return list(dict.fromkeys(key for line in lines for key in line.get(field) or {}))


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)
