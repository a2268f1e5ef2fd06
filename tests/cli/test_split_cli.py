"""`clibd split` at the shell: options, the table of figure 2, JSON and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from clibd_cli.cli.errors import guarded
from clibd_cli.cli.split import split

app = typer.Typer()
app.command("split")(guarded(split))


@app.callback()
def only() -> None:
    """A program with this verb alone."""


def clibd(*words: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["split", *words], input=stdin)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    lines = [f"f{n}.jpg,Diptera,Fidae,G{n % 6},G{n % 6} s" for n in range(72)]
    lines += ["rare1.jpg,Diptera,Fidae,R,R r", "rare2.jpg,Diptera,Fidae,R,R r"]
    lines += ["one.jpg,Diptera,Fidae,O,O o", "none.jpg,Diptera,,,"]
    header = "file,order,family,genus,species"
    Path("t.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return tmp_path


def test_figure_2_goes_to_stderr(folder: Path) -> None:
    done = clibd("t.csv", "--out", "s.csv")
    assert (done.exit_code, done.stdout) == (0, "")
    lines = [line.split() for line in done.stderr.splitlines()]
    assert lines[0] == ["split", "specimens", "units", "species"]
    assert ["training,", "no", "species", "pretrain", "1", "1", "0"] in lines
    assert ["training,", "single", "species", "train", "1", "1", "1"] in lines
    assert "s.csv" in done.stderr
    assert len(Path("s.csv").read_text(encoding="utf-8").splitlines()) == 77


def test_json_and_quiet(folder: Path) -> None:
    done = clibd("t.csv", "--out", "s.csv", "--json", "--quiet", "--seed", "4")
    assert done.stderr == ""
    facts = json.loads(done.stdout)
    assert (facts["n"], facts["seed"], facts["by"]) == (76, 4, "specimen")
    assert {part["split"] for part in facts["parts"] if part["specimens"]} == {
        "pretrain", "train", "key_seen", "val", "test", "val_unseen", "test_unseen", "key_unseen"
    }  # fmt: skip


def test_ratios_are_options(folder: Path) -> None:
    words = ["--min-seen", "12", "--seen-species", "1", "--specimens", "1,0,0,1"]
    done = clibd("t.csv", "--out", "s.csv", "--json", *words, "--unseen-val", "0")
    counts = {
        part["title"]: part["specimens"]
        for part in json.loads(done.stdout)["parts"]
        if part["specimens"]
    }
    assert counts == {
        "training, no species": 1,
        "training, seen species": 36,
        "training, single species": 1,
        "seen: keys": 36,
        "unseen: test queries": 1,
        "unseen: test keys": 1,
    }


def test_inconsistent_labels(folder: Path) -> None:
    with Path("t.csv").open("a", encoding="utf-8") as table:
        table.write("odd.jpg,Diptera,Xidae,G1,G1 s\n")
    done = clibd("t.csv", "--out", "s.csv", "--json")
    assert (done.exit_code, Path("s.csv").exists()) == (1, False)
    assert "genus G1 is in 2 families" in done.stderr
    assert "--allow-inconsistent" in done.stderr
    found = json.loads(done.stdout)["inconsistent"]
    assert [(one["name"], len(one["parents"])) for one in found] == [("G1", 2)]
    assert clibd("t.csv", "--out", "s.csv", "--allow-inconsistent").exit_code == 0


def test_barcodes_from_standard_input(folder: Path) -> None:
    text = "".join(
        f">s{n};tax=g:Aedes,s:Aedes_alpha;\n{'ACGT' * 9}{'A' * (n // 2)}\n" for n in range(20)
    )
    done = clibd("-", "--out", "s.csv", "--json", "-q", stdin=text)
    facts = json.loads(done.stdout)
    assert (facts["n"], facts["by"], facts["units"]) == (20, "barcode", 10)


def test_skips_under_strict(folder: Path) -> None:
    with Path("t.csv").open("a", encoding="utf-8") as table:
        table.write(",Diptera,Fidae,G1,G1 s\n")
    done = clibd("t.csv", "--out", "s.csv", "--strict")
    assert (done.exit_code, "s.skipped.csv" in done.stderr) == (3, True)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["t.csv"], 2, "--out"),
        (["--out", "s.csv"], 2, "TABLE"),
        (["gone.csv", "--out", "s.csv"], 1, "gone.csv does not exist"),
        (["t.csv", "--out", "s.csv", "--by", "barcode"], 2, "no input has barcodes"),
        (["t.csv", "--out", "s.csv", "--by", "colour"], 2, "colour"),
        (["t.csv", "--out", "s.csv", "--specimens", "70,30"], 2, "four numbers"),
        (["t.csv", "--out", "s.csv", "--specimens", "0,1,1,1"], 2, "no weights"),
        (["t.csv", "--out", "s.csv", "--seen-species", "nan"], 2, "seen-species"),
        (["t.csv", "--out", "s.csv", "--min-seen", "1"], 2, "min-seen"),
        (["t.csv", "--out", "t.csv"], 2, "one of the inputs"),
    ],
)
def test_mistakes_say_what_to_do(folder: Path, words: list[str], code: int, says: str) -> None:
    done = clibd(*words)
    assert done.exit_code == code, done.output
    assert says in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.output


def test_help_has_an_example() -> None:
    done = clibd("--help")
    assert done.exit_code == 0
    assert "clibd split specimens.tsv --out splits.csv" in " ".join(done.stdout.split())
