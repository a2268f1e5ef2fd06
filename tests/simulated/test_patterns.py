"""The marks of a species."""

from itertools import pairwise

import numpy as np
import pytest

from clibd_cli.simulated.patterns import marks
from clibd_cli.simulated.shapes import Surface, oval
from clibd_cli.simulated.traits import Motif, Pattern

SURFACE = Surface((0, 0), 90, 1.0, 0.3, oval, oval)


@pytest.mark.parametrize(
    ("motif", "shapes"),
    [("spots", 6), ("bands", 3), ("stripes", 3), ("margin", 5), ("eyespot", 3), ("patch", 1)],
)
def test_each_motif_has_its_marks_and_they_are_on_the_surface(motif: Motif, shapes: int) -> None:
    found = marks(SURFACE, Pattern(motif, 3, 0.5), (10, 20, 30), opacity=200)
    assert len(found) == shapes
    assert found[0].paint == (10, 20, 30, 200)
    for shape in found:
        x, y = shape.points.T
        assert x.min() >= 0 and x.max() <= 1
        assert (np.abs(y) <= 0.3 * np.sqrt(np.clip(1 - (2 * x - 1) ** 2, 0, 1)) + 1e-9).all()


@pytest.mark.parametrize("motif", ["bands", "margin", "patch", "eyespot", "spots", "stripes"])
def test_extent_makes_marks_larger(motif: Motif) -> None:
    small, large = (
        float(np.ptp(marks(SURFACE, Pattern(motif, 2, extent), (0, 0, 0))[0].points, axis=0).sum())
        for extent in (0.0, 1.0)
    )
    assert large > small


def test_dots_contrast_with_their_margin() -> None:
    for colour in ((240, 230, 200), (60, 40, 30)):
        margin, dot, *_ = marks(SURFACE, Pattern("margin", 2, 0.5), colour)
        assert abs(sum(margin.paint[:3]) - sum(dot.paint[:3])) > 100


def test_rows_of_spots_do_not_run_into_each_other_on_a_short_surface() -> None:
    short = Surface((0, 0), 90, 0.5, 0.3, oval, oval)
    spots = marks(short, Pattern("spots", 4, 1.0), (0, 0, 0))[::2]
    ends = [(shape.points[:, 0].min(), shape.points[:, 0].max()) for shape in spots]
    assert all(end < start for (_, end), (start, _) in pairwise(ends))
