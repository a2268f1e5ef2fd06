"""`clibd export` at the shell: golden files, options, messages and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from clibd_cli.cli.main import app
from tests.io.made_results import write_results

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def clibd(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_results(Path("r.csv"))
    Path("q.fasta").write_text(">a1\nACGTACGTACGT\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "made"),
    [
        (["--format", "darwin-core", "--dna", "q.fasta"], "r.darwin-core.txt"),
        (["--format", "qiime2"], "r.taxonomy.tsv"),
        (["--format", "biom", "--phylum", "Arthropoda"], "r.biom-taxonomy.tsv"),
    ],
)
def test_golden_files(folder: Path, words: list[str], made: str) -> None:
    done = clibd("export", "r.csv", *words)
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    assert made in done.stderr
    assert Path(made).read_bytes() == (GOLDEN / f"export.{made}").read_bytes()


def test_json_and_quiet(folder: Path) -> None:
    done = clibd("export", "r.csv", "--format", "darwin-core", "--out", "t.tsv", "--json", "-q")
    assert done.stderr == ""
    facts = json.loads(done.stdout)
    assert (facts["n"], facts["skipped"], facts["out"]) == (6, 0, "t.tsv")
    log = json.loads(Path("t.run.json").read_text(encoding="utf-8"))
    assert log["command"].startswith("clibd")


def test_skips_under_strict(folder: Path) -> None:
    with Path("r.csv").open("a", encoding="utf-8") as handle:
        handle.write("broken\n")
    assert clibd("export", "r.csv", "--format", "qiime2").exit_code == 0
    done = clibd("export", "r.csv", "--format", "qiime2", "--overwrite", "--strict")
    assert (done.exit_code, "r.taxonomy.skipped.csv" in done.stderr) == (3, True)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["r.csv"], 2, "--format"),
        (["r.csv", "--format", "excel"], 2, "excel"),
        (["gone.csv", "--format", "qiime2"], 1, "gone.csv does not exist"),
        (["q.fasta", "--format", "qiime2"], 2, ".parquet or .jsonl"),
        (["r.run.csv", "--format", "qiime2"], 1, "no table of results"),
        (["r.csv", "--format", "qiime2", "--dna", "q.fasta"], 2, "--dna means nothing for qiime2"),
        (["r.csv", "--format", "darwin-core", "--title", "x"], 2, "--title means nothing"),
        (["r.csv", "--format", "darwin-core", "--labels", "x"], 2, "means nothing for no barcodes"),
        (["r.csv", "--format", "darwin-core", "--dna", "no.fasta"], 1, "no.fasta does not exist"),
        (["r.csv", "--format", "darwin-core", "--out", "r.csv"], 2, "one of the inputs"),
        (["r.csv", "--format", "darwin-core", "--basis-of-record", "X"], 2, "PreservedSpecimen"),
        (["r.csv", "--format", "qiime2", "--out", "there.tsv"], 1, "--overwrite replaces it"),
    ],
)
def test_mistakes_say_what_to_do(folder: Path, words: list[str], code: int, says: str) -> None:
    Path("r.run.csv").write_text("name,colour\nx,red\n", encoding="utf-8")
    Path("there.tsv").write_text("x", encoding="utf-8")
    done = clibd("export", *words)
    assert done.exit_code == code, done.output
    assert says in " ".join(done.stderr.split())
    assert "Traceback" not in done.output
    assert Path("there.tsv").read_text(encoding="utf-8") == "x"


def test_help_needs_no_results() -> None:
    done = clibd("export", "--help")
    assert done.exit_code == 0
    assert "darwin-core-archive" in done.stdout
