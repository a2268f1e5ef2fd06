"""Streams: windows and shards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clibd_cli.core.errors import UsageError
from clibd_cli.tasks.windows import Shard, parse_shard, windows


@given(st.lists(st.integers()), st.integers(1, 7))
def test_windows_cut_without_loss(records: list[int], size: int) -> None:
    cut = [list(window) for window in windows(records, size)]
    assert [x for window in cut for x in window] == records
    assert all(len(window) == size for window in cut[:-1])


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
