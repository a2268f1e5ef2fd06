"""The body plans: whole animals within the picture, two-sided, varying by specimen."""

from dataclasses import replace

import numpy as np
import pytest

from clibd_cli.simulated.anatomy import shapes_of
from clibd_cli.simulated.bodyparts import Posture
from clibd_cli.simulated.traits import Traits, traits_of

AT_REST = Posture((0, 0), (0, 0), ((0, 0, 0), (0, 0, 0)))
ALL_PLANS = [traits_of((order, 0, 0, 0), 7) for order in range(4)]


@pytest.mark.parametrize("traits", ALL_PLANS, ids=lambda traits: traits.plan)
def test_an_animal_fits_its_picture(traits: Traits) -> None:
    points = np.concatenate([shape.points for shape in shapes_of(traits, AT_REST)])
    assert 0.7 < np.abs(points).max() < 1.15
    assert np.isfinite(points).all()


@pytest.mark.parametrize("traits", ALL_PLANS, ids=lambda traits: traits.plan)
def test_an_animal_at_rest_has_two_like_sides(traits: Traits) -> None:
    points = np.concatenate([shape.points for shape in shapes_of(traits, AT_REST)])
    assert points[:, 0].min() == pytest.approx(-points[:, 0].max(), abs=1e-6)


@pytest.mark.parametrize("traits", ALL_PLANS, ids=lambda traits: traits.plan)
def test_the_pattern_shows(traits: Traits) -> None:
    count = {
        motif: len(
            shapes_of(replace(traits, pattern=replace(traits.pattern, motif=motif)), AT_REST)
        )
        for motif in ("patch", "spots")
    }
    assert count["spots"] > count["patch"]
