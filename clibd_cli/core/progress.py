"""How long work reports itself, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told about finished items; the shell draws a bar, a Python caller may ignore it.

    Attributes:
        live: whether somebody watches, so that counting the inputs first pays.
    """

    live: bool

    def begin(self, label: str, total: int | None) -> None:
        """A stage starts; `total` is None where it cannot be known."""

    def advance(self, n: int = 1) -> None:
        """`n` more items of the stage are done."""

    def warn(self, message: str) -> None:
        """Something the user should know, on a line of its own."""


class Silent:
    """The listener that does nothing."""

    live = False

    def begin(self, label: str, total: int | None) -> None:
        """Nothing."""

    def advance(self, n: int = 1) -> None:
        """Nothing."""

    def warn(self, message: str) -> None:
        """Nothing."""


SILENT: Progress = Silent()
