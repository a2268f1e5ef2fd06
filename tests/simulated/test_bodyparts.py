"""The shared parts: pairs are mirror images, postures vary, legs end where legs end."""

from dataclasses import replace

import numpy as np

from clibd_cli.simulated.bodyparts import Posture, antennae, ball, legs, pair
from clibd_cli.simulated.shapes import Surface, oval
from clibd_cli.simulated.traits import traits_of

TRAITS = traits_of((1, 0, 0, 0), 7)
HIPS = [(0.1, -0.1), (0.1, 0.0), (0.1, 0.1)]


def test_postures_differ_between_specimens_but_not_between_runs() -> None:
    one, same, other = (Posture.drawn(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one == same != other
    assert one.fore[0] != one.fore[1]


def test_a_pair_is_mirrored_and_each_side_turns_outwards_by_its_own_angle() -> None:
    wing = Surface((0.1, 0), 90, 1, 0.2, oval, oval)
    right, left = pair(wing, (0, 30))
    tip = np.array([[1, 0.5]])
    np.testing.assert_allclose(right.at(tip), [[1.1, 0]], atol=1e-12)
    np.testing.assert_allclose(left.at(tip), [[-0.1 - np.sqrt(0.75), 0.5]], atol=1e-12)


def test_a_ball_is_an_ellipse_round_its_centre() -> None:
    points = ball((0.2, -0.3), 0.1, 0.4, (1, 2, 3, 255)).points
    np.testing.assert_allclose(points.max(axis=0), [0.3, 0.1], atol=5e-3)
    np.testing.assert_allclose(points.min(axis=0), [0.1, -0.7], atol=5e-3)


def test_six_legs_that_a_turn_moves_but_does_not_stretch() -> None:
    rest = Posture((0, 0), (0, 0), ((0, 0, 0), (0, 0, 0)))
    turned = replace(rest, legs=((0, 0, 0), (20, 0, 0)))
    before, after = (legs(HIPS, (50, 100, 140), 0.5, 0.03, TRAITS, p) for p in (rest, turned))
    assert len(before) == 6 * 3
    lengths = [
        [np.linalg.norm(np.diff(s.points, axis=0)) for s in found] for found in (before, after)
    ]
    np.testing.assert_allclose(*lengths)
    moved = [not np.allclose(a.points, b.points) for a, b in zip(before, after, strict=True)]
    assert moved == [False] * 9 + [True] * 3 + [False] * 6


def test_antennae_reach_as_far_as_told_and_may_have_clubs() -> None:
    plain, clubbed = (antennae((0, 0), 0.6, 20, TRAITS, club) for club in (0, 0.02))
    assert (len(plain), len(clubbed)) == (2, 4)
    np.testing.assert_allclose(np.linalg.norm(plain[0].points[-1]), 0.6)
    np.testing.assert_allclose(plain[0].points, plain[1].points * (-1, 1))
