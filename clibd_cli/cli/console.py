"""What the user sees while clibd works: a live line on stderr, warnings, a closing summary."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from clibd_cli.core.closing import Closing

if TYPE_CHECKING:
    from rich.progress import Progress as RichBars
    from rich.progress import TaskID

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """`text` without control characters: ids and file names may carry terminal commands."""
    return _CONTROL.sub("�", text.encode("utf-8", "replace").decode("utf-8"))


class LiveProgress(Closing):
    """Draws a bar with rate and time left where stderr is a terminal; always shows warnings."""

    def __init__(self, quiet: bool) -> None:
        self.live = not quiet and sys.stderr.isatty()
        self._bars: RichBars | None = None
        self._task: TaskID | None = None

    def begin(self, label: str, total: int | None) -> None:
        """A stage starts."""
        if not self.live:
            return
        if self._bars is None:
            self._bars = _make_bars()
            self._bars.start()
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(label, total=total)

    def advance(self, n: int = 1) -> None:
        """`n` more items are done."""
        if self._bars is not None and self._task is not None:
            self._bars.advance(self._task, n)

    def warn(self, message: str) -> None:
        """A warning on a line of its own, above the bar."""
        if self._bars is not None:
            self._bars.console.print(f"warning: {printable(message)}", style="yellow", markup=False)
        else:
            typer.secho("warning: ", fg="yellow", nl=False, err=True)
            typer.echo(printable(message), err=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._bars is not None:
            self._bars.stop()


def _make_bars() -> RichBars:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """Items a second."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:,.1f}/s")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def command_line() -> str:
    """What the user typed, for the record in stores, indexes and results."""
    return shlex.join(["clibd", *sys.argv[1:]])


def show_summary(
    title: str, facts: Mapping[str, object], *, quiet: bool, as_json: Mapping[str, Any] | None
) -> None:
    """The closing words: lines on stderr for people, and JSON on stdout where asked for."""
    if as_json is not None:
        typer.echo(json.dumps(as_json, ensure_ascii=False))
    if quiet:
        return
    typer.secho(title, bold=True, err=True)
    width = max((len(name) for name in facts), default=0)
    for name, value in facts.items():
        typer.echo(f"  {name:<{width}}  {printable(str(value))}", err=True)
