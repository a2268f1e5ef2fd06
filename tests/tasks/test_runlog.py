"""The run log: what every result's log holds, and how it is read again."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from clibd_cli.cli.main import app
from clibd_cli.core.version import __version__
from clibd_cli.tasks.runlog import read_run_log, run_log_path, versions, write_run_log
from tests.made_inputs import write_fasta

EVERY_LOG = {"format_version", "command", "started", "finished", "versions"}


def clibd(*words: str) -> None:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, done.output


def log_at(path: str) -> dict[str, Any]:
    log = json.loads(Path(path).read_text(encoding="utf-8"))
    assert set(log) >= EVERY_LOG
    begun, ended = (
        datetime.strptime(log[k], "%Y-%m-%dT%H:%M:%SZ") for k in ("started", "finished")
    )
    assert begun <= ended
    assert isinstance(log, dict)
    return log


def test_times_and_versions(tmp_path: Path) -> None:
    path = run_log_path(tmp_path / "results.v2.csv")
    assert path.name == "results.v2.run.json"
    write_run_log(path, "clibd x", {"seconds": 3600.0, "n": 3})
    log = log_at(str(path))
    hours = [datetime.strptime(log[k], "%Y-%m-%dT%H:%M:%SZ") for k in ("started", "finished")]
    assert (hours[1] - hours[0]).total_seconds() == pytest.approx(3600, abs=1)
    assert (log["n"], log["versions"]["clibd"]) == (3, __version__)
    assert read_run_log(tmp_path / "results.v2.csv") == log


def test_versions_are_told_without_importing() -> None:
    program = (
        "import sys\nfrom clibd_cli.tasks.runlog import versions\nprint(versions()['torch'])\n"
        "print(*[m for m in ('torch', 'numpy', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[1:] == [""]
    assert done.stdout.splitlines()[0] == str(versions()["torch"])


@pytest.mark.parametrize("content", ["", "[1]", "{", "\x00", None])
def test_a_log_that_cannot_be_read_is_none(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "r.run.json").write_text(content, encoding="utf-8")
    assert read_run_log(tmp_path / "r.csv") is None


def test_every_result_has_one(workplace: Path) -> None:
    write_fasta(workplace / "refs.fasta", range(2), "ref", labels=True)
    write_fasta(workplace / "q.fasta", range(3, 4), "q")
    clibd("build-index", "refs.fasta")
    clibd("classify", "--dna", "q.fasta", "--out", "r.csv")
    clibd("search", "--dna", "q.fasta", "--out", "h.csv", "-k", "2")
    clibd("export", "r.csv", "--format", "darwin-core")
    clibd("evaluate", "--predictions", "r.csv", "--truth", "r.csv", "--out", "m.csv")
    header = json.loads(Path("clibd-index/index.json").read_text(encoding="utf-8"))
    embedded = log_at("refs.embeddings/_run.json")
    assert embedded["inputs"]["dna"] == ["refs.fasta"]
    for name in ("r", "h"):
        log = log_at(f"{name}.run.json")
        assert (log["model"], log["fingerprint"]) == ("tiny", header["model_fingerprint"])
        assert (log["index"], log["index_sha256"]) == ("clibd-index", header["sha256"])
        assert log["index_counts"] == header["counts"]
        assert (log["n"], log["skipped"]) == (4, 0)
        assert log["inputs"] == {"dna": ["q.fasta"], "photos": [], "labels": [], "text": None}
        assert (log["device"], log["precision"]) == ("cpu", "fp32")
    assert log_at("r.run.json")["named"] == dict.fromkeys(
        ("order", "family", "genus", "species"), 4
    )
    assert (log_at("h.run.json")["hits"], log_at("h.run.json")["k"]) == (8, 2)
    assert log_at("r.darwin-core.run.json")["fingerprint"] == header["model_fingerprint"]
    scores = log_at("m.run.json")
    assert (scores["predictions"], scores["comparisons"][0]["n"]) == ("r.csv", 4)
