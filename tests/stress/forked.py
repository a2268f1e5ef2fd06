"""A clibd command in a child process, with a fault at a chosen moment.

Children are forked from one process that has loaded all libraries and started no thread, so that
a trial takes a second and not five. POSIX only.
"""

from __future__ import annotations

import errno
import mmap
import os
import resource
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Act = Callable[[], None]
"""What happens to the process at the moment."""

_NEVER = 0
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link"}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault and its moment.

    Attributes:
        touch: the number, from 1, of the change to a file (opening to write, renaming, removing)
            before which it acts; 0 for none.
        seconds: after so many seconds it acts; None for never.
        file_bytes: no file can become longer than this, as on a full disk; None for no limit.
    """

    act: Act | None = None
    touch: int = _NEVER
    seconds: float | None = None
    file_bytes: int | None = None

    def __str__(self) -> str:
        if self.file_bytes is not None:
            return f"files of {self.file_bytes} bytes at most"
        what = self.act.__name__ if self.act else "nothing"
        when = f"change {self.touch} to a file" if self.touch else f"{self.seconds} s"
        return f"{what} at {when}"


NONE = Fault()


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended.

    Attributes:
        code: its exit code; the number of the signal that killed it, negative.
        said: what it wrote to stdout and stderr.
        touches: the changes to files that it began.
    """

    code: int
    said: str
    touches: int
    seconds: float


def kill() -> None:
    """As a power cut, or `kill -9`."""
    os.kill(os.getpid(), signal.SIGKILL)


def press_ctrl_c() -> None:
    """Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)


def disk_full() -> None:
    """The file cannot be made."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def load_libraries() -> None:
    """Import what the commands import, so that children need not; no thread is started."""
    import Bio.SeqIO.FastaIO  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import pyarrow.dataset
    import pyarrow.parquet
    import torch
    import torch._dynamo
    import transformers  # noqa: F401

    import clibd_cli.cli.main
    import clibd_cli.models.model
    import clibd_cli.tasks.train
    import clibd_cli.training.trainer  # noqa: F401

    torch.set_num_threads(1)
    pyarrow.set_cpu_count(1)


def clibd(words: Sequence[str], folder: Path, fault: Fault = NONE) -> Ended:
    """Run `clibd` with `words` in `folder`, and wait for its end."""

    def main() -> None:
        from clibd_cli.cli.main import run

        sys.argv = ["clibd", *words]
        run()

    return forked(main, folder, fault)


def forked(main: Callable[[], object], folder: Path, fault: Fault = NONE) -> Ended:
    """Run `main` in a child whose working folder is `folder`, and wait for its end."""
    ours, theirs = os.pipe()
    with mmap.mmap(-1, 8) as counter, os.fdopen(ours, "rb") as heard:
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            _live(main, folder, fault, counter, theirs)
        os.close(theirs)
        said = heard.read().decode("utf-8", "replace")
        _, status = os.waitpid(child, 0)
        touches = struct.unpack("q", counter[:8])[0]
    code = os.waitstatus_to_exitcode(status)
    return Ended(code, said, touches, time.monotonic() - started)


def _live(
    main: Callable[[], object], folder: Path, fault: Fault, counter: mmap.mmap, said: int
) -> None:
    """The life of a child; it does not return."""
    code = 70
    try:
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(said, number)
            setattr(sys, name, open(number, "w", encoding="utf-8", closefd=False))  # noqa: SIM115
        os.chdir(folder)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if fault.file_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (fault.file_bytes, fault.file_bytes))
        if fault.seconds is not None and fault.act is not None:
            timer = threading.Timer(fault.seconds, fault.act)
            timer.daemon = True
            timer.start()
        sys.addaudithook(_Watch(counter, fault))
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


class _Watch:
    """An audit hook that counts changes to files, and acts before one of them."""

    def __init__(self, counter: mmap.mmap, fault: Fault) -> None:
        self._counter = counter
        self._fault = fault
        self._n = 0

    def __call__(self, event: str, values: tuple[Any, ...]) -> None:
        if not _changes_a_file(event, values):
            return
        self._n += 1
        self._counter[:8] = struct.pack("q", self._n)
        if self._n == self._fault.touch and self._fault.act is not None:
            self._fault.act()


def _changes_a_file(event: str, values: tuple[Any, ...]) -> bool:
    if event == "open":
        path, _, flags = values
        return not isinstance(path, int) and bool(flags & _WRITES) and str(path) != os.devnull
    return event in _CHANGES
