from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.records import Modality
from clibd_cli.training.collaborators import Encode, TrainResult
from clibd_cli.training.journal import Journal, read_journal
from clibd_cli.training.processes import Processes
from clibd_cli.training.run_state import BEST, CHECKPOINT, RunFiles
from clibd_cli.training.trainer import train
from tests.training.tiny_run import (
    DIM,
    N,
    TinyBatch,
    TinyPlan,
    TinyTowers,
    features,
    one_thread,
    tiny_examples,
    tiny_feed,
    tiny_settings,
    tiny_towers,
    weights_of,
)

PER_EPOCH = TinyPlan().steps_per_epoch


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with one_thread():
        yield


def _validate(encode: Encode) -> dict[str, float]:
    known = features()
    modality: Sequence[Modality] = ("image", "dna")
    a, b = (encode(m, list(known[m])) for m in modality)
    assert a.shape == (N, DIM)
    assert np.allclose(np.linalg.norm(a, axis=1), 1, atol=1e-5)
    return {"seen.image_to_dna.species": float((a * b).sum(1).mean()), "other": 0.0}


def _train(folder: Path, towers: TinyTowers, feed: Any = tiny_feed, **changes: Any) -> TrainResult:
    validate = changes.pop("validate", _validate)
    more = {name: changes.pop(name) for name in ("asked", "progress") if name in changes}
    return train(
        tiny_settings(folder, **changes),
        tiny_examples(),
        TinyPlan(),
        towers,
        feed,
        validate,
        folder=folder,
        journal=Journal(folder / "log.jsonl"),
        **more,
    )


def _without_times(folder: Path) -> list[dict[str, Any]]:
    timed = {"seconds", "rows_per_second", "waited", "memory_mb"}
    lines = read_journal(folder / "log.jsonl")
    return [{k: v for k, v in line.items() if k not in timed} for line in lines]


def test_a_run_learns_and_writes_its_log(tmp_path: Path) -> None:
    towers = tiny_towers(dropout=0.1)
    result = _train(tmp_path, towers, epochs=20)
    lines = read_journal(tmp_path / "log.jsonl")
    steps = [line for line in lines if line["event"] == "step"]
    assert [line["step"] for line in steps] == list(range(1, 20 * PER_EPOCH + 1))
    assert steps[-1]["loss"] < 0.8 * steps[0]["loss"]
    assert steps[0].keys() >= {
        "epoch", "contrastive", "species", "rates", "temperature", "gradient", "rows", "memory_mb"
    }  # fmt: skip
    assert steps[0]["rates"]["dna"] == pytest.approx(1e-6)
    assert [line["epoch"] for line in lines if line["event"] == "validation"] == [*range(1, 21)]
    assert result.finished
    assert result.step == result.total == 20 * PER_EPOCH
    assert result.metrics.keys() == {"seen.image_to_dna.species", "other"}


@pytest.mark.parametrize("stop", [1, PER_EPOCH, PER_EPOCH + 2])
def test_a_stopped_run_goes_on_to_the_same_bits(tmp_path: Path, stop: int) -> None:
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    at_once = tiny_towers(dropout=0.3)
    _train(whole, at_once)
    first = _train(halves, tiny_towers(dropout=0.3), stop_at=stop)
    assert (first.finished, first.step) == (False, stop)
    torch.manual_seed(99)  # the state that the second call finds is another
    towers = tiny_towers(dropout=0.3, seed=5)
    second = _train(halves, towers)
    assert second.resumed_at == stop
    assert torch.equal(weights_of(towers), weights_of(at_once))
    assert _without_times(halves) == _without_times(whole)


@pytest.mark.parametrize("killed_at", [0, 1, 4, 7])
def test_ctrl_c_leaves_the_last_finished_step(tmp_path: Path, killed_at: int) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    at_once = tiny_towers(dropout=0.3)
    _train(whole, at_once)

    def interrupted(start: int, end: int) -> Iterator[TinyBatch]:
        yield from itertools.islice(tiny_feed(start, end), killed_at)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _train(broken, tiny_towers(dropout=0.3), feed=interrupted)
    towers = tiny_towers(dropout=0.3, seed=5)
    assert _train(broken, towers).resumed_at == killed_at
    assert torch.equal(weights_of(towers), weights_of(at_once))
    assert _without_times(broken) == _without_times(whole)


def test_ctrl_c_in_a_validation_repeats_it(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    at_once = tiny_towers()
    _train(whole, at_once)

    def interrupted(encode: Encode) -> dict[str, float]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _train(broken, tiny_towers(), validate=interrupted)
    towers = tiny_towers(seed=5)
    _train(broken, towers)
    assert torch.equal(weights_of(towers), weights_of(at_once))
    assert _without_times(broken) == _without_times(whole)


def test_an_error_leaves_the_last_finished_step_too(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    at_once = tiny_towers()
    _train(whole, at_once)

    def failing(start: int, end: int) -> Iterator[TinyBatch]:
        yield from itertools.islice(tiny_feed(start, end), PER_EPOCH + 2)
        raise ClibdError("photo.jpg is gone")

    with pytest.raises(ClibdError, match="is gone"):
        _train(broken, tiny_towers(), feed=failing)
    towers = tiny_towers(seed=5)
    assert _train(broken, towers).resumed_at == PER_EPOCH + 2
    assert torch.equal(weights_of(towers), weights_of(at_once))


def test_a_killed_run_goes_on_from_its_checkpoint_and_the_log_loses_what_came_after(
    tmp_path: Path,
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    at_once = tiny_towers()
    _train(whole, at_once)
    _train(broken, tiny_towers(), stop_at=PER_EPOCH + 2)
    kept = tmp_path / "kept.pt"
    (broken / CHECKPOINT).rename(kept)
    _train(broken, tiny_towers(), stop_at=PER_EPOCH)  # a new run, since there is no checkpoint
    lines = (broken / "log.jsonl").read_text(encoding="utf-8")
    later = lines.splitlines()[0].replace('"step": 1,', f'"step": {PER_EPOCH + 1},')
    (broken / "log.jsonl").write_text(f'{lines}{later}\n{{"event": "st', encoding="utf-8")
    towers = tiny_towers(seed=5)
    assert _train(broken, towers).resumed_at == PER_EPOCH
    assert torch.equal(weights_of(towers), weights_of(at_once))
    assert _without_times(broken) == _without_times(whole)


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    towers = tiny_towers()
    first = _train(tmp_path, towers)

    def feed(start: int, end: int) -> Iterator[TinyBatch]:
        raise AssertionError("nothing is left to feed")

    again = tiny_towers(seed=5)
    second = _train(tmp_path, again, feed=feed)
    assert second.value == first.value
    assert torch.equal(weights_of(again), weights_of(towers))


def test_the_best_weights_are_kept_and_patience_ends_the_run(tmp_path: Path) -> None:
    values = iter([0.2, 0.9, 0.5, 0.6])
    seen: list[torch.Tensor] = []
    towers = tiny_towers()

    def validate(encode: Encode) -> dict[str, float]:
        seen.append(weights_of(towers).clone())
        return {"good": next(values), "other": 1.0}

    result = _train(tmp_path, towers, validate=validate, metric="good", patience=2, epochs=9)
    assert (result.stopped_early, result.finished) == (True, True)
    assert (result.step, result.best_step) == (4 * PER_EPOCH, 2 * PER_EPOCH)
    assert result.value == 0.9
    assert torch.equal(weights_of(towers), seen[1])
    again = _train(tmp_path, tiny_towers(), metric="good", patience=2, epochs=9)
    assert (again.stopped_early, again.resumed_at) == (True, 4 * PER_EPOCH)


def test_a_metric_that_is_not_measured_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    with pytest.raises(ClibdError, match="metric nothing") as told:
        _train(tmp_path, tiny_towers(), metric="nothing")
    assert "seen.image_to_dna.species" in (told.value.hint or "")
    result = _train(tmp_path, tiny_towers(seed=5), metric="seen.image_to_dna.species")
    assert result.resumed_at == PER_EPOCH
    assert [line["epoch"] for line in _without_times(tmp_path) if "best" in line] == [1, 2, 3, 4]


def test_values_of_another_metric_are_not_compared(tmp_path: Path) -> None:
    values = {"high": 0.9, "low": 0.1}
    told = {"validate": lambda encode: values}
    first = _train(tmp_path, tiny_towers(), metric="high", stop_at=PER_EPOCH, **told)
    assert (first.value, first.best_step) == (0.9, PER_EPOCH)
    second = _train(tmp_path, tiny_towers(), metric="low", **told)
    assert (second.value, second.finished) == (0.1, True)


def test_a_best_that_is_forgotten_is_told(tmp_path: Path) -> None:
    """Of another metric, or of other queries and keys, as far as these are known."""
    run = {"validate": lambda encode: {"high": 0.9, "low": 0.1}}
    heard = [Told() for _ in range(4)]
    asked = ["", "one", "one", "other"]
    ends = [{"stop_at": n * PER_EPOCH} for n in (1, 2, 3)]
    metrics = ["high", "high", "low", "low"]
    done = [
        _train(tmp_path, tiny_towers(), metric=m, progress=h, asked=a, **e, **run)
        for m, h, a, e in zip(metrics, heard, asked, [*ends, {}], strict=True)
    ]
    assert [h.warnings for h in heard[:2]] == [[], []]
    (metric,), (data,) = (h.warnings for h in heard[2:])
    assert "(0.9000 at step 3) " in metric
    assert metric.endswith("forgotten: the metric was high")
    assert data.endswith("forgotten: queries or keys were others")
    # What was measured on other data is not better than what comes.
    assert [d.best_step for d in done] == [3, 3, 6, 9]


@pytest.mark.parametrize("changes", [{"metric": "low"}, {"asked": "other"}])
@pytest.mark.parametrize("patience", [0, 1])
def test_a_run_that_has_ended_is_not_judged_anew(
    tmp_path: Path, changes: dict[str, Any], patience: int
) -> None:
    """Its model is the best one; judged anew it would be the last one."""
    facts = {"validate": lambda encode: {"high": 0.9, "low": 0.1}, "patience": patience}
    before = {"metric": "high", "asked": "one"}
    done = _train(tmp_path, tiny_towers(), **before, **facts)
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ClibdError, match="the run has ended, and its model is that of step 3") as e:
        _train(tmp_path, tiny_towers(), **{**before, **changes}, **facts)
    assert "--name" in (e.value.hint or "")
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == files
    again = _train(tmp_path, tiny_towers(), **before, **facts)
    assert (again.best_step, again.value) == (done.best_step, done.value)


def test_validations_are_as_rare_as_asked(tmp_path: Path) -> None:
    _train(tmp_path, tiny_towers(), epochs=5, validate_every=2)
    lines = [line for line in read_journal(tmp_path / "log.jsonl") if line["event"] != "step"]
    assert [line["epoch"] for line in lines] == [2, 4, 5]
    never = tmp_path / "never"
    result = _train(never, tiny_towers(), epochs=1, validate_every=0)
    assert result.value is None
    assert not (never / BEST).exists()


def test_another_recipe_or_other_data_is_another_run(tmp_path: Path) -> None:
    _train(tmp_path, tiny_towers(), stop_at=1)
    with pytest.raises(ClibdError, match=r"learning_rate was 0\.01") as told:
        _train(tmp_path, tiny_towers(), learning_rate=0.02)
    assert "--overwrite" in (told.value.hint or "")
    settings = tiny_settings(tmp_path, notes="the card may change", workers=3)
    with pytest.raises(ClibdError, match="training data"):
        train(
            settings, tiny_examples()[::-1], TinyPlan(), tiny_towers(), tiny_feed, None,
            folder=tmp_path, journal=Journal(None),
        )  # fmt: skip
    assert _train(tmp_path, tiny_towers(), notes="the card may change").resumed_at == 1


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    _train(tmp_path, tiny_towers(), stop_at=1)
    path = tmp_path / CHECKPOINT
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ClibdError, match=r"checkpoint\.pt cannot be read"):
        _train(tmp_path, tiny_towers())


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"format": 1, "identity": Evil()}, tmp_path / CHECKPOINT)
    with pytest.raises(ClibdError, match="cannot be read"):
        _train(tmp_path, tiny_towers())
    assert not (tmp_path / "ran").exists()


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path) -> None:
    def feed(start: int, end: int) -> Iterator[TinyBatch]:
        for batch in tiny_feed(start, end):
            yield TinyBatch(
                batch.rows, {m: [i * float("nan") for i in v] for m, v in batch.items.items()}
            )

    towers = tiny_towers()
    before = weights_of(towers).clone()
    with pytest.raises(ClibdError, match="not finite at step 1"):
        _train(tmp_path, towers, feed=feed)
    assert torch.equal(weights_of(towers), before)
    assert not (tmp_path / CHECKPOINT).exists()


def test_a_rate_that_blows_up_the_temperature_is_no_fault_of_clibd(tmp_path: Path) -> None:
    changes = {"learning_rate": 1e10, "start_learning_rate": 1e10}
    with pytest.raises(ClibdError, match=r"not finite at step \d"):
        _train(tmp_path, tiny_towers(), **changes)


def test_the_callers_random_state_is_untouched(tmp_path: Path) -> None:
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    _train(tmp_path, tiny_towers(dropout=0.5), epochs=1)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_steps_are_the_length_of_the_run(tmp_path: Path) -> None:
    result = _train(tmp_path, tiny_towers(), steps=5, checkpoint_every=2)
    assert (result.step, result.total) == (5, 5)
    rates = [
        line["rates"]["dna"] for line in read_journal(tmp_path / "log.jsonl") if "rates" in line
    ]
    assert len(rates) == 5
    assert rates[-1] < 1e-9


def test_a_best_that_could_not_be_written_is_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(files: RunFiles, weights: Any) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(RunFiles, "save_best", full)
        with pytest.raises(OSError, match="no space"):
            _train(tmp_path, tiny_towers(), validate=lambda encode: {"good": 0.9})
    towers = tiny_towers(seed=5)
    values = iter([0.9, 0.1, 0.1, 0.1])
    seen: list[torch.Tensor] = []

    def validate(encode: Encode) -> dict[str, float]:
        seen.append(weights_of(towers).clone())
        return {"good": next(values)}

    result = _train(tmp_path, towers, validate=validate)
    assert result.best_step == PER_EPOCH
    assert torch.equal(weights_of(towers), seen[0])


def test_patience_may_change_after_it_ended_the_run(tmp_path: Path) -> None:
    whole, run = tmp_path / "whole", tmp_path / "run"
    values = {"validate": lambda encode: {"good": 0.5}}
    at_once = tiny_towers()
    _train(whole, at_once, patience=0, **values)
    assert _train(run, tiny_towers(), patience=1, **values).step == 2 * PER_EPOCH
    longer = _train(run, tiny_towers(), patience=2, **values)
    assert (longer.step, longer.stopped_early) == (3 * PER_EPOCH, True)
    towers = tiny_towers()
    ended = _train(run, towers, patience=0, **values)
    assert (ended.step, ended.stopped_early) == (4 * PER_EPOCH, False)
    assert torch.equal(weights_of(towers), weights_of(at_once))
    assert _train(run, tiny_towers(), patience=2, **values).stopped_early


def test_caching_may_be_switched_on_later_and_other_towers_are_another_run(tmp_path: Path) -> None:
    def begun_at(start: str) -> TinyTowers:
        return TinyTowers(tiny_towers().modules, starts={"dna": start})

    _train(tmp_path, begun_at("one"), stop_at=1)
    assert _train(tmp_path, begun_at("one"), stop_at=2, gradient_caching=True).resumed_at == 1
    with pytest.raises(ClibdError, match="start of dna_tower was one"):
        _train(tmp_path, begun_at("other"))


def test_a_run_goes_on_when_its_data_have_moved_but_not_with_other_photos(tmp_path: Path) -> None:
    def go(photos: Path, file: str, **changes: Any) -> TrainResult:
        examples = [replace(example, photo=photos / file) for example in tiny_examples()]
        settings = tiny_settings(tmp_path, photos=(str(photos),), **changes)
        return train(
            settings, examples, TinyPlan(), tiny_towers(), tiny_feed, None,
            folder=tmp_path, journal=Journal(None),
        )  # fmt: skip

    go(tmp_path / "here", "a.jpg", stop_at=1)
    with pytest.raises(ClibdError, match="training data"):
        go(tmp_path / "here", "b.jpg")
    assert go(tmp_path / "there", "a.jpg").resumed_at == 1


def test_the_hint_for_a_loss_that_is_not_finite_can_be_followed(tmp_path: Path) -> None:
    def feed(start: int, end: int) -> Iterator[TinyBatch]:
        for batch in tiny_feed(start, end):
            yield TinyBatch(
                batch.rows, {m: [i * math.nan for i in batch.items[m]] for m in batch.rows}
            )

    with pytest.raises(ClibdError, match="not finite") as told:
        _train(tmp_path, tiny_towers(), feed=feed)
    assert "--overwrite" in (told.value.hint or "")


class Told:
    """Notes what a run reports."""

    live = True

    def __init__(self) -> None:
        self.stages: list[tuple[str, int | None]] = []
        self.warnings: list[str] = []

    def begin(self, label: str, total: int | None) -> None:
        self.stages.append((label, total))

    def advance(self, n: int = 1) -> None:
        pass

    def warn(self, message: str) -> None:
        self.warnings.append(message)


def test_anchors_are_announced_and_not_read_for_a_finished_run(tmp_path: Path) -> None:
    told = [Told(), Told(), Told()]
    for told_now, changes in zip(told, ({"stop_at": 1}, {}, {}), strict=True):
        train(
            tiny_settings(tmp_path, anchor=("dna",), **changes), tiny_examples(), TinyPlan(),
            tiny_towers(), tiny_feed, None,
            folder=tmp_path, journal=Journal(None), progress=told_now,
            processes=Processes(notice="the CPU it is"),
        )  # fmt: skip
    assert told[0].stages[0] == told[1].stages[0] == ("anchors: dna", 1)  # one distinct barcode
    assert told[2].stages == []
    assert told[0].warnings == ["the CPU it is"]


@pytest.mark.parametrize("field", [{"patience": 2}, {"metric": "good"}])
def test_to_choose_by_validations_needs_some(tmp_path: Path, field: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(field))):
        _train(tmp_path, tiny_towers(), validate=None, **field)


def test_an_anchor_needs_its_tower(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no text tower"):
        _train(tmp_path, tiny_towers(), anchor=("text",))


def test_a_checkpoint_that_does_not_fit_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch's writer then raises a RuntimeError; the checkpoint before stays."""
    _train(tmp_path, tiny_towers(), stop_at=1)
    before = (tmp_path / CHECKPOINT).read_bytes()

    def full(*_: object) -> None:
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 128 vs 0")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        with pytest.raises(ClibdError, match=r"checkpoint\.pt cannot be written whole"):
            _train(tmp_path, tiny_towers())
    assert (tmp_path / CHECKPOINT).read_bytes() == before
    assert _train(tmp_path, tiny_towers()).resumed_at == 1
