"""`clibd evaluate` at the shell: three ways in, a table or JSON out, mistakes say what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from clibd_cli.cli.errors import guarded
from clibd_cli.cli.evaluate import evaluate
from clibd_cli.cli.main import app as whole
from tests.made_inputs import write_fasta, write_photos

app = typer.Typer()
app.command("evaluate")(guarded(evaluate))


@app.callback()
def only() -> None:
    """A program with this verb alone."""


def clibd(*words: str) -> Result:
    return CliRunner().invoke(app, ["evaluate", *words])


TRUTH = """specimen_id,order,family,genus,species
a,Diptera,Culicidae,Aedes,Aedes aegypti
b,Diptera,Culicidae,Culex,Culex pipiens
c,Odonata,Libellulidae,,
"""
PREDICTIONS = """specimen_id,order,family,genus,species,rank
a,Diptera,Culicidae,Aedes,Aedes aegypti,species
b,Diptera,Culicidae,,,family
x,Diptera,,,,order
"""
SPLITS = "specimen_id,split,seen,species\na,test,true,\nb,test_unseen,false,\nc,pretrain,,\n"


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in (("t.csv", TRUTH), ("p.csv", PREDICTIONS), ("s.csv", SPLITS)):
        Path(name).write_text(text, encoding="utf-8")
    return tmp_path


def test_a_table_for_people(tables: Path) -> None:
    done = clibd("--predictions", "p.csv", "--truth", "t.csv")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["set", "measure", "order", "family", "genus", "species"]
    assert lines[1].split() == ["all", "specimens", "3", "3", "2", "2"]
    assert lines[3].split() == ["all", "micro", "top-1", "66.7", "66.7", "50.0", "50.0"]
    assert {line.split()[1] for line in lines[5:]} == {"named", "right"}
    assert "1 specimens without a prediction count as wrong" in done.stderr
    assert "1 predictions of specimens without truth are left out" in done.stderr
    assert "\x1b" not in done.stdout


def test_json_for_programs(tables: Path) -> None:
    done = clibd("--predictions", "p.csv", "--truth", "t.csv", "--json", "-q")
    facts = json.loads(done.stdout)
    assert facts["n"] == 3
    assert facts["ranks"]["species"] == {"micro": {"top1": 0.5}, "macro": {"top1": 0.5}}
    assert set(facts["ranks"]) == {"order", "family", "genus", "species"}
    assert "seen" not in facts


def test_json_with_a_split(tables: Path) -> None:
    words = ["--predictions", "p.csv", "--truth", "t.csv", "--split", "s.csv", "--json"]
    facts = json.loads(clibd(*words).stdout)
    assert facts["n"] == 2
    assert facts["seen"]["n"] == facts["unseen"]["n"] == 1
    assert facts["seen"]["ranks"]["species"]["micro"]["top1"] == 1.0
    assert facts["unseen"]["ranks"]["family"]["macro"]["top1"] == 1.0
    assert facts["harmonic_mean"]["ranks"]["species"]["micro"]["top1"] == 0.0


def test_scores_and_plots(tables: Path) -> None:
    pytest.importorskip("matplotlib")
    done = clibd("--predictions", "p.csv", "--truth", "t.csv", "--out", "m.md", "--plots", "plots",
                 "--confusion-rank", "order")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert Path("m.md").read_text(encoding="utf-8").startswith("| set | measure |")
    assert {p.name for p in Path("plots").iterdir()} == {
        "confusion.order.png", "confusion.order.svg", "run.json"
    }  # fmt: skip
    assert "2 files in plots" in done.stderr


def test_what_classify_and_search_write_is_understood(workplace: Path) -> None:
    write_fasta(workplace / "refs.fasta", range(3), "r", labels=True)
    write_fasta(workplace / "q.fasta", range(3, 4), "q")
    for words in (
        ["build-index", "refs.fasta"],
        ["classify", "--dna", "q.fasta", "--method", "nearest", "--out", "results.csv"],
        ["search", "--dna", "q.fasta", "-k", "5", "--out", "hits.parquet"],
    ):
        assert CliRunner().invoke(whole, words).exit_code == 0
    write_fasta(workplace / "truth.fasta", range(3, 4), "q", labels=True)
    assert CliRunner().invoke(whole, ["embed", "--dna", "truth.fasta"]).exit_code == 0
    truth = "specimen_id,order,family,genus,species\n" + "".join(
        f"q{n}-3,{words}\n"
        for n, words in enumerate(
            [
                "Diptera,Sciaridae,Corynoptera,Corynoptera prima",
                "Diptera,Sciaridae,Corynoptera,Corynoptera secunda",
                "Diptera,Culicidae,Aedes,Aedes tertius",
                "Odonata,Libellulidae,Libellula,Libellula quarta",
            ]
        )
    )
    Path("truth.csv").write_text(truth, encoding="utf-8")
    named = json.loads(
        clibd("--predictions", "results.csv", "--truth", "truth.csv", "--json").stdout
    )
    found = json.loads(
        clibd("--predictions", "hits.parquet", "--truth", "truth.csv", "--json").stdout
    )
    stores = json.loads(
        clibd("--queries", "truth.embeddings", "--keys", "refs.embeddings", "--json").stdout
    )
    assert set(found["ranks"]["species"]["micro"]) == {"top1", "top3", "top5"}
    for rank in ("order", "family", "genus", "species"):
        top1 = named["ranks"][rank]["micro"]["top1"]
        assert found["ranks"][rank]["micro"]["top1"] == top1
        assert stores["ranks"][rank]["micro"]["top1"] == top1
        assert stores["ranks"][rank] == found["ranks"][rank]


def test_photos_and_barcodes_with_a_split(workplace: Path) -> None:
    write_fasta(workplace / "d.fasta", range(4), labels=True)
    photos = write_photos(workplace / "p", range(4), prefix="s")
    roles = ["test", "key_seen", "key_seen", "train"]
    rows = [f"s{n}-{i},{roles[i]},true" for i in range(4) for n in range(4)]
    lines = ["specimen_id,split,seen", *rows, ""]
    Path("s.csv").write_text("\n".join(lines), encoding="utf-8")
    labels = str(photos / "photos.csv")
    done = clibd("--photos", str(photos), "--dna", "d.fasta", "--labels", labels,
                 "--split", "s.csv")  # fmt: skip
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].startswith("query → key")
    assert "seen / unseen" in lines[0]
    assert "image → image    micro" in done.stdout
    assert "concat → concat" in done.stdout
    one = clibd("--queries", "d.embeddings", "--split", "s.csv", "--query-feature", "dna",
                "--key-feature", "dna", "--json")  # fmt: skip
    facts = json.loads(one.stdout)
    assert (facts["query"], facts["key"], facts["n_keys"], facts["n"]) == ("dna", "dna", 8, 4)
    assert facts["seen"]["ranks"]["species"]["macro"]["top1"] == 1.0
    assert facts["unseen"]["n"] == 0
    assert facts["unseen"]["ranks"]["species"]["macro"]["top1"] is None


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ([], 2, "nothing to evaluate"),
        (["--predictions", "p.csv"], 2, "--predictions and --truth go together"),
        (["--predictions", "p.csv", "--queries", "x"], 2, "exclude each other"),
        (["--keys", "x"], 2, "--keys goes with --queries"),
        (["--predictions", "p.csv", "--truth", "gone.csv"], 1, "gone.csv does not exist"),
        (["--predictions", "p.csv", "--truth", "t.csv", "--out", "m.docx"], 2, ".csv, .tsv or .md"),
        (
            ["--predictions", "p.csv", "--truth", "t.csv", "--part", "val"],
            2,
            "--part needs --split",
        ),
        (
            ["--predictions", "p.csv", "--truth", "t.csv", "--key-feature", "dna"],
            2,
            "means nothing",
        ),
        (["--queries", "gone"], 1, "gone is no embedding store"),
        (["--predictions", "t.csv", "--truth", "p.csv", "--split", "p.csv"], 1, "clibd split"),
    ],
)
def test_mistakes_say_what_to_do(tables: Path, words: list[str], code: int, says: str) -> None:
    done = clibd(*words)
    assert done.exit_code == code, done.output
    assert says in " ".join(done.stderr.split())
    assert "Traceback" not in done.output


def test_names_cannot_command_the_terminal(tables: Path) -> None:
    Path("t.csv").write_text("specimen_id,order\n\x1b[31ma,Dip\x1b[0mtera\n", encoding="utf-8")
    done = clibd("--predictions", "t.csv", "--truth", "t.csv", "--json")
    assert json.loads(done.stdout)["ranks"]["order"]["micro"]["top1"] == 1.0
    gone = clibd("--predictions", "p.csv", "--truth", "t.csv")
    assert gone.exit_code == 1
    assert "\x1b[31m" not in gone.output


def test_help_shows_examples() -> None:
    done = clibd("--help")
    assert done.exit_code == 0
    assert "clibd evaluate --predictions results.csv" in " ".join(done.stdout.split())
