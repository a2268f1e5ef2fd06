"""The same batches whatever the number of threads and processes; a lost photo is named."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import MODALITIES
from clibd_cli.models.cards import ImageTower
from clibd_cli.training.batches import BatchPlan
from clibd_cli.training.examples import Examples, read_examples
from clibd_cli.training.feeding import StepBatch, feed
from clibd_cli.training.settings_fields import TrainSettings
from tests.made_inputs import write_fasta, write_photos

TOWER = ImageTower(64, 1, 64, crop=16, resize=18)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("feed")
    write_fasta(folder / "a.fasta", range(3), labels=True)
    write_photos(folder / "photos", range(2))
    return folder


@pytest.fixture(scope="module")
def examples(folder: Path) -> Examples:
    return read_examples([folder / "a.fasta"], [folder / "photos"], pairs="taxon")


def plan_of(examples: Examples) -> BatchPlan:
    return BatchPlan(examples, "taxon", 5, 3, MODALITIES, 1)


def fed(
    examples: Examples, start: int, end: int, rank: int = 0, world: int = 1, **changes: Any
) -> list[StepBatch]:
    settings = TrainSettings(seed=1, **{"workers": 2, "barcode_shift": 3, **changes})
    batches = feed(plan_of(examples), examples, settings, {"image": TOWER}, start, end, rank, world)
    return list(batches)


def same(one: StepBatch, other: StepBatch) -> bool:
    photos = zip(one.items["image"], other.items["image"], strict=True)
    texts = [(b.step, b.epoch, b.rows, b.items["dna"], b.items["text"]) for b in (one, other)]
    return texts[0] == texts[1] and all(torch.equal(a, b) for a, b in photos)


def test_batches_hold_what_the_plan_says(examples: Examples) -> None:
    plan = plan_of(examples)
    batches = fed(examples, 0, 2 * plan.steps_per_epoch)
    assert [(b.step, b.epoch) for b in batches] == [(i, i // 3) for i in range(6)]
    for batch in batches:
        assert batch.rows == plan.rows(batch.epoch, batch.step % 3)
        assert {m: len(items) for m, items in batch.items.items()} == {
            m: len(rows) for m, rows in batch.rows.items()
        }
        assert all(photo.shape == (3, 16, 16) for photo in batch.items["image"])
        assert batch.items["text"] == [examples.train[i].words for i in batch.rows["text"]]


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_any_number_of_workers_gives_the_same(examples: Examples, workers: int) -> None:
    two = fed(examples, 0, 5)
    others = fed(examples, 0, 5, workers=workers)
    assert len(two) == len(others) == 5
    assert all(same(a, b) for a, b in zip(two, others, strict=True))


def test_a_run_that_goes_on_sees_what_it_would_have_seen(examples: Examples) -> None:
    whole, rest = fed(examples, 0, 6), fed(examples, 4, 6)
    assert all(same(a, b) for a, b in zip(whole[4:], rest, strict=True))


@pytest.mark.parametrize("world", [2, 3, 16])
def test_the_shares_of_the_processes_are_the_whole(examples: Examples, world: int) -> None:
    whole = fed(examples, 0, 2)
    shares = [fed(examples, 0, 2, rank, world) for rank in range(world)]
    for step, batch in enumerate(whole):
        for modality in MODALITIES:
            for rank in range(world):
                mine = shares[rank][step]
                assert mine.rows == batch.rows
                wanted = batch.items[modality][rank::world]
                assert len(mine.items[modality]) == len(wanted)
                for a, b in zip(mine.items[modality], wanted, strict=True):
                    assert torch.equal(a, b) if modality == "image" else a == b


def test_a_photo_that_comes_again_is_varied_anew(examples: Examples) -> None:
    plan = BatchPlan(examples, "taxon", 2, 8, ("image", "dna"), 0)
    settings = TrainSettings(workers=0)
    first, second = feed(plan, examples, settings, {"image": TOWER}, 0, 2)
    assert first.epoch == second.epoch
    again = second.rows["image"].index(first.rows["image"][0])
    assert not torch.equal(first.items["image"][0], second.items["image"][again])


def test_barcodes_alone_need_no_image_tower(folder: Path) -> None:
    examples = read_examples([folder / "a.fasta"], [])
    plan = BatchPlan(examples, "specimen", 5, None, ("dna", "text"), 0)
    settings = TrainSettings(barcode_augmentation=False)
    (batch,) = feed(plan, examples, settings, {}, 1, 2)
    assert batch.items["dna"] == [examples.train[i].barcode for i in batch.rows["dna"]]
    assert set(batch.items) == {"dna", "text"}


def test_a_lost_photo_is_named_and_no_thread_stays(tmp_path: Path) -> None:
    write_photos(tmp_path, range(2))
    examples = read_examples([], [tmp_path])
    (tmp_path / "p2-1.png").unlink()
    plan = BatchPlan(examples, "specimen", 8, None, ("image",), 0)
    before = threading.active_count()
    batches = feed(plan, examples, TrainSettings(workers=2), {"image": TOWER}, 0, 1)
    with pytest.raises(ClibdError, match=r"p2-1\.png could be read when the run began") as caught:
        list(batches)
    assert "goes on from its last checkpoint" in (caught.value.hint or "")
    assert threading.active_count() == before


def test_closing_early_ends_the_threads(examples: Examples) -> None:
    before = threading.active_count()
    batches = feed(plan_of(examples), examples, TrainSettings(workers=3), {"image": TOWER}, 0, 99)
    next(batches)
    assert threading.active_count() > before
    batches.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_little_waits_in_memory(examples: Examples, monkeypatch: pytest.MonkeyPatch) -> None:
    from clibd_cli.training import feeding

    opened: list[object] = []
    real = feeding.load_photo
    monkeypatch.setattr(feeding, "load_photo", lambda path: opened.append(path) or real(path))
    batches = feed(plan_of(examples), examples, TrainSettings(workers=2), {"image": TOWER}, 0, 99)
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert 3 <= len(opened) <= 16
