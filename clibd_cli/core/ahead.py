"""Work done ahead in threads: in order, and in bounded memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_MOST_WORKERS = 32


def default_workers() -> int:
    """As many reader threads as there are cores for this process, within reason.

    A job of a cluster may be given 4 cores of 128; only Linux says so.
    """
    if hasattr(os, "sched_getaffinity"):
        return min(_MOST_WORKERS, len(os.sched_getaffinity(0)))
    return min(_MOST_WORKERS, os.cpu_count() or 1)


def done_ahead(
    function: Callable[[T], R], items: Iterable[T], workers: int, most: int
) -> Generator[R, None, None]:
    """`function` of each item, in order, computed by `workers` threads up to `most` items early.

    With no workers, each is computed when it is asked for. Close the iterator to stop early.
    """
    if workers < 1:
        yield from map(function, items)
        return
    waiting: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="clibd-reader")
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
