"""`clibd report` at the shell: where the page goes, the summary, and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from clibd_cli.cli.errors import guarded
from clibd_cli.cli.report import report
from clibd_cli.core.atomic import write_text

app = typer.Typer()
app.command("report")(guarded(report))


@app.callback()
def only() -> None:
    """A program with this verb alone."""


def clibd(*words: str) -> Result:
    return CliRunner().invoke(app, ["report", *words])


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("r.csv")
    write_text(path, "specimen_id,order,flags\nA,Diptera,conflict\nB,,\n")
    return path


def test_the_page_lies_beside_the_results(results: Path) -> None:
    done = clibd("r.csv")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "2, 1 with flags" in done.stderr
    assert "r.html" in done.stderr
    assert Path("r.html").is_file()


def test_json_and_quiet(results: Path) -> None:
    done = clibd("r.csv", "--out", "pages/p.html", "--json", "--quiet", "--pictures", "0")
    assert "reported" not in done.stderr
    facts = json.loads(done.stdout)
    assert (facts["n"], facts["flagged"], facts["pictures"]) == (2, 1, 0)
    assert Path("pages/p.html").stat().st_size == facts["size"]


def test_other_files_stay(results: Path) -> None:
    write_text(Path("r.html"), "mine")
    done = clibd("r.csv")
    assert done.exit_code == 2
    assert "--overwrite" in done.stderr
    assert Path("r.html").read_text(encoding="utf-8") == "mine"
    assert clibd("r.csv", "--overwrite").exit_code == 0
    assert clibd("r.csv").exit_code == 0


def test_missing_results(results: Path) -> None:
    done = clibd("none.parquet")
    assert done.exit_code == 1
    assert "none.parquet does not exist" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_words() -> None:
    assert clibd().exit_code == 2
