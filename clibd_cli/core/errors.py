"""The one family of exceptions that clibd raises on purpose.

An error carries what happened, what to do next, and the exit code that the shell shows.
Bad records in an input are no errors: they are `Skip` values (see `core.records`).
"""

from __future__ import annotations


class ClibdError(Exception):
    """Bad data or a failure that the user can act on.

    Args:
        message: what happened, naming the file and the record or line.
        hint: the next step, as an instruction; shown on a line of its own.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ClibdError):
    """The words of the command do not fit together."""

    exit_code = 2
