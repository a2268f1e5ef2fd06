from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from clibd_cli.cli.models import app
from clibd_cli.core.errors import ClibdError
from clibd_cli.models import registry
from clibd_cli.models.cards import HubFile, ModelCard
from clibd_cli.models.experience import write_seen
from clibd_cli.models.published import published_cards

VERBS = ("list", "show", "pull", "add", "remove")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CLIBD_MODEL", raising=False)
    monkeypatch.setenv("CLIBD_HOME", str(tmp_path))
    return tmp_path / "models"


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def install(home: Path, name: str, **facts: Any) -> ModelCard:
    card = ModelCard(name=name, title=f"about {name}", source="a file", dim=8, **facts)
    registry.write_card(home / name, card.with_fingerprint())
    return card


def test_list_shows_every_model_and_marks_the_default(home: Path) -> None:
    install(home, "mine", size_bytes=12_000_000)
    done = run("list")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    mine = next(line for line in lines if " mine " in line)
    assert mine.startswith("*")
    assert "installed" in mine
    assert "12 MB" in mine
    for name in (*published_cards(), "clibd-demo"):
        assert any(name in line for line in lines)


def test_list_as_json_is_complete(home: Path) -> None:
    install(home, "mine")
    entries = {entry["name"]: entry for entry in json.loads(run("list", "--json").stdout)}
    assert entries["mine"]["state"] == "installed"
    assert entries["mine"]["is_default"] is True
    assert entries["mine"]["folder"] == str(home / "mine")
    assert entries["clibd-1m"]["card"]["hub"]["repo"] == "bioscan-ml/clibd"
    assert entries["clibd-demo"]["card"] is None


def test_list_survives_a_broken_card(home: Path) -> None:
    install(home, "mine")
    (home / "bad").mkdir()
    (home / "bad" / "card.json").write_text("{", "utf-8")
    done = run("list")
    assert done.exit_code == 0
    assert "broken" in done.stdout
    assert "bad is broken" in done.stderr


def test_a_title_cannot_write_to_the_terminal(home: Path) -> None:
    card = ModelCard(name="mine", title="\x1b[31m[bold]x[/bold]\x07", source="a file")
    registry.write_card(home / "mine", card)
    for verb in (["list"], ["show", "mine"]):
        out = run(*verb).stdout
        assert "\x1b" not in out
        assert "\x07" not in out
        assert "[bold]x" in out


def test_show_tells_what_a_user_must_know(home: Path) -> None:
    out = run("show", "clibd-1m").stdout
    for words in (
        "logits_softmax_mean",
        "MIT",
        "ICLR 2025",
        "best.pth at",
        "issue 33",
        "not stated",
    ):
        assert words in out
    assert json.loads(run("show", "clibd-1m", "--json").stdout)["card"]["dim"] == 768


def test_show_of_an_installed_model_names_folder_and_fingerprint(home: Path) -> None:
    install(home, "mine", hub=HubFile("a/b", "c.pth", "f" * 40, "0" * 64))
    out = run("show", "mine").stdout
    assert str(home / "mine") in out
    assert "fetched from" in out
    assert "0" * 64 in out
    assert "fingerprint" in out
    assert "trained on" not in out
    write_seen(home / "mine", ["a" * 64, "b" * 64])
    assert "2 photos" in run("show", "mine").stdout


def test_an_unknown_model_is_one_sentence_and_a_hint() -> None:
    done = run("show", "clibd-2m")
    assert done.exit_code == 1
    assert "no model called clibd-2m" in done.stderr
    assert "clibd-1m" in done.stderr
    assert done.stdout == ""


def test_remove_deletes_and_says_so(home: Path) -> None:
    install(home, "mine")
    done = run("remove", "mine")
    assert done.exit_code == 0
    assert "removed mine" in done.stderr
    assert not (home / "mine").exists()
    assert run("remove", "mine").exit_code == 1


def test_pull_and_add_pass_on_what_was_typed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []

    def fake_pull(name: str, **settings: Any) -> ModelCard:
        settings.pop("progress")
        calls.append((name, settings))
        return install(home, name, hub=HubFile("a/b", "c.pth", "f" * 40, "0" * 64))

    def fake_add(source: str, name: str, **settings: Any) -> ModelCard:
        settings.pop("progress")
        calls.append((source, name, settings))
        return install(home, name)

    monkeypatch.setattr("clibd_cli.tasks.models.pull_model", fake_pull)
    monkeypatch.setattr("clibd_cli.tasks.models.add_model", fake_add)
    pulled = run("pull", "clibd-1m")
    assert pulled.exit_code == 0
    assert pulled.stdout == ""
    assert "clibd-1m is installed" in pulled.stderr
    assert "0" * 64 in pulled.stderr
    words = ["best.pth", "--name", "mine", "--dna-pooling", "cls_token", "--vocab", "v.txt"]
    added = run("add", *words, "--overwrite", "--quiet", "--json")
    assert json.loads(added.stdout)["name"] == "mine"
    assert added.stderr == ""
    assert calls == [
        ("clibd-1m", {"dna_pooling": None, "overwrite": False, "bar": True}),
        (
            "best.pth",
            "mine",
            {"dna_pooling": "cls_token", "vocab": "v.txt", "overwrite": True, "bar": False},
        ),
    ]


def test_a_failure_has_a_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str, **settings: Any) -> ModelCard:
        raise ClibdError("the file is gone", "clibd models add FILE --name clibd-1m")

    monkeypatch.setattr("clibd_cli.tasks.models.pull_model", fail)
    done = run("pull", "clibd-1m")
    assert done.exit_code == 1
    assert "the file is gone" in done.stderr
    assert "clibd models add FILE" in done.stderr


@pytest.mark.parametrize(
    "words", [["add", "x.pth"], ["add", "x", "--name", "y", "--dna-pooling", "z"]]
)
def test_wrong_words_are_a_usage_error(words: list[str]) -> None:
    assert run(*words).exit_code == 2


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_an_example(verb: str) -> None:
    out = run(verb, "--help").stdout
    assert "Example" in out
    assert f"clibd models {verb}" in out


def test_looking_at_models_loads_nothing_heavy(home: Path) -> None:
    install(home, "mine")
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from clibd_cli.cli.models import app\n"
        "for words in (['list'], ['show', 'mine'], ['show', 'clibd-1m'], ['remove', 'mine']):\n"
        "    assert CliRunner().invoke(app, words).exit_code == 0, words\n"
        "heavy = {'torch', 'transformers', 'numpy', 'pyarrow', 'PIL', 'huggingface_hub'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=root,
        env={**os.environ, "CLIBD_HOME": str(home.parent)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
