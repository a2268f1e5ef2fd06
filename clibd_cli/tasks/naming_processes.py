"""Many barcodes named in processes of their own, beside the one that encodes and searches.

Aligning and naming are Python at work for half a millisecond a barcode. In one process that and
the many small steps of the encoder would wait for each other, whatever cores there are.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread

from threadpoolctl import threadpool_limits

from clibd_cli.core.ahead import default_workers
from clibd_cli.core.closing import Closing
from clibd_cli.core.garbage import collect_less
from clibd_cli.core.progress import SILENT
from clibd_cli.core.records import Modality
from clibd_cli.tasks.aligning import Align
from clibd_cli.tasks.calls import Decide, call
from clibd_cli.tasks.deciding import Rules, decide_by
from clibd_cli.tasks.finding import Finder, Found, Searched
from clibd_cli.tasks.inputs import Inputs
from clibd_cli.tasks.result_blocks import Block, block_of
from clibd_cli.vectors.index import ReferenceIndex

_MOST = 3
"""Processes, however many cores there are: one process encodes no faster than so many name."""
_WORTH_IT = 1_000_000
"""Bytes of FASTA from which starting a process, about a second of a core, is paid back."""
_PACKED = 4
"""How much smaller packed files are."""


def processes_for(inputs: Inputs) -> int:
    """How many processes beside this one would name `inputs` sooner than this one alone."""
    if inputs.modalities != ("dna",):
        return 0
    files = [Path(name) for name in inputs.dna]
    if not all(file.is_file() for file in files):  # `-`, a pipe: nobody knows how much is to come
        return 0
    packed = (".gz", ".zst")
    # Two for two cores, though with this one that makes three: so no core ever waits.
    count = min(_MOST, max(2, default_workers() - 1)) if default_workers() > 1 else 0
    sizes = (f.stat().st_size * (_PACKED if f.suffix in packed else 1) for f in files)
    return count if sum(sizes) >= _WORTH_IT else 0


class Namer:
    """Names the queries of a window, each by itself."""

    def __init__(self, finder: Finder, decide: Decide) -> None:
        self._finder = finder
        self._decide = decide

    def block(self, window: Searched) -> Block:
        """The rows of all queries of a window."""
        found = self._finder.found(window)
        return block_of(call([f], self._decide) if isinstance(f, Found) else f for f in found)


@dataclass(frozen=True, slots=True)
class Plan:
    """All that another process needs to know to name as this one does."""

    index: Path
    keys: tuple[Modality, ...]
    align: Align
    rules: Rules

    def namer(self) -> Namer:
        """Open what naming needs; the vectors of the index are not among it."""
        index = ReferenceIndex(self.index, self.keys, self.align != "never", search=False)
        finder = Finder(index, self.rules.k, self.align)
        decide, _ = decide_by(self.rules, index, finder.aligner is not None, SILENT.warn)
        return Namer(finder, decide)


class NamingProcesses(Closing):
    """Processes that name windows of queries, in order and a few windows ahead.

    Where one of them is ended from outside, this process names what is left.

    Args:
        here: names in this process.
        count: how many processes; the script of a Python user must be importable for them, as
            `multiprocessing` wants it.
    """

    def __init__(self, plan: Plan, here: Namer, count: int) -> None:
        self._here = here
        self._count = count
        self._pool: ProcessPoolExecutor | None = ProcessPoolExecutor(
            count, get_context("spawn"), initializer=_begin, initargs=(plan,)
        )
        self._submit(None)  # so that they start while this process loads its model
        # NumPy would multiply with all cores, and wait for those that the others are at.
        self._limits = threadpool_limits(max(1, default_workers() - count), user_api="blas")

    def blocks(self, windows: Iterable[Searched]) -> Iterator[Block]:
        """The rows of each window."""
        waiting: deque[tuple[Searched, Future[Block] | None]] = deque()
        for window in windows:
            waiting.append((window, self._submit(window)))
            if len(waiting) > 2 * self._count:
                yield self._block(*waiting.popleft())
        while waiting:
            yield self._block(*waiting.popleft())

    def close(self) -> None:
        """End the processes; what they have not begun is left."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
            self._limits.restore_original_limits()

    def _submit(self, window: Searched | None) -> Future[Block] | None:
        if self._pool is None:
            return None
        try:
            return self._pool.submit(_block, window)
        except BrokenProcessPool:
            self.close()
            return None

    def _block(self, window: Searched, named: Future[Block] | None) -> Block:
        try:
            if named is not None:
                return named.result()
        except BrokenProcessPool:
            self.close()
        return self._here.block(window)


_own: list[Namer] = []
"""In a process that names: what it names with."""


def _begin(plan: Plan) -> None:
    """What each process does first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process hears it, and ends this one
    Thread(target=_end_with_parent, daemon=True).start()
    _own.append(plan.namer())
    collect_less()


def _end_with_parent() -> None:
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)


def _block(window: Searched | None) -> Block:
    return Block() if window is None else _own[0].block(window)
