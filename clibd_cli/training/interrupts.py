"""Ctrl-C, and the signals that end a program, at the right moment.

A cluster that takes a machine back sends SIGTERM, a terminal that is closed SIGHUP: training ends
at them as at Ctrl-C, with a checkpoint. What must be done whole is done before any is heard.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_ENDS = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)
"""The signals that end a program, those of them that the platform has."""


class Ended(KeyboardInterrupt):
    """The program was told to end, by a signal.

    Attributes:
        exit_code: what shells expect then: 128 and the number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


@contextmanager
def ended_like_ctrl_c() -> Iterator[None]:
    """Signals that would end the program raise `Ended` within the block.

    What somebody has taken care of (`nohup`, or a handler of another library) stays as it is, and
    outside the main thread nothing can be done.
    """

    def end(number: int, _frame: FrameType | None) -> None:
        raise Ended(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    free = [number for number in _ENDS if signal.getsignal(number) is signal.SIG_DFL]
    for number in free:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in free:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """A Ctrl-C, or an `Ended`, that comes within the block is raised at its end.

    Only the main thread hears of signals, so that elsewhere there is nothing to do.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        heard.append(number)

    # Of the others, those that would raise: a signal that nobody hears ends nothing in between.
    ends = [number for number in _ENDS if callable(signal.getsignal(number))]
    before: dict[int, Any] = {number: signal.signal(number, note) for number in ends}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        for number, handler in before.items():
            # None stands for a handler that Python did not set and cannot put back.
            signal.signal(number, signal.default_int_handler if handler is None else handler)
    if heard:
        signal.raise_signal(heard[0])
