"""Curves of a run: what is drawn, and of how much."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clibd_cli.report.curves import averaged, foremost, plot_curves
from clibd_cli.report.plots import save_figure, styled


def step(n: int, **more: Any) -> dict[str, Any]:
    rates = {"image": 1e-3 / n, "dna": 1e-3 / n, "temperature": 5e-5}
    parts = {"contrastive": 2 / n, "species": 1 / n}
    return {"event": "step", "step": n, "loss": 3 / n, **parts, "rates": rates, **more}


def validation(n: int, **metrics: float) -> dict[str, Any]:
    value = sum(metrics.values()) / len(metrics)
    return {"event": "validation", "step": n, "value": value, "metrics": metrics}


def labels(axes: Any) -> list[str]:
    return [line.get_label() for line in axes.get_lines()]


def test_three_panels(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    journal = [step(1), step(2), validation(2, a=0.5, b=0.7), step(3), validation(3, a=0.6)]
    with styled():
        figure = plot_curves(journal, "a", "my run")
        paths = save_figure(figure, tmp_path / "curves")
    losses, rates, checks = figure.axes
    assert labels(losses) == ["loss", "contrastive", "species"]
    assert list(losses.get_lines()[0].get_ydata()) == [3, 1.5, 1]
    assert labels(rates) == ["image, dna", "temperature"]
    assert labels(checks) == ["a", "b"]
    assert list(checks.get_lines()[0].get_xdata()) == [2, 3]
    assert list(checks.get_lines()[1].get_xdata()) == [2]
    assert paths[0].name == "curves.png"


def test_every_part_of_the_loss_is_drawn() -> None:
    pytest.importorskip("matplotlib")
    with styled():
        losses = plot_curves([step(1, anchor_dna=0.5, anchor_text=0.4)], None, "").axes[0]
    assert labels(losses) == ["loss", "contrastive", "species", "anchor_dna", "anchor_text"]


def test_the_mean_is_drawn_where_it_decides() -> None:
    pytest.importorskip("matplotlib")
    with styled():
        checks = plot_curves([step(1), validation(1, a=0.2, b=0.4)], None, "").axes[2]
    assert labels(checks) == ["a", "b", "mean of all"]


@pytest.mark.parametrize("journal", [[], [step(1)], [step(1, loss=None)]])
def test_hardly_anything_can_be_drawn(tmp_path: Path, journal: list[dict[str, Any]]) -> None:
    pytest.importorskip("matplotlib")
    with styled():
        figure = plot_curves(journal, None, "")
        save_figure(figure, tmp_path / "curves")
    assert len(figure.axes) == 2


def test_many_steps_are_averaged() -> None:
    line = averaged(list(range(10)), [float(n) for n in range(10)], most=5)
    assert line.steps == line.values == [0.5, 2.5, 4.5, 6.5, 8.5]
    assert averaged([1, 2, 3], [1, 2, 3], most=5) == ([1, 2, 3], [1, 2, 3])
    assert averaged([], []) == ([], [])


def test_of_many_metrics_the_foremost_are_drawn() -> None:
    pairs = [f"{q}_to_{k}" for q in ("image", "dna") for k in ("image", "dna", "text")]
    ranks = ("family", "genus", "species")
    names = [f"{part}.{p}.{r}" for part in ("seen", "unseen") for p in pairs for r in ranks]
    chosen = foremost(names, "seen.dna_to_dna.family")
    assert len(chosen) == 8
    assert chosen[0] == "seen.dna_to_dna.family"
    assert chosen[1:7] == [f"seen.{p}.species" for p in pairs]
    assert chosen[7] == "unseen.image_to_image.genus"
    assert foremost(["a", "b"], None) == ["a", "b"]
