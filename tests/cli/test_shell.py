"""What a user types and sees: exit codes, messages with the next step, golden output."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from clibd_cli.cli.main import app
from clibd_cli.core.version import __version__
from tests.made_inputs import barcode_of, write_fasta, write_photos

ROOT = Path(__file__).resolve().parents[2]


def clibd(*words: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, list(words), input=stdin)


@pytest.fixture
def references(workplace: Path) -> Path:
    write_fasta(workplace / "refs" / "barcodes.fasta", range(2), "ref", labels=True)
    write_photos(workplace / "refs" / "photos", range(2), "ref")
    return workplace


def test_the_three_lines_that_users_know(references: Path) -> None:
    write_fasta(references / "samples.fasta", range(3, 4), "q")
    write_photos(references / "photos", range(3, 4), "q")
    assert clibd("embed", "--dna", "samples.fasta").exit_code == 0
    assert clibd("build-index", "refs/").exit_code == 0
    assert clibd("classify", "photos/", "--out", "results.csv").exit_code == 0
    assert Path("samples.embeddings").is_dir()
    assert Path("clibd-index/index.json").is_file()
    with Path("results.csv").open(encoding="utf-8", newline="") as handle:
        assert [row["specimen_id"] for row in csv.DictReader(handle)] == [
            f"q{species}-3" for species in range(4)
        ]


def test_explained_photos(references: Path) -> None:
    write_photos(references / "photos", range(3, 4), "q")
    assert clibd("build-index", "refs/").exit_code == 0
    words = ["classify", "photos/", "--out", "results.csv", "--report", "report.html"]
    done = clibd(*words, "--explain")
    assert done.exit_code == 0, done.output
    assert "explained 4 photos, pictures in results.explanations" in " ".join(done.stderr.split())
    assert len(list(Path("results.explanations").iterdir())) == 4
    header, first, *_ = Path("results.csv").read_text(encoding="utf-8").splitlines()
    assert header.endswith(",conflict,explanation")
    assert re.search(r",results\.explanations/[0-9a-f]{32}\.jpg$", first)
    facts = json.loads(clibd(*words, "--explain-flagged", "--json", "-q").stdout)
    assert facts["explanations"] == "results.explanations"
    assert facts["explained"] == len(list(Path("results.explanations").iterdir()))
    barcodes = clibd("classify", "--dna", "refs/barcodes.fasta", "--out", "r.csv", "--explain")
    assert barcodes.exit_code == 2
    assert "nothing to explain" in barcodes.stderr


def test_summaries_go_to_stderr_and_json_to_stdout(workplace: Path) -> None:
    write_fasta(workplace / "a.fasta", range(1))
    plain = clibd("embed", "--dna", "a.fasta")
    assert plain.stdout == ""
    assert "4" in plain.stderr
    assert "a.embeddings" in plain.stderr
    done = clibd("embed", "--dna", "a.fasta", "--json", "--quiet")
    assert done.stderr == ""
    facts = json.loads(done.stdout)
    assert (facts["n"], facts["resumed"], facts["skipped"]) == (4, 4, 0)
    indexed = clibd("build-index", "a.embeddings", "--json", "-q")
    assert json.loads(indexed.stdout)["header"]["counts"]["specimens"] == 4


def test_barcodes_from_standard_input(workplace: Path) -> None:
    done = clibd("embed", "--dna", "-", "--json", stdin=f">x\n{barcode_of(0)}\n")
    assert json.loads(done.stdout)["n"] == 1
    assert Path("stdin.embeddings").is_dir()


def test_skips_under_strict(workplace: Path) -> None:
    Path("a.fasta").write_text(f">ok\n{barcode_of(0)}\n>no\nACG\n", encoding="utf-8")
    assert clibd("embed", "--dna", "a.fasta").exit_code == 0
    strict = clibd("embed", "--dna", "a.fasta", "--strict")
    assert strict.exit_code == 3
    assert "_skipped.csv" in strict.stderr


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["embed"], 2, "--dna FILE"),
        (["embed", "--dna", "gone.fasta"], 1, "gone.fasta does not exist"),
        (["embed", "--dna", "x.fasta", "--device", "abacus"], 2, "abacus"),
        (["embed", "--dna", "a.fasta", "--shard", "9/2"], 2, "i/n"),
        (["embed", "--dna", "a.fasta", "--model", "unheard-of"], 1, "no model called unheard-of"),
        (["classify", "photos"], 2, "--out"),
        (["classify", "--out", "r.csv"], 2, "nothing to classify"),
        (["classify", "p", "--out", "r.csv"], 1, "clibd build-index"),
        (["search"], 2, "nothing to search for"),
        (["build-index", "gone"], 1, "gone is neither a file nor a folder"),
        (["build-index", "a.fasta", "--exact", "--hnsw"], 2, "exclude each other"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_mistakes_say_what_to_do(workplace: Path, words: list[str], code: int, says: str) -> None:
    write_fasta(workplace / "a.fasta", range(1))
    done = clibd(*words)
    assert done.exit_code == code, done.output
    assert says in " ".join(done.stderr.split())
    assert "Traceback" not in done.output


def test_a_fault_shows_its_traceback_only_on_request(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_fasta(workplace / "a.fasta", range(1))

    def fail(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError("inside")

    monkeypatch.setattr("clibd_cli.tasks.embed.embed", fail)
    done = clibd("embed", "--dna", "a.fasta")
    assert (done.exit_code, "Traceback" in done.output) == (1, False)
    assert "CLIBD_DEBUG=1" in done.stderr
    monkeypatch.setenv("CLIBD_DEBUG", "1")
    shown = clibd("embed", "--dna", "a.fasta")
    assert (shown.exit_code, "Traceback" in shown.stderr) == (1, True)


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (KeyboardInterrupt(), 130, "Run the same command again"),
        (OSError(28, "No space left on device", "out"), 1, "the disk is full"),
        (MemoryError(), 1, "--batch-size"),
    ],
)
def test_what_the_machine_does_to_us(
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    says: str,
) -> None:
    write_fasta(workplace / "a.fasta", range(1))

    def fail(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr("clibd_cli.tasks.embed.embed", fail)
    done = clibd("embed", "--dna", "a.fasta")
    assert done.exit_code == code
    assert says in done.stderr


def test_search_prints_a_table_that_programs_read(references: Path) -> None:
    clibd("build-index", "refs")
    write_fasta(references / "q.fasta", range(1), "q")
    done = clibd("search", "--dna", "q.fasta", "-k", "2", "--keys", "dna", "-q")
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [(row["query_id"], row["position"]) for row in rows[:2]] == [
        ("q0-0", "1"),
        ("q0-0", "2"),
    ]
    assert rows[0]["key_id"] == "ref0-0"
    assert rows[0]["similarity"] == "1.0000"
    lines = clibd("search", "--dna", "q.fasta", "-k", "1", "--json", "-q").stdout.splitlines()
    assert json.loads(lines[0])["key_id"] == "ref0-0"
    clibd("search", "--dna", "q.fasta", "--out", "hits.parquet")
    assert Path("hits.parquet").is_file()


def test_hostile_ids_reach_no_formula_no_folder_and_no_terminal(references: Path) -> None:
    clibd("build-index", "refs")
    ids = [
        "=cmd|' /C calc'!A0",
        "@SUM(1+1)",
        "../../etc/passwd",
        'a,"b"',
        "x" * 300,
        "\x1b[31mred\x07",
        "caf\udce9",
    ]
    text = "".join(f">{name}\n{barcode_of(i % 4)}\n" for i, name in enumerate(ids))
    Path("q.fasta").write_bytes(text.encode("utf-8", "surrogateescape"))
    before = set(references.parent.rglob("*"))
    done = clibd("classify", "--dna", "q.fasta", "--out", "r.csv")
    assert done.exit_code == 0, done.output
    with Path("r.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == len(ids)
    assert not [row for row in rows if row["specimen_id"][0] in "=+-@\t\r"]
    assert "\x1b" not in Path("r.csv").read_text(encoding="utf-8") + done.output
    made = {path.name for path in set(references.parent.rglob("*")) - before}
    assert made == {"r.csv", "r.hits.parquet", "r.skipped.csv", "r.run.json"}


def test_check_tells_what_works(workplace: Path) -> None:
    done = clibd("check")
    assert done.exit_code == 0, done.output
    assert "model tiny" in done.stdout
    assert "the default" in done.stdout
    findings = json.loads(clibd("check", "--json").stdout)
    assert {finding["what"] for finding in findings} >= {"clibd", "torch", "device", "index"}
    Path("broken").mkdir()
    Path("broken/index.json").write_text("{")
    broken = clibd("check", "--index", "broken")
    assert (broken.exit_code, "PROBLEM" in broken.stdout) == (1, True)


def test_version() -> None:
    assert clibd("--version").stdout == f"clibd {__version__}\n"


@pytest.mark.parametrize(
    "verb", ["demo", "embed", "build-index", "classify", "search", "check", "models"]
)
def test_every_verb_has_help_with_an_example(verb: str) -> None:
    done = clibd(verb, "--help")
    assert done.exit_code == 0
    assert f"clibd {verb}" in done.stdout or verb == "models"


def test_output_that_nobody_reads_to_the_end(references: Path) -> None:
    clibd("build-index", "refs")
    write_fasta(references / "q.fasta", range(40), "q")
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv[0] = 'clibd'\n"
    program += "from clibd_cli.cli.main import run\nrun()"
    with subprocess.Popen(
        [sys.executable, "-c", program, "search", "--dna", "q.fasta", "-k", "50", "-q"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(os.environ),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read().decode()
    assert "Traceback" not in said
    assert "Exception ignored" not in said
