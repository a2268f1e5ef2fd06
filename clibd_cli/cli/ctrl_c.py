"""Ctrl-C: once ends a command in order, twice at once, and neither shows a traceback."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130
"""The exit code that shells expect: 128 and the number of SIGINT."""

_SHOW_CURSOR = b"\x1b[?25h\n"
"""A bar of progress has hidden it."""


def listen() -> None:
    """Act so from now on; what ignores Ctrl-C, as a command in the background, still does."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)


def _stop(number: int, frame: FrameType | None) -> None:
    # Libraries that an exception meets while they are loaded may abort with a dump of memory.
    # Ending at once loses nothing: what stands under a final name is whole at any moment.
    if _is_importing(frame):
        _end(number, frame)
    signal.signal(signal.SIGINT, _end)
    raise KeyboardInterrupt


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """Wait for no thread, whatever it does."""
    if os.isatty(2):
        os.write(2, _SHOW_CURSOR)
    os._exit(INTERRUPTED)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
