"""Work done ahead comes back in order, bounded, and its errors reach who asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from clibd_cli.core.ahead import default_workers, done_ahead


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_in_order(workers: int) -> None:
    assert list(done_ahead(lambda n: n * n, range(50), workers, 4)) == [n * n for n in range(50)]


@pytest.mark.parametrize("most", [0, 3])
def test_no_more_than_so_many_ahead(most: int) -> None:
    taken = []

    def items() -> Iterator[int]:
        for n in range(50):
            taken.append(n)
            yield n

    done = done_ahead(str, items(), 2, most)
    assert [next(done), next(done)] == ["0", "1"]
    assert len(taken) == most + 2
    before = threading.active_count()
    done.close()
    assert threading.active_count() < before


def test_an_error_comes_at_its_place() -> None:
    done = done_ahead(lambda n: 1 // (3 - n), range(9), 2, 2)
    assert [next(done), next(done), next(done)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(done)


def test_as_many_workers_as_cores_within_reason() -> None:
    assert 1 <= default_workers() <= 16


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_results_keep_the_order(workers: int) -> None:
    assert list(done_ahead(lambda x: x * x, range(50), workers, most=5)) == [
        x * x for x in range(50)
    ]


def test_only_so_far_ahead() -> None:
    asked: list[int] = []

    def numbers() -> Iterator[int]:
        for i in range(100):
            asked.append(i)
            yield i

    results = done_ahead(lambda x: x, numbers(), workers=2, most=3)
    next(results)
    assert len(asked) == 4
    results.close()


def test_a_failure_reaches_the_reader_and_the_threads_end() -> None:
    def fail(x: int) -> int:
        raise ValueError(x)

    before = threading.active_count()
    with pytest.raises(ValueError, match="0"):
        list(done_ahead(fail, range(5), workers=2, most=3))
    assert threading.active_count() == before
