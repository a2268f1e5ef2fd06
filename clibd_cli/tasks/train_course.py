"""How a run comes along, for whoever watches: each line of its log, and one bar over all steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from clibd_cli.core.progress import Progress
from clibd_cli.training.journal import Journal
from clibd_cli.training.settings_fields import TrainSettings


class ToldJournal(Journal):
    """A log whose lines are told to a listener, too, as is that the first may now come.

    Args:
        begin: called when towers and checkpoint fit each other, and training begins or goes on.
    """

    def __init__(
        self,
        path: Path,
        tell: Callable[[Mapping[str, Any]], None],
        begin: Callable[[], None],
    ) -> None:
        super().__init__(path)
        self._tell = tell
        self._begin = begin

    def rewind(self, step: int, validated: int) -> None:
        """Drop what was written after the checkpoint, whose owner is known now."""
        self._begin()
        super().rewind(step, validated)

    def write(self, event: str, facts: Mapping[str, Any]) -> None:
        """Append a line, and tell it."""
        super().write(event, facts)
        self._tell({"event": event, **facts})


class Course:
    """The steps of one call, as its log tells them.

    Attributes:
        quiet: the progress for the trainer, whose bar of an epoch gives way to that of the run.
        memory_mb: the most memory so far.
    """

    def __init__(
        self,
        settings: TrainSettings,
        progress: Progress,
        watch: Callable[[Mapping[str, Any]], None] | None,
    ) -> None:
        self.quiet: Progress = _WithoutEpochs(progress)
        self.memory_mb = 0.0
        self._settings = settings
        self._progress = progress
        self._watch = watch
        self._total = 0
        self._rows = 0
        self._seconds = 0.0
        self._begun = False

    def begin(self, steps_per_epoch: int) -> None:
        """Training begins."""
        self._total = self._settings.steps or self._settings.epochs * steps_per_epoch

    def tell(self, line: Mapping[str, Any]) -> None:
        """A line of the log was written."""
        if line["event"] == "step":
            self._count(line)
        else:
            self._begun = False  # a validation has a bar of its own
        if self._watch is not None:
            self._watch({**line, "total": self._total})

    @property
    def rate(self) -> float:
        """Rows a second in the steps of this call."""
        return self._rows / self._seconds if self._seconds else 0.0

    def _count(self, line: Mapping[str, Any]) -> None:
        if not self._begun:
            # Only now it is known where an earlier run ended.
            last = min(self._total, self._settings.stop_at or self._total)
            self._progress.begin("training", last - line["step"] + 1)
            self._begun = True
        self._progress.advance()
        self._rows += line["rows"]
        self._seconds += line["seconds"]
        self.memory_mb = max(self.memory_mb, line["memory_mb"] or 0.0)


class _WithoutEpochs:
    """Passes everything on but the bars of epochs: the live line shows the whole run instead."""

    live = False

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._passes = True

    def begin(self, label: str, total: int | None) -> None:
        """A stage before the steps, or an epoch."""
        self._passes = not label.startswith("epoch ")
        if self._passes:
            self._progress.begin(label, total)

    def advance(self, n: int = 1) -> None:
        """Of the stage that was begun last."""
        if self._passes:
            self._progress.advance(n)

    def warn(self, message: str) -> None:
        """A warning of the trainer."""
        self._progress.warn(message)
