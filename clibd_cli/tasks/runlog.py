"""The run log: what was done, with what, so that a result can be defended and repeated.

It lies beside each result (`results.run.json`), and it alone holds times: all other files of two
equal runs are equal.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clibd_cli.core.atomic import remove_partials, write_text
from clibd_cli.core.version import __version__

if TYPE_CHECKING:
    from clibd_cli.tasks.inputs import Inputs
    from clibd_cli.vectors.header import IndexHeader

FORMAT_VERSION = 1

_PACKAGES = ("torch", "transformers", "numpy", "pyarrow", "hnswlib")
"""Whose versions can change a result."""


def write_run_log(path: Path, command: str, facts: Mapping[str, Any]) -> None:
    """Write the command, the times, the versions and the summary of a run as JSON.

    Args:
        command: what the user typed; empty for calls from Python.
        facts: the run's summary: inputs, counts, model and index fingerprints, thresholds. Where
            it has `seconds`, the run is taken to have started as long ago.
    """
    finished = datetime.now(timezone.utc)
    started = finished - timedelta(seconds=facts.get("seconds") or 0.0)
    log = {
        "format_version": FORMAT_VERSION,
        "command": command,
        "started": _iso(started),
        "finished": _iso(finished),
        "versions": versions(),
        **facts,
    }
    remove_partials(path)  # of a run that was killed just then
    write_text(path, json.dumps(log, indent=2, ensure_ascii=False) + "\n")


def read_run_log(result: Path) -> dict[str, Any] | None:
    """The log beside `result`; None where there is none, or none that can be read."""
    try:
        log = json.loads(run_log_path(result).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return log if isinstance(log, dict) else None


def run_log_path(result: Path) -> Path:
    """`results.run.json` for `results.csv`."""
    return result.with_name(f"{result.stem}.run.json")


def versions() -> dict[str, str | None]:
    """Versions of clibd and of what it computes with, none of which is imported for it.

    None stands for a package that is not installed.
    """
    return {
        "clibd": __version__,
        "python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
        "platform": platform.platform(),
    }


def input_facts(inputs: Inputs) -> dict[str, Any]:
    """What a run has read, as the user named it."""
    from clibd_cli.io.names import printable

    named = {"dna": inputs.dna, "photos": inputs.photos, "labels": inputs.labels}
    facts: dict[str, Any] = {kind: list(map(printable, names)) for kind, names in named.items()}
    facts["text"] = None if inputs.text is None else printable(inputs.text)
    return {"inputs": facts, "min_bases": inputs.min_bases}


def index_facts(header: IndexHeader) -> dict[str, Any]:
    """Which references a run compared with: the files of the index, and how much it holds."""
    keys = {modality: keys.kind for modality, keys in header.keys.items()}
    return {"index_sha256": header.sha256, "index_counts": header.counts, "index_kinds": keys}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _iso(time: datetime) -> str:
    """`2026-03-01T12:30:05Z`."""
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")
