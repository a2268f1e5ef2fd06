"""The log of a training run: one JSON object a line, for people, plots and other programs.

A line of a step: `event` "step", `step` (from 1: the number of finished steps), `epoch`, `loss` and
its unweighted parts, `rates` (learning rates by part), `temperature`, `gradient` (its length),
`rows`, `rows_per_second`, `seconds` (of this step), `waited` (seconds of it for data), `memory_mb`.
A line of a validation: `event` "validation", `step`, `epoch`, `value` (of the metric), `best`
(whether it is the highest so far), `metrics`, `seconds`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from clibd_cli.core.atomic import write_text


class Journal:
    """The log file of a run. Lines are appended and flushed one by one.

    Only the first of several processes has one; the others hold a `Journal(None)`.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def rewind(self, step: int, validated: int) -> None:
        """Drop what was written after a checkpoint: the lines of later steps and validations.

        Args:
            step: the finished steps in the checkpoint.
            validated: the last step that the checkpoint knows as validated.
        """
        if self._path is None:
            return
        last = {"step": step, "validation": validated}
        kept = [line for line in read_journal(self._path) if line["step"] <= last[line["event"]]]
        write_text(self._path, "".join(map(_as_line, kept)))

    def write(self, event: str, facts: Mapping[str, Any]) -> None:
        """Append a line."""
        if self._path is not None:
            with self._path.open("a", encoding="utf-8", newline="\n") as handle:
                handle.write(_as_line({"event": event, **facts}))


def read_journal(path: Path) -> list[dict[str, Any]]:
    """The lines of a log, none where there is no file; a torn last line is left out."""
    return list(_lines(path)) if path.is_file() else []


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and line.get("event") in ("step", "validation"):
            yield line


def _as_line(facts: Mapping[str, Any]) -> str:
    return json.dumps(facts, ensure_ascii=False, allow_nan=False) + "\n"
