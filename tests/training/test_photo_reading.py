"""Work done ahead comes back in order, bounded, and its errors reach who asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from clibd_cli.training.photo_reading import default_workers, done_ahead


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
