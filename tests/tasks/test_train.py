"""`train` from files to an installed model: what it learns, goes on from, and refuses."""

from __future__ import annotations

import csv
import json
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


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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
    with pytest.raises(ClibdError, match=r"other settings: epochs was 2"):
        train(replace(TINY, epochs=3))
    write_fasta(Path("d.fasta"), range(5), labels=True)
    with pytest.raises(ClibdError, match="training data"):
        train(TINY)
    done = train(TINY, overwrite=True)
    assert (done.resumed_at, done.finished) == (0, True)


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
        ({"metric": "seen.dna_to_dna.tribe", "split": "all.csv"}, "tribe is not measured"),
    ],
)
def test_mistakes_are_told(place: Path, values: dict[str, Any], says: str) -> None:
    write_photos(Path("others"), range(2), prefix="other")
    Path(write_split({"0": "val", "1": "key_seen"})).rename("val.csv")
    Path(write_split({"0": "train", "1": "val", "2": "key_seen"})).rename("all.csv")
    with pytest.raises((ClibdError, UsageError), match=says):
        train(replace(TINY, **values))
