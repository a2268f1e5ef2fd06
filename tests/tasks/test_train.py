"""`train` from files to an installed model: what it learns, goes on from, and refuses."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.models.cards import ProfileDnaTower
from clibd_cli.models.home import models_home
from clibd_cli.models.model import load_model
from clibd_cli.models.registry import default_model, find_installed, read_card, remove
from clibd_cli.tasks.embed import embed
from clibd_cli.tasks.inputs import Inputs
from clibd_cli.tasks.train import TrainSummary, steps_done, train
from clibd_cli.training.journal import read_journal
from clibd_cli.training.settings_fields import TrainSettings
from tests.made_inputs import SPECIES, barcode_of, write_fasta, write_photos
from tests.models.tiny import clibd_state, save, write_vocab

TINY = TrainSettings(
    name="mine",
    init_model="tiny",
    dna=("d.fasta",),
    photos=("photos",),
    epochs=2,
    batch_size=8,
    learning_rate=2e-3,
    workers=0,
    barcode_augmentation=False,
    device="cpu",
)
"""16 specimens in 2 steps an epoch."""


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def place(workplace: Path) -> Iterator[Path]:
    """Photos and barcodes of the same specimens; the models that a test makes are taken away."""
    write_fasta(Path("d.fasta"), range(4), labels=True)
    write_photos(Path("photos"), range(4), prefix="s")
    before = {path.name for path in models_home().iterdir()}
    yield workplace
    for path in list(models_home().iterdir()):
        if path.name not in before and path.is_dir():
            remove(path.name, models_home())


def write_split(parts: Mapping[str, str]) -> str:
    """A table of splits: of each individual, the part that it is in."""
    with Path("splits.csv").open("w", encoding="utf-8", newline="") as handle:
        rows = csv.writer(handle)
        rows.writerow(["specimen_id", "split", "seen"])
        for individual, part in parts.items():
            rows.writerows([f"s{n}-{individual}", part, "true"] for n in range(len(SPECIES)))
    return "splits.csv"


class Warnings:
    """A progress that keeps what it is warned of."""

    live = False

    def __init__(self) -> None:
        self.heard: list[str] = []

    def begin(self, label: str, total: int | None) -> None:
        pass

    def advance(self, n: int = 1) -> None:
        pass

    def warn(self, message: str) -> None:
        self.heard.append(message)


def losses(done: TrainSummary) -> list[float]:
    return [line["loss"] for line in read_journal(Path(done.log)) if line["event"] == "step"]


def test_a_model_is_trained_installed_and_used(place: Path) -> None:
    split = write_split({"0": "train", "1": "train", "2": "val", "3": "key_seen"})
    lines: list[Mapping[str, Any]] = []
    asked = replace(TINY, split=split, epochs=6, title="Mine", notes="For tests.", label="species")
    done = train(asked, command="clibd train mine.toml", watch=lines.append)
    assert (done.finished, done.step, done.total) == (True, 6, 6)
    assert (done.examples, done.queries, done.keys, done.skipped) == (8, 4, 4, 0)
    assert done.trained_parameters == done.parameters
    assert losses(done)[-1] < losses(done)[0]
    assert [line["event"] for line in lines].count("validation") == 6
    assert {line["total"] for line in lines} == {6}
    assert set(done.modalities) == {"image", "dna", "text"}
    assert done.metrics["seen.dna_to_dna.species"] == 1.0

    folder = find_installed("mine", models_home())
    card = read_card(folder)
    assert (card.fingerprint, card.title) == (done.fingerprint, "Mine")
    assert card.notes.startswith("For tests. Validation, top-1: seen.")
    assert "image from tiny (" in card.source
    assert default_model(models_home()) == "mine"
    stored = embed(Inputs(dna=["d.fasta"], photos=["photos"]), "s", model="mine", workers=0)
    assert (stored.model, stored.n, stored.fingerprint) == ("mine", 32, done.fingerprint)
    before = load_model(find_installed("tiny", models_home())).encode("dna", [barcode_of(0)])
    after = load_model(folder).encode("dna", [barcode_of(0)])
    assert np.abs(before - after).max() > 1e-3

    run = json.loads((Path(done.folder) / "run.json").read_text(encoding="utf-8"))
    assert (run["fingerprint"], run["command"]) == (done.fingerprint, "clibd train mine.toml")
    pytest.importorskip("matplotlib")
    assert done.curves is not None
    assert Path(done.curves).read_bytes().startswith(b"\x89PNG")


def test_an_interrupted_run_ends_with_the_same_model(place: Path) -> None:
    """Whether it was stopped in the middle of an epoch or crashed at the end of one."""
    asked = replace(TINY, epochs=3, init_model=None, dim=16)
    asked = replace(asked, image_tower="model:tiny", dna_tower="model:tiny", lora_rank=2)
    whole = train(asked)
    stopped = replace(asked, name="stopped", stop_at=3)
    first = train(stopped)
    assert (first.finished, first.model, first.step) == (False, None, 3)
    assert steps_done(stopped) == 3

    class CrashError(Exception):
        pass

    def crash(line: Mapping[str, Any]) -> None:
        if line["step"] == 5:
            raise CrashError

    rest = replace(stopped, stop_at=None)
    with pytest.raises(CrashError):
        train(rest, watch=crash)
    done = train(rest)
    assert 4 <= done.resumed_at < done.step == 6
    assert done.fingerprint == whole.fingerprint
    assert losses(done) == losses(whole)
    again = train(rest)
    assert (again.resumed_at, again.loss, again.fingerprint) == (6, None, whole.fingerprint)


def test_ctrl_c_leaves_a_checkpoint(place: Path) -> None:
    def press(line: Mapping[str, Any]) -> None:
        if line["step"] == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(TINY, watch=press)
    done = train(TINY)
    assert (done.resumed_at, done.step) == (3, 4)
    assert done.fingerprint == train(replace(TINY, name="other")).fingerprint


def test_an_official_checkpoint_with_lora(place: Path) -> None:
    pytest.importorskip("peft")
    save(clibd_state(), Path("best.pth"))
    write_vocab(Path("vocab.txt"))
    asked = replace(
        TINY, init_model="best.pth", vocab="vocab.txt", lora_rank=4, gradient_caching=True
    )
    done = train(replace(asked, micro_batch=3))
    assert done.trained_parameters < done.parameters / 5
    card = read_card(find_installed("mine", models_home()))
    assert "best.pth; LoRA of rank 4, 4 steps" in card.source.replace("(image from ", "")
    model = load_model(find_installed("mine", models_home()))
    # What is not adapted is to the bit what it was.
    tensors = clibd_state()
    words = tensors["dna_encoder.base_dna_encoder.bert.embeddings.word_embeddings.weight"]
    assert torch.equal(model._encoders["dna"].words, words)  # type: ignore[union-attr]


def test_new_small_towers_from_unpaired_specimens(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clibd_cli.training import tower_new

    small = partial(ProfileDnaTower, positions=90)
    monkeypatch.setattr(tower_new, "ProfileDnaTower", small)
    write_photos(Path("others"), range(4), prefix="other")
    asked = replace(
        TINY,
        init_model=None,
        dna_tower="new:profile",
        text_tower="new:ngrams",
        image_tower="model:tiny",
        photos=("others",),
        pairs="taxon",
        label="species",
        taxon_weight=1.0,
        freeze=("image",),
        weights="float16",
    )
    done = train(asked)
    card = read_card(find_installed("mine", models_home()))
    assert card.dna is not None
    assert card.dna.output_dim == done.dim == 64
    assert card.size_bytes < 3 * done.parameters
    assert "image as it was" in card.source
    stored = embed(Inputs(dna=["d.fasta"]), "s", model="mine")
    assert stored.n == 16


def test_a_run_that_cannot_go_on_says_why(place: Path) -> None:
    train(replace(TINY, stop_at=1))
    with pytest.raises(ClibdError, match=r"another run: epochs was 2"):
        train(replace(TINY, epochs=3))
    write_fasta(Path("d.fasta"), range(5), labels=True)
    with pytest.raises(ClibdError, match="training data"):
        train(TINY)
    done = train(TINY, overwrite=True)
    assert (done.resumed_at, done.finished) == (0, True)


def test_a_run_of_other_settings_leaves_the_folder_as_it_is(place: Path) -> None:
    train(replace(TINY, stop_at=1))
    before = {path: path.read_bytes() for path in Path("mine.train").iterdir()}
    with pytest.raises(ClibdError, match="another run"):
        train(replace(TINY, epochs=3))
    assert {path: path.read_bytes() for path in Path("mine.train").iterdir()} == before


@pytest.mark.parametrize("when", ["will_install", "set_default", "save_figure", "finish"])
def test_a_stop_while_the_model_is_put_up_is_no_harm(
    place: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    from clibd_cli.report import plots
    from clibd_cli.tasks.train_folder import RunFolder
    from clibd_cli.training import finish

    if when == "save_figure":
        pytest.importorskip("matplotlib")

    def press(*_values: object) -> None:
        raise KeyboardInterrupt

    owner: Any = {"set_default": finish, "save_figure": plots}.get(when, RunFolder)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(owner, when, press)
        train(TINY)
    done = train(TINY)
    assert (done.resumed_at, done.model) == (4, "mine")


def test_a_failed_plot_is_a_warning(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    from clibd_cli.report import curves

    def fail(*_values: object) -> None:
        raise RuntimeError("no fonts")

    monkeypatch.setattr(curves, "plot_curves", fail)
    told = Warnings()
    done = train(replace(TINY, steps=1), progress=told)
    assert (done.model, done.curves) == ("mine", None)
    assert "the curves cannot be drawn: no fonts" in told.heard


def test_the_users_files_are_left_alone(place: Path) -> None:
    Path("study").mkdir()
    for name in ("recipe.toml", "run.toml", "log.jsonl"):
        Path("study", name).write_text("mine", encoding="utf-8")
    for overwrite in (False, True):
        with pytest.raises(ClibdError, match="holds other files"):
            train(replace(TINY, out="study"), overwrite=overwrite)
    assert {path.name: path.read_text() for path in Path("study").iterdir()} == dict.fromkeys(
        ("recipe.toml", "run.toml", "log.jsonl"), "mine"
    )
    Path("empty").mkdir()
    done = train(replace(TINY, out="empty", steps=1))
    # The recipe of a run is not written while it is read from.
    recipe = Path(done.folder, "run.toml")
    recipe.write_text(text := "# mine\n" + recipe.read_text(encoding="utf-8"), encoding="utf-8")
    train(replace(TINY, out="empty", steps=2), overwrite=True, recipe=recipe)
    assert recipe.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    "values", [{"init_model": "gone"}, {"dna": ("gone.fasta",)}, {"modalities": ("dna",)}]
)
def test_a_mistake_with_overwrite_costs_no_earlier_run(place: Path, values: dict[str, Any]) -> None:
    train(replace(TINY, stop_at=3))
    with pytest.raises(ClibdError):
        train(replace(TINY, **values), overwrite=True)
    assert not list(Path("mine.train").glob("*.old"))
    assert train(TINY).resumed_at == 3
    assert not list(Path("mine.train").glob("*.old"))


def test_what_is_missing_is_found_before_photos_are_looked_at(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clibd_cli.training import examples, pretrained, tower_lora

    def read(*_values: object, **_more: object) -> None:
        raise AssertionError("data is read")

    def lacks(*_values: object) -> None:
        raise ClibdError("not there")

    monkeypatch.setattr(examples, "read_examples", read)
    monkeypatch.setattr(tower_lora, "require_peft", lacks)
    monkeypatch.setattr(pretrained, "pretrained_file", lacks)
    for values, says in [
        ({"init_model": "gone"}, "no model called gone"),
        ({"init_model": "gone.pth"}, "checkpoint gone.pth does not exist"),
        ({"dna_tower": "model:gone"}, "no model called gone"),
        ({"image_tower": "pretrained:efficientnet_lite0"}, "not there"),
        ({"lora_rank": 2}, "not there"),
        ({"vocab": "gone.txt"}, "vocabulary gone.txt does not exist"),
    ]:
        with pytest.raises(ClibdError, match=says):
            train(replace(TINY, **values))
    assert not Path("mine.train").exists()


def test_a_metric_that_no_validation_gives_is_refused_before_training(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clibd_cli.training import photo_reading

    def decode(*_values: object) -> None:
        raise AssertionError("photos are decoded")

    monkeypatch.setattr(photo_reading, "read_photo", decode)
    split = write_split({"0": "train", "1": "val", "2": "key_seen"})
    for metric in ("unseen.dna_to_dna.genus", "seen.dna_to_dna.species.known"):
        with pytest.raises(ClibdError, match=f"metric {metric} is not measured") as told:
            train(replace(TINY, split=split, metric=metric))
        assert "seen.image_to_dna.species" in str(told.value.hint)
    assert not Path("mine.train/checkpoint.pt").exists()


def test_lora_without_anything_to_add_to_is_refused_before_data_are_read(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("peft")
    from clibd_cli.training import examples, tower_new

    new = {"dna_tower": "new:profile", "text_tower": "new:ngrams", "init_model": None}
    with monkeypatch.context() as patch:
        patch.setattr(tower_new, "ProfileDnaTower", partial(ProfileDnaTower, positions=90))
        train(replace(TINY, **new, photos=(), name="kmers", steps=1))

    def read(*_values: object, **_more: object) -> None:
        raise AssertionError("data is read")

    monkeypatch.setattr(examples, "read_examples", read)
    for values, says, instead in [
        ({"init_model": "kmers", "photos": ()}, "dna and text towers have no att", "transformers"),
        ({"dna_tower": "model:kmers"}, "the dna tower has no attention", "put dna into freeze"),
        ({**new, "photos": ()}, r"all that are trained are new \(dna, text\)", "lora_rank = 0"),
    ]:
        with pytest.raises(UsageError, match=says) as told:
            train(replace(TINY, **values, lora_rank=4))
        assert instead in (told.value.hint or "")


def test_towers_that_do_not_fit_are_found_before_photos_are_decoded(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clibd_cli.training import photo_reading

    def decode(*_values: object) -> None:
        raise AssertionError("photos are decoded")

    monkeypatch.setattr(photo_reading, "read_photo", decode)
    save(clibd_state(), Path("best.pth"))
    with pytest.raises(UsageError, match="text tower, but not its vocabulary"):
        train(replace(TINY, init_model="best.pth"))


def test_settings_from_python_are_checked(place: Path) -> None:
    with pytest.raises(UsageError, match="epochs is 0"):
        train(replace(TINY, epochs=0))


def test_two_runs_in_one_folder_do_not_mix(place: Path) -> None:
    refused: list[str] = []

    def again(line: Mapping[str, Any]) -> None:
        if line["step"] == 2:
            with pytest.raises(ClibdError) as told:
                train(TINY, overwrite=True)
            refused.append(told.value.message)

    done = train(TINY, watch=again)
    (message,) = refused
    assert "another run of clibd is training in mine.train (process " in message
    assert len(losses(done)) == 4
    assert not (Path(done.folder) / ".lock").exists()


def test_what_a_kill_left_half_written_goes_when_the_run_goes_on(place: Path) -> None:
    train(replace(TINY, stop_at=1))
    for name in (".checkpoint.7.partial.pt", ".best.7.partial.pt", ".log.8.partial.jsonl"):
        Path("mine.train", name).write_bytes(b"half")
    Path("mine.train/mine.partial.pt").write_bytes(b"the user's")
    train(TINY)
    assert [path.name for path in Path("mine.train").glob("*.partial*")] == ["mine.partial.pt"]
    assert not list(Path("mine.train").glob(".*.partial*"))


def test_a_run_that_was_killed_while_it_marked_its_folder_begins_again(place: Path) -> None:
    Path("mine.train").mkdir()
    Path("mine.train", "..clibd-run.7.partial").touch()
    Path("mine.train", ".lock").touch()
    assert train(replace(TINY, stop_at=1)).step == 1
    assert not list(Path("mine.train").glob("*.partial"))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_run_on_names_that_are_not_utf8_goes_on(place: Path) -> None:
    odd = os.fsdecode(b"caf\xe9")
    Path(odd).mkdir()
    Path("d.fasta").rename(Path(odd, "d.fasta"))
    asked = replace(TINY, dna=(f"{odd}/d.fasta",), stop_at=1)
    train(asked)
    assert train(replace(asked, stop_at=None)).resumed_at == 1


def test_the_steps_done_are_those_of_the_checkpoint(place: Path) -> None:
    asked = replace(TINY, stop_at=1)
    assert steps_done(asked) == 0
    done = train(asked)
    log = Path(done.log)
    last = {**read_journal(log)[-1], "step": 2}
    log.write_text(log.read_text(encoding="utf-8") + json.dumps(last) + "\n", encoding="utf-8")
    assert steps_done(asked) == 1
    (Path(done.folder) / "checkpoint.pt").write_bytes(b"torn")
    assert steps_done(asked) == 0


def test_a_fine_tuned_model_keeps_the_terms_of_the_first(place: Path) -> None:
    train(replace(TINY, steps=1, licence="research only", notes="No moths."))
    done = train(replace(TINY, steps=1, name="finer", init_model="mine"))
    card = read_card(find_installed("finer", models_home()))
    assert (done.model, card.licence) == ("finer", "Begun from mine: research only")
    assert card.notes.startswith("Begun from mine: No moths.")


def test_a_name_that_is_taken_is_found_out_before_training(place: Path) -> None:
    with pytest.raises(ClibdError, match="already a model tiny") as caught:
        train(replace(TINY, name="tiny"))
    assert "--overwrite" in str(caught.value.hint)
    assert not Path("tiny.train").exists()
    train(TINY)
    # Another run of that name must not take it either, but the same run may finish again.
    with pytest.raises(ClibdError, match="already a model mine"):
        train(replace(TINY, out="elsewhere"))
    assert train(replace(TINY, notes="More.")).model == "mine"
    assert read_card(find_installed("mine", models_home())).notes == "More."


def test_what_a_run_is_judged_by_does_not_change_unheard(place: Path) -> None:
    """A species more among the queries, or another metric, and scores do not compare."""
    metric = "seen.dna_to_dna.species"
    parts = {"0": "train", "1": "train", "2": "val", "3": "key_seen"}
    asked = replace(TINY, split=write_split(parts), metric=metric)
    train(replace(asked, stop_at=1))
    write_split({**parts, "3": "val"})
    told = Warnings()
    done = train(asked, progress=told)
    assert any("queries or keys were others" in line for line in told.heard)
    card = find_installed("mine", models_home()) / "card.json"
    before = card.read_bytes()
    with pytest.raises(ClibdError, match=f"the run has ended.*the metric was {metric}"):
        train(replace(asked, metric="seen.dna_to_dna.genus"))
    write_split(parts)
    with pytest.raises(ClibdError, match="the run has ended"):
        train(asked)
    assert card.read_bytes() == before
    write_split({**parts, "3": "val"})
    assert train(asked).fingerprint == done.fingerprint


def test_an_interrupted_overwrite_goes_on(place: Path) -> None:
    train(TINY)
    anew = replace(TINY, out="elsewhere", seed=5)
    train(replace(anew, stop_at=2), overwrite=True)
    done = train(anew)
    assert (done.resumed_at, done.model) == (2, "mine")


def test_bad_photos_are_skipped_and_listed(place: Path) -> None:
    Path("photos/s0-0.png").write_bytes(b"no photo")
    done = train(TINY)
    assert done.skipped == 1
    assert "s0-0.png" in (Path(done.folder) / "skipped.csv").read_text(encoding="utf-8")
    for photo in Path("photos").glob("*.png"):
        photo.write_bytes(b"no photo")
    with pytest.raises(ClibdError, match="no photo that is to be trained on can be read") as told:
        train(TINY, overwrite=True)
    assert ".png: " in str(told.value.hint)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"dna": ("gone.fasta",)}, "gone.fasta"),
        ({"photos": ("gone",)}, "gone"),
        ({"split": "gone.csv"}, "gone.csv"),
        ({"split": "val.csv"}, "train"),
        ({"init_model": "gone"}, "no model called gone"),
        ({"photos": ("others",), "labels": ("others/photos.csv",)}, "both"),
        ({"name": "con"}, "cannot be the name"),
        ({"name": "clibd-demo"}, "own model"),
        ({"photos": (), "modalities": ("dna",)}, "nothing to contrast"),
        ({"metric": "seen.dna_to_dna.tribe", "split": "all.csv"}, "no metric"),
        ({"metric": "unseen.dna_to_dna.genus", "split": "all.csv"}, "genus is not measured"),
    ],
)
def test_mistakes_are_told(place: Path, values: dict[str, Any], says: str) -> None:
    write_photos(Path("others"), range(2), prefix="other")
    Path(write_split({"0": "val", "1": "key_seen"})).rename("val.csv")
    Path(write_split({"0": "train", "1": "val", "2": "key_seen"})).rename("all.csv")
    with pytest.raises((ClibdError, UsageError), match=says):
        train(replace(TINY, **values))
