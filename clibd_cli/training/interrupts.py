"""Ctrl-C at the right moment: what must be done whole is done before it is heard."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def uninterrupted() -> Iterator[None]:
    """A KeyboardInterrupt that comes within the block is raised at its end.

    Only the main thread hears of Ctrl-C, so that elsewhere there is nothing to do.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        pressed.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        # None stands for a handler that Python did not set and cannot put back.
        signal.signal(signal.SIGINT, signal.default_int_handler if before is None else before)
    if pressed:
        signal.raise_signal(signal.SIGINT)
