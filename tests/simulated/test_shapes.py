"""Surfaces: their own coordinates land where they should on the animal."""

import numpy as np
import pytest

from clibd_cli.simulated.shapes import Surface, flat, leaf, oval, scaled, shade


def wing(mirrored: bool = False) -> Surface:
    return Surface((0.1, 0.2), 90, 0.8, 0.2, oval, oval, mirrored)


def test_root_tip_and_middle_lie_on_the_axis() -> None:
    points = wing().at(np.array([[0, 0.5], [1, 0.5], [0.5, 0.5]]))
    np.testing.assert_allclose(points, [[0.1, 0.2], [0.9, 0.2], [0.5, 0.2]], atol=1e-12)


def test_the_leading_edge_of_an_outstretched_right_wing_is_nearer_the_head() -> None:
    lead, trail = wing().at(np.array([[0.5, 0.0], [0.5, 1.0]]))
    np.testing.assert_allclose([lead, trail], [[0.5, 0.0], [0.5, 0.4]], atol=1e-12)


def test_the_left_side_mirrors_the_right() -> None:
    uv = np.array([[0.3, 0.2], [0.9, 0.7]])
    np.testing.assert_allclose(wing(mirrored=True).at(uv), wing().at(uv) * (-1, 1))


def test_marks_stay_inside_the_surface() -> None:
    inside = wing().spot(0.02, 0.0, 0.3, (0, 0, 0, 255)).points
    assert inside[:, 0].min() >= 0.1 - 1e-9 and inside[:, 0].max() <= 0.9 + 1e-9
    assert np.abs(inside[:, 1] - 0.2).max() <= 0.2 + 1e-9


def test_a_spot_in_the_middle_is_about_round() -> None:
    extent = np.ptp(wing().spot(0.5, 0.5, 0.05, (0, 0, 0, 255)).points, axis=0)
    np.testing.assert_allclose(extent, [0.1, 0.1], rtol=0.05)


def test_breadth_is_the_greatest_width() -> None:
    assert wing().breadth == pytest.approx(0.4)
    assert Surface((0, 0), 0, 1, 0.3, flat, scaled(oval, 0.5)).breadth == pytest.approx(0.15)


def test_a_leaf_is_widest_where_it_is_told() -> None:
    u = np.linspace(0, 1, 1001)
    assert u[leaf(0.7)(u).argmax()] == pytest.approx(0.7, abs=0.002)


def test_shades_stay_within_bytes() -> None:
    assert shade((200, 100, 0), 2.0, 9) == (255, 200, 0, 9)
    assert shade((200, 100, 0), 0.5) == (100, 50, 0, 255)
