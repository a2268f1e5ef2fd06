"""Streams: order, look-ahead, shards."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clibd_cli.core.errors import UsageError
from clibd_cli.tasks.windows import Shard, in_order, parse_shard, windows


@given(st.lists(st.integers()), st.integers(1, 7))
def test_windows_cut_without_loss(records: list[int], size: int) -> None:
    cut = [list(window) for window in windows(records, size)]
    assert [x for window in cut for x in window] == records
    assert all(len(window) == size for window in cut[:-1])


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_results_keep_the_order(workers: int) -> None:
    assert list(in_order(lambda x: x * x, range(50), workers, ahead=5)) == [
        x * x for x in range(50)
    ]


def test_only_so_far_ahead() -> None:
    asked: list[int] = []

    def numbers() -> Iterator[int]:
        for i in range(100):
            asked.append(i)
            yield i

    results = in_order(lambda x: x, numbers(), workers=2, ahead=3)
    next(results)
    assert len(asked) == 4
    results.close()


def test_a_failure_reaches_the_reader_and_the_threads_end() -> None:
    def fail(x: int) -> int:
        raise ValueError(x)

    before = threading.active_count()
    with pytest.raises(ValueError, match="0"):
        list(in_order(fail, range(5), workers=2, ahead=3))
    assert threading.active_count() == before


def test_shards_share_out_every_record_once() -> None:
    shares = [list(Shard(i, 3).take(range(10))) for i in (1, 2, 3)]
    assert sorted(x for share in shares for x in share) == list(range(10))


def test_job_arrays_may_count_from_zero_or_one() -> None:
    assert {parse_shard(f"{i}/4") for i in range(4)} == {parse_shard(f"{i}/4") for i in range(1, 5)}
    assert parse_shard("2/4").name == "shard-2-of-4"


@pytest.mark.parametrize("text", ["", "1", "a/b", "5/4", "-1/4", "1/0", "0/0", "1/2/3"])
def test_a_shard_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="i/n"):
        parse_shard(text)
