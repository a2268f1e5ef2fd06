"""Every example once an epoch, the same for every number of processes, and pairs that pair."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.lineage import Lineage
from clibd_cli.core.records import MODALITIES, Modality
from clibd_cli.training.batches import BatchPlan
from clibd_cli.training.example import Example, Examples


def example(i: int, species: int | None, photo: bool, barcode: bool) -> Example:
    lineage = Lineage("O") if species is None else Lineage("O", "F", "G", f"G s{species}")
    return Example(
        f"e{i}", Path(f"{i}.jpg") if photo else None, "ACGT" * 5 if barcode else None, lineage
    )


species = st.one_of(st.none(), st.integers(0, 4))
both_kinds = st.lists(st.tuples(species, st.sampled_from([(1, 0), (0, 1), (1, 1)])), min_size=1)
sizes = st.integers(1, 12)


def made(rows: list[tuple[int | None, tuple[int, int]]]) -> Examples:
    kinds = enumerate(rows)
    return Examples([example(i, name, bool(p), bool(b)) for i, (name, (p, b)) in kinds])


def epoch_of(plan: BatchPlan, epoch: int) -> list[dict[Modality, list[int]]]:
    return [plan.rows(epoch, step) for step in range(plan.steps_per_epoch)]


def rows_of(batches: list[dict[Modality, list[int]]], modality: Modality) -> list[int]:
    return [row for batch in batches for row in batch[modality]]


@settings(deadline=None)
@given(both_kinds, sizes, st.integers(0, 99), st.integers(0, 3))
def test_by_specimen_each_example_comes_once_an_epoch(
    rows: list[tuple[int | None, tuple[int, int]]], size: int, seed: int, epoch: int
) -> None:
    examples = made(rows)
    plan = BatchPlan(examples, "specimen", size, None, MODALITIES, seed)
    batches = epoch_of(plan, epoch)
    for modality in MODALITIES:
        having = [i for i, e in enumerate(examples.train) if e.has(modality)]
        assert sorted(rows_of(batches, modality)) == having
    lengths = [len({*batch["image"], *batch["dna"]}) for batch in batches]
    assert sum(lengths) == len(rows)
    assert max(lengths) <= size
    assert max(lengths) - min(lengths) <= 1
    again = BatchPlan(made(rows), "specimen", size, None, MODALITIES, seed)
    assert [again.rows(epoch, step) for step in reversed(range(len(batches)))] == batches[::-1]


@settings(deadline=None)
@given(both_kinds, sizes, st.one_of(st.none(), sizes), st.integers(0, 99))
def test_by_taxon_barcodes_come_once_and_photos_take_turns(
    rows: list[tuple[int | None, tuple[int, int]]], size: int, photos_a_step: int | None, seed: int
) -> None:
    examples = made(rows)
    train = examples.train
    plan = BatchPlan(examples, "taxon", size, photos_a_step, MODALITIES, seed)
    batches = epoch_of(plan, 0) + epoch_of(plan, 1)
    photos = [i for i, e in enumerate(train) if e.photo]
    barcodes = [i for i, e in enumerate(train) if e.barcode]
    for batch in batches:
        assert all(len(set(found)) == len(found) for found in batch.values())
        assert len(batch["image"]) <= plan.photos_per_step
        both = [*batch["image"], *batch["dna"]]
        assert [train[i].words for i in batch["text"]] == list(
            dict.fromkeys(train[i].words for i in both)
        )
        if barcodes:
            known = {train[i].lineage.species for i in barcodes} - {None}
            here = {train[i].lineage.species for i in batch["dna"]}
            wanted = {train[i].lineage.species for i in batch["image"]} & known
            assert wanted <= here
    if barcodes:
        half = batches[: plan.steps_per_epoch]
        assert set(rows_of(half, "dna")) == set(barcodes)
        turn = 2 * math.ceil(len(photos) / max(1, plan.photos_per_step))
        for start in range(len(batches) - turn):
            assert set(rows_of(batches[start : start + turn], "image")) == set(photos)
    else:
        assert sorted(rows_of(batches[: plan.steps_per_epoch], "image")) == photos


def test_epochs_and_seeds_differ() -> None:
    examples = made([(0, (1, 1))] * 40)
    orders = {
        tuple(rows_of(epoch_of(BatchPlan(examples, "specimen", 8, None, ("dna",), seed), e), "dna"))
        for seed in (0, 1)
        for e in (0, 1)
    }
    assert len(orders) == 4


def test_each_photo_brings_a_barcode_of_its_species_another_each_time() -> None:
    rows = [(i % 3, (0, 1)) for i in range(60)] + [(2, (1, 0)), (4, (1, 0))]
    plan = BatchPlan(made(rows), "taxon", 2, 2, ("image", "dna"), 0)
    batches = epoch_of(plan, 0)
    assert all(sorted(batch["image"]) == [60, 61] for batch in batches)
    assert {len(batch["dna"]) for batch in batches} <= {2, 3}
    partners = {batch["dna"][2] for batch in batches if len(batch["dna"]) == 3}
    assert len(partners) > 5
    assert all(row % 3 == 2 for row in partners)
    assert "text" not in batches[0]


def test_batches_are_even() -> None:
    plan = BatchPlan(made([(0, (1, 1))] * 1001), "specimen", 500, None, MODALITIES, 0)
    assert [len(batch["dna"]) for batch in epoch_of(plan, 0)] == [333, 334, 334]


def test_what_cannot_be_planned() -> None:
    examples = made([(0, (1, 0))])
    with pytest.raises(ClibdError, match="no training specimen has any of dna"):
        BatchPlan(examples, "specimen", 5, None, ("dna",), 0)
    plan = BatchPlan(examples, "specimen", 5, None, ("image",), 0)
    with pytest.raises(IndexError):
        plan.rows(0, 1)
