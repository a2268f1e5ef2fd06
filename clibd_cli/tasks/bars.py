"""Progress for Python callers: bars in a notebook or a terminal."""

from __future__ import annotations

from typing import Any

from clibd_cli.core.closing import Closing


class ProgressBars(Closing):
    """Draws one bar a stage with tqdm, in notebooks too: `embed(…, progress=ProgressBars())`."""

    live = True

    def __init__(self) -> None:
        self._bar: Any = None

    def begin(self, label: str, total: int | None) -> None:
        """A stage starts."""
        from tqdm.auto import tqdm

        self.close()
        self._bar = tqdm(desc=label, total=total)

    def advance(self, n: int = 1) -> None:
        """`n` more items are done."""
        if self._bar is not None:
            self._bar.update(n)

    def warn(self, message: str) -> None:
        """A warning on a line of its own."""
        from tqdm.auto import tqdm

        tqdm.write(f"warning: {message}")

    def close(self) -> None:
        """Finish the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
