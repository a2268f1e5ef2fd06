"""From how sure a name is to whether it is given."""

from __future__ import annotations

import pytest

from clibd_cli.calibration.curves import (
    FORMAT_VERSION,
    Calibration,
    RankCalibration,
    Step,
    from_json,
)
from clibd_cli.calibration.logistic import Logistic

STEPS = tuple(Step(n / 100, n / 100, 1.0, 1.0) for n in range(50, 101))
"""Names of a probability p or more are right with probability p."""


def calibration(new_species: int) -> Calibration:
    curve = Logistic((), (), (), ())
    rank = RankCalibration(curve, single=False, steps=STEPS, reliability=())
    asked = {"specimen": 1000, "species": 8 * new_species, "genus": 0}
    ranks = {"species": rank}
    return Calibration(
        "image", ("image",), False, False, asked, 0.2, ranks, new_species, "references", 0, curve
    )


def test_the_fewer_new_species_were_asked_the_more_is_kept_in_reserve() -> None:
    of_many, of_fewer, of_few, of_one = (
        calibration(n).threshold("species", 0.9) for n in (1000, 100, 16, 1)
    )
    assert of_many == 0.91
    assert of_fewer == 0.92
    assert of_few == 0.95
    assert of_one == 1.0


def test_ranks_that_are_no_table_are_told() -> None:
    with pytest.raises(ValueError, match="ranks"):
        from_json(f'{{"format_version": {FORMAT_VERSION}, "calibrations": [{{"ranks": []}}]}}')


def test_without_a_target_nothing_is_held_back() -> None:
    assert calibration(4).threshold("species", 0.0) == 0.0
