"""From exceptions to a sentence, the next step and an exit code: the one table of it."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import typer

from clibd_cli.cli.ctrl_c import INTERRUPTED
from clibd_cli.core.errors import ClibdError

P = ParamSpec("P")
R = TypeVar("R")

_SYSTEM: dict[int | None, tuple[str, str]] = {
    errno.ENOSPC: (
        "the disk is full",
        "Make room and run the same command again; embed goes on from its finished parts.",
    ),
    errno.EFBIG: ("a file has become too large", "Raise the limit on its size (`ulimit -f`)."),
    errno.EDQUOT: ("your disk quota is used up", "Make room and run the same command again."),
    errno.EROFS: ("the file system is read-only", "Give an --out that can be written."),
    errno.EACCES: ("permission denied", "Check who owns it, or give another --out."),
    errno.EPERM: ("permission denied", "Check who owns it, or give another --out."),
    errno.EMFILE: ("too many open files", "Raise the limit (`ulimit -n`) or lower --workers."),
    errno.ENAMETOOLONG: ("the name is too long", "Give a shorter one."),
}

_PATH_HINT = "Check the path, and whether you may write there."


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """A command that tells its failures in sentences; `CLIBD_DEBUG=1` shows the traceback."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except typer.Exit:
            raise
        except (Exception, KeyboardInterrupt) as error:
            if os.environ.get("CLIBD_DEBUG") == "1":
                traceback.print_exc()
            raise typer.Exit(tell(error)) from error

    return run


def tell(error: BaseException) -> int:
    """Say on stderr what happened and what to do; the exit code."""
    if isinstance(error, BrokenPipeError):
        # Whoever read our output has seen enough; Python must not complain at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    if isinstance(error, KeyboardInterrupt):
        _say(
            "stopped",
            "Run the same command again: it goes on (embed, train), or begins anew.",
        )
        return INTERRUPTED
    if isinstance(error, ClibdError):
        _say(error.message, error.hint)
        return error.exit_code
    if isinstance(error, OSError) and error.errno is not None:
        what, hint = _SYSTEM.get(error.errno, (str(error.strerror).lower(), _PATH_HINT))
        where = f": {error.filename}" if error.filename else ""
        _say(f"{what}{where}", hint)
        return 1
    if isinstance(error, UnicodeEncodeError):
        _say(f"the name {error.object} is not UTF-8", "Rename it, or give another --out.")
        return 1
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        _say("out of memory", "Lower --batch-size or --workers.")
        return 1
    _say(
        f"{type(error).__name__}: {error}",
        "This is a fault in clibd: please report it with the output of CLIBD_DEBUG=1.",
    )
    return 1


def _say(message: str, hint: str | None) -> None:
    from clibd_cli.cli.console import printable

    typer.secho("error: ", fg="red", bold=True, nl=False, err=True)
    typer.echo(printable(message), err=True)
    if hint:
        typer.echo(f"  {printable(hint)}", err=True)
