"""Plots: what they show, and files that are the same every time."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clibd_cli.core.errors import ClibdError
from clibd_cli.report.plots import require_matplotlib, save_figure, shortened, styled
from clibd_cli.report.plots_confusion import Pairs, confusion_matrix, plot_confusion
from clibd_cli.report.plots_keys import SpeciesAccuracy, bin_species, plot_by_keys
from clibd_cli.report.plots_map import plot_map, principal_components

PNG = b"\x89PNG\r\n\x1a\n"
ODD = ["$x^2$ & <b>", "蝶 \u0301", "a_{b}", "x" * 60]
"""Names that mean something to mathematics, to HTML, and to fonts."""


def pairs(*rows: tuple[int, int, int]) -> Pairs:
    true, given, times = (np.array(column) for column in zip(*rows, strict=True))
    return Pairs(true, given, times)


def test_the_same_bytes_every_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    written = []
    for run in ("a", "b"):
        with styled():
            figure = plot_confusion(pairs((0, 0, 5), (1, 0, 2)), ["A", "B"], "genus", "dna → dna")
            paths = save_figure(figure, tmp_path / run / "confusion.genus.dna-dna")
        assert [p.name for p in paths] == [f"confusion.genus.dna-dna.{s}" for s in ("png", "svg")]
        written.append([path.read_bytes() for path in paths])
    assert written[0] == written[1]
    assert written[0][0].startswith(PNG)
    assert b"<svg" in written[0][1]


def test_names_of_all_kinds_can_be_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    every = [(true, (true + 1) % 4, 1) for true in range(4)]
    with styled():
        figure = plot_confusion(pairs(*every, (0, -1, 1)), ODD, "species", "")
        text = save_figure(figure, tmp_path / "c")[1].read_text(encoding="utf-8")
        space = np.random.default_rng(0).normal(size=(8, 3))
        kinds = ["image", "dna"] * 4
        save_figure(
            plot_map(space, kinds, {"order": [None] * 8, "family": ODD * 2}), tmp_path / "m"
        )
    assert "$x^2$ &amp; &lt;b&gt;" in text
    assert "no name" in text


def test_accuracy_by_keys_is_the_mean_of_the_species_in_a_bin() -> None:
    accuracy, keys = np.array([0.0, 1.0, 0.5, 1.0, 0.2]), np.array([0, 1, 1, 6, 5000])
    found = [(b.species, b.accuracy) for b in bin_species(SpeciesAccuracy(accuracy, keys))]
    assert found == [(1, 0.0), (2, 0.75), (1, 1.0), (1, 0.2)]


def test_accuracy_by_keys_is_drawn_for_both_groups(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    seen = SpeciesAccuracy(np.array([0.5, 1.0]), np.array([1, 30]))
    unseen = SpeciesAccuracy(np.array([0.25]), np.array([2]))
    with styled():
        figure = plot_by_keys({"seen": seen, "unseen": unseen}, "dna → dna")
        svg = save_figure(figure, tmp_path / "k")[1].read_text(encoding="utf-8")
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2", "22–31"]
    places = {tuple(np.round(dot.get_offsets()[0], 3)) for dot in axes.collections[:3]}
    assert places == {(-0.2, 0.5), (1.8, 1.0), (1.2, 0.25)}
    assert "seen species" in svg
    assert "unseen species" in svg


def test_the_matrix_of_few_classes_is_whole() -> None:
    found = confusion_matrix(pairs((0, 0, 5), (0, 1, 1), (1, 1, 4), (1, -1, 2)), ["B", "A"])
    assert (found.rows, found.columns) == (["A", "B"], ["A", "B", "no name"])
    assert found.counts.tolist() == [[4, 0, 2], [1, 5, 0]]


def test_the_matrix_of_many_classes_has_the_commonest_errors() -> None:
    right = [(code, code, 100) for code in range(30)]
    names = [f"n{code:02d}" for code in range(31)]
    found = confusion_matrix(pairs(*right, (7, 30, 9), (8, 7, 5), (3, 4, 1)), names, shown=3)
    assert found.rows == ["n07", "n08", "other"]
    assert found.columns == ["n07", "n08", "n30", "other"]
    assert found.counts.tolist() == [[100, 0, 9, 0], [5, 100, 0, 0], [0, 0, 0, 2801]]


def test_principal_components() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, 6)) * [5, 2, 0.1, 0.1, 0.1, 0.1]
    points, shares = principal_components(vectors)
    centred = vectors - vectors.mean(axis=0)
    assert np.abs(points[:, 0] - centred[:, 0]).max() < 0.3
    assert shares.sum() == pytest.approx(1, abs=0.01)
    assert shares[0] > shares[1]
    flipped, _ = principal_components(vectors[::-1])
    assert np.allclose(flipped[::-1], points)


@pytest.mark.parametrize("shape", [(1, 4), (2, 4), (5, 1)])
def test_a_map_of_hardly_anything(shape: tuple[int, int]) -> None:
    points, shares = principal_components(np.ones(shape) * np.arange(shape[0])[:, None])
    assert points.shape == (shape[0], 2)
    assert np.isfinite(points).all()
    assert np.isfinite(shares).all()


def test_long_names_are_cut() -> None:
    assert shortened(["abc", "abcdef"], 4) == ["abc", "abc…"]


def test_without_matplotlib_the_next_step_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "matplotlib":
            raise ImportError(name)
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ClibdError, match="matplotlib") as caught:
        require_matplotlib()
    assert "clibd[plots]" in str(caught.value.hint)
