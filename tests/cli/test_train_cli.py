"""`clibd train` at the shell: options made from settings, the live line, Ctrl-C, and mistakes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from clibd_cli.cli.errors import guarded
from clibd_cli.cli.setting_options import SectionedCommand
from clibd_cli.cli.train import RunLine, train
from clibd_cli.models.home import models_home
from clibd_cli.models.registry import remove, set_default
from clibd_cli.training.settings import setting_fields
from tests.made_inputs import SPECIES, write_fasta, write_photos

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import torch
from clibd_cli.cli.errors import guarded
from clibd_cli.cli.setting_options import SectionedCommand
from clibd_cli.cli.train import train
import typer

torch.set_num_threads(1)
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
app.command("train", cls=SectionedCommand)(guarded(train))
app()
"""

app = typer.Typer(rich_markup_mode=None)
app.command("train", cls=SectionedCommand)(guarded(train))


@app.callback()
def only() -> None:
    """A program with this verb alone."""


def clibd(*words: str) -> Result:
    return CliRunner().invoke(app, ["train", *words])


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def place(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    write_fasta(Path("d.fasta"), range(4), labels=True)
    write_photos(Path("photos"), range(4), prefix="s")
    lines = [f"s{n}-{i},{part}" for i, part in enumerate(PARTS) for n in range(len(SPECIES))]
    text = "\n".join(["specimen_id,split,seen", *(f"{line},true" for line in lines)])
    Path("splits.csv").write_text(text + "\n", encoding="utf-8")
    Path("r.toml").write_text(RECIPE, encoding="utf-8")
    before = {path.name for path in models_home().iterdir()}
    yield workplace
    for path in list(models_home().iterdir()):
        if path.name not in before and path.is_dir():
            remove(path.name, models_home())


PARTS = ("train", "train", "val", "key_seen")
RECIPE = """
name = "mine"
init_model = "tiny"
dna = ["d.fasta"]
photos = ["photos"]
split = "splits.csv"
modalities = ["image", "dna"]
epochs = 2
batch_size = 4
learning_rate = 1e-3
workers = 0
device = "cpu"
"""


def test_a_recipe(place: Path) -> None:
    done = clibd("r.toml")
    assert (done.exit_code, done.stdout) == (0, "")
    told = done.stderr
    assert "epoch 1, step 2 of 4, loss" in told
    assert "the best so far" in told
    assert "8 taught; 4 queries and 4 keys" in told
    assert "4 of 4" in told
    assert "mine (" in told
    assert "not calibrated: of 8 photos that were kept back, 8 are of taught species" in told
    assert Path("mine.train/run.toml").is_file()


def test_options_count_more_and_json_is_for_programs(place: Path) -> None:
    words = ["--name", "other", "--epochs", "1", "--modalities", "dna,text", "--json", "-q"]
    done = clibd("r.toml", *words, "--no-barcode-augmentation", "--rank-weights", "0,1,1,1")
    assert (done.exit_code, done.stderr) == (0, "")
    facts = json.loads(done.stdout)
    assert (facts["model"], facts["total"]) == ("other", 2)
    assert facts["modalities"] == ["dna", "text"]
    written = Path("other.train/run.toml").read_text(encoding="utf-8")
    assert "barcode_augmentation = false" in written
    assert "rank_weights = [0.0, 1.0, 1.0, 1.0]" in written
    # The recipe of a run repeats it, from anywhere.
    again = clibd("other.train/run.toml", "--name", "third", "--json", "-q", "--out", "third")
    assert json.loads(again.stdout)["fingerprint"] == facts["fingerprint"]


def test_all_settings_can_be_options(place: Path) -> None:
    words = ["--name", "mine", "--init-model", "tiny", "--dna", "d.fasta", "--photos", "photos"]
    done = clibd(*words, "--steps", "1", "--batch-size", "4", "--workers", "0", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["step"] == 1


def test_ctrl_c_says_how_to_go_on(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def press(self: RunLine, line: dict[str, Any]) -> None:
        if line["step"] == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunLine, "watch", press)
        stopped = clibd("r.toml")
    assert stopped.exit_code == 130
    assert "stopped after step 3; checkpoint in mine.train" in stopped.stderr
    assert "The same command goes on" in stopped.stderr
    done = clibd("r.toml")
    assert (done.exit_code, "4 of 4 (3 from an earlier run)" in done.stderr) == (0, True)


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_to_end_leaves_a_checkpoint(
    place: Path, monkeypatch: pytest.MonkeyPatch, plain_signals: None, name: str, code: int
) -> None:
    if not hasattr(signal, name):
        pytest.skip(f"the platform has no {name}")

    def end(self: RunLine, line: dict[str, Any]) -> None:
        if line["step"] == 3:
            signal.raise_signal(getattr(signal, name))

    monkeypatch.setattr(RunLine, "watch", end)
    stopped = clibd("r.toml")
    assert (stopped.exit_code, "stopped after step 3" in stopped.stderr) == (code, True)


def test_after_overwrite_going_on_is_without_it(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(self: RunLine, line: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(RunLine, "watch", press)
    assert "The same command without --overwrite goes on" in clibd("r.toml", "--overwrite").stderr


def test_the_summary_says_how_to_go_back_to_the_model_before(place: Path) -> None:
    set_default(models_home(), "tiny")
    words = ["r.toml", "--steps", "1", "--json"]
    kept = clibd(*words, "--name", "trial", "--no-make-default")
    assert "not the default, which is tiny: --model trial takes it" in kept.stderr
    assert json.loads(kept.stdout)["default"] == "tiny"
    taken = clibd(*words)
    assert "the default now, instead of tiny: --model or CLIBD_MODEL=tiny goes" in taken.stderr
    facts = json.loads(taken.stdout)
    assert (facts["default"], facts["default_before"]) == ("mine", "tiny")
    assert "still the default" in clibd(*words).stderr


def test_strict_tells_of_skipped_inputs(place: Path) -> None:
    assert clibd("r.toml", "--steps", "1", "--strict").exit_code == 0
    Path("photos/s0-0.png").write_bytes(b"no photo")
    words = ["r.toml", "--steps", "1", "--overwrite"]
    assert [clibd(*words, *more).exit_code for more in ([], ["--strict"])] == [0, 3]
    assert "mine (" in clibd("r.toml", "--steps", "1").stderr


def test_the_recipe_in_the_folder_of_the_run_is_left_alone(place: Path) -> None:
    Path("study").mkdir()
    moved = RECIPE.replace('"d.fasta"', '"../d.fasta"').replace('"photos"]', '"../photos"]')
    recipe = Path("study/recipe.toml")
    recipe.write_text(moved.replace('"splits.csv"', '"../splits.csv"'), encoding="utf-8")
    before = recipe.read_bytes()
    done = clibd("study/recipe.toml", "--out", "study")
    assert (done.exit_code, "study holds other files" in done.stderr) == (1, True)
    done = clibd("study/recipe.toml", "--out", "study/run")
    assert (done.exit_code, recipe.read_bytes()) == (0, before)


def test_stop_at_is_not_the_end(place: Path) -> None:
    done = clibd("r.toml", "--stop-at", "1")
    assert (done.exit_code, "not finished" in done.stderr) == (0, True)
    assert "the same command without --stop-at goes on" in done.stderr
    done = clibd("r.toml", "--stop-at", "1", "--overwrite")
    assert "the same command without --stop-at and --overwrite goes on" in done.stderr
    assert "(1 from an earlier run)" in clibd("r.toml", "--stop-at", "2").stderr
    Path("r.toml").write_text(RECIPE + "stop_at = 3\n", encoding="utf-8")
    done = clibd("r.toml")
    assert "the same command with a --stop-at beyond 3 goes on" in done.stderr
    assert "4 of 4 (3 from an earlier run)" in clibd("r.toml", "--stop-at", "9").stderr


def test_help_is_grouped_and_has_examples() -> None:
    done = clibd("--help")
    assert done.exit_code == 0
    text = " ".join(done.stdout.split())
    assert "clibd train my-model.toml --name wider --dim 512" in text
    headings = {field.metadata["group"] for field in setting_fields().values()}
    assert all(f"\n{heading}:\n" in done.stdout for heading in headings)
    for name in setting_fields():
        assert f"--{name.replace('_', '-')}" in done.stdout
    assert "[default: 5e-05]" in text


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["gone.toml"], 1, "gone.toml cannot be read"),
        (["bad.toml"], 1, "bad.toml is not TOML"),
        (["odd.toml"], 1, "did you mean epochs"),
        (["unfit.toml"], 1, "the recipe unfit.toml: freeze names 'wings'"),
        (["typed.toml"], 1, "epochs is 'many', but should be a whole number"),
        ([], 2, "the model has no name"),
        (["r.toml", "--epochs", "0"], 2, "epochs is 0"),
        (["r.toml", "--epochs", "some"], 2, "--epochs"),
        (["r.toml", "--rank-weights", "a,b"], 2, "no list of numbers"),
        (["r.toml", "--freeze", "wings"], 2, "wings"),
        (["r.toml", "--name", "tiny"], 1, "already a model tiny"),
        (["r.toml", "--dna", "gone.fasta"], 1, "gone.fasta"),
        (["r.toml", "--epoch", "3"], 2, "--epoch"),
    ],
)
def test_mistakes_say_what_to_do(place: Path, words: list[str], code: int, says: str) -> None:
    Path("bad.toml").write_text("epochs = = 3", encoding="utf-8")
    Path("odd.toml").write_text(RECIPE + "epoch = 3\n", encoding="utf-8")
    Path("unfit.toml").write_text(RECIPE + 'freeze = ["wings"]\n', encoding="utf-8")
    Path("typed.toml").write_text('name = "a"\nepochs = "many"\n', encoding="utf-8")
    done = clibd(*words)
    assert done.exit_code == code, done.output
    assert says in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.output


def test_a_relative_path_belongs_to_the_recipe(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = clibd(str(place / "r.toml"), "--steps", "1", "--json", "-q")
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "mine.train" / "log.jsonl").is_file()


@pytest.mark.slow
def test_of_two_processes_one_talks_and_writes(place: Path) -> None:
    """As torchrun starts them; the model is that of one process."""
    alone = clibd("r.toml", "--json", "-q", "--name", "alone", "--dropout", "0")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "r.toml", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": "2",
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
            },
        )
        for rank in range(2)
    ]
    told = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0], told
    facts = json.loads(told[0][0])
    assert (facts["processes"], facts["step"]) == (2, 4)
    assert "trained" in told[0][1]
    assert told[1] == ("", "")
    assert facts["loss"] == pytest.approx(json.loads(alone.stdout)["loss"], abs=1e-4)
    log = Path("mine.train/log.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(log) == 6
