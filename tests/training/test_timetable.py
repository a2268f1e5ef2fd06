"""What happens after which step of a run."""

from __future__ import annotations

from clibd_cli.training.timetable import Timetable


def test_a_run_that_ends_within_an_epoch() -> None:
    times = Timetable(per_epoch=4, total=10, end=10, validate_every=2, checkpoint_every=3)
    steps = range(1, 11)
    assert times.epochs == 3
    assert [times.epoch_of(step) for step in steps] == [1, 1, 1, 1, 2, 2, 2, 2, 3, 3]
    assert [step for step in steps if times.ends_epoch(step)] == [4, 8]
    assert [step for step in steps if times.saves_after(step)] == [3, 6, 9]
    assert [step for step in steps if times.validates_after(step, 0)] == [8, 10]
    assert [times.left_in_epoch(finished) for finished in (0, 3, 4, 8)] == [4, 1, 4, 2]


def test_a_validation_is_not_repeated() -> None:
    times = Timetable(per_epoch=4, total=8, end=8, validate_every=1, checkpoint_every=4)
    assert times.validates_after(4, 0)
    assert not times.validates_after(4, 4)


def test_a_call_that_stops_early_keeps_the_calendar_of_the_run() -> None:
    times = Timetable(per_epoch=4, total=10, end=5, validate_every=1, checkpoint_every=4)
    assert times.epochs == 3
    assert times.left_in_epoch(4) == 1
    assert not times.validates_after(5, 4)
