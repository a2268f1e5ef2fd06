"""The run log: what was done, with what, so that a result can be defended and repeated."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clibd_cli.core.atomic import write_text
from clibd_cli.core.version import __version__


def write_run_log(path: Path, command: str, facts: Mapping[str, Any]) -> None:
    """Write the command, the versions and the summary of a run as JSON.

    Args:
        command: what the user typed; empty for calls from Python.
        facts: the run's summary: counts, model and index fingerprints, thresholds.
    """
    log = {
        "clibd": __version__,
        "python": platform.python_version(),
        "command": command,
        **facts,
    }
    write_text(path, json.dumps(log, indent=2, ensure_ascii=False) + "\n")


def run_log_path(result: Path) -> Path:
    """`results.run.json` for `results.csv`."""
    return result.with_name(f"{result.stem}.run.json")
