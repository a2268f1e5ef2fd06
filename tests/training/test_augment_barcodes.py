"""A varied barcode is still one: its letters, its length, and where its bases came from."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from clibd_cli.training.augment_barcodes import augment_barcode, reverse_complement
from clibd_cli.training.settings_fields import TrainSettings

BARCODE = "".join(random.Random(1).choices("ACGT", k=658))

barcodes = st.text("ACGTN", min_size=1, max_size=700)
seeds = st.integers(0, 2**32)


def vary(barcode: str, seed: int, **changes: object) -> str:
    nothing = {"barcode_crop_probability": 0.0, **changes}
    return augment_barcode(barcode, np.random.default_rng(seed), TrainSettings(**nothing))  # type: ignore[arg-type]


@settings(deadline=None)
@given(
    barcodes,
    seeds,
    st.fixed_dictionaries(
        {
            "barcode_crop_probability": st.floats(0, 1),
            "barcode_crop_min": st.integers(1, 300),
            "barcode_substitutions": st.floats(0, 1),
            "barcode_shift": st.integers(0, 40),
            "barcode_reverse": st.floats(0, 1),
        }
    ),
)
def test_letters_and_lengths(barcode: str, seed: int, changes: dict[str, float]) -> None:
    varied = vary(barcode, seed, **changes)
    assert set(varied) <= set("ACGTN")
    shortest, most = changes["barcode_crop_min"], changes["barcode_shift"]
    assert min(len(barcode), shortest) <= len(varied) <= len(barcode) + most
    assert varied == vary(barcode, seed, **changes)


@settings(deadline=None)
@given(barcodes)
def test_the_reverse_complement_of_the_reverse_complement(barcode: str) -> None:
    turned = reverse_complement(barcode)
    assert len(turned) == len(barcode)
    assert reverse_complement(turned) == barcode
    for base, other in ("AT", "CG", "NN"):
        assert turned.count(other) == barcode.count(base)


def test_the_reverse_complement_of_known_letters() -> None:
    assert reverse_complement("AACGTN") == "NACGTT"
    assert reverse_complement("RYSWKMBDHVN") == "NBDHVKMWSRY"


@settings(deadline=None)
@given(seeds)
def test_a_stretch_is_part_of_the_barcode(seed: int) -> None:
    cut = vary(BARCODE, seed, barcode_crop_probability=1.0, barcode_crop_min=150)
    assert 150 <= len(cut) < len(BARCODE)
    assert cut in BARCODE


@settings(deadline=None)
@given(seeds)
def test_a_shift_loses_bases_in_front_or_adds_ns(seed: int) -> None:
    shifted = vary(BARCODE, seed, barcode_shift=5)
    lost = len(BARCODE) - len(shifted)
    assert abs(lost) <= 5
    assert shifted == (BARCODE[lost:] if lost >= 0 else "N" * -lost + BARCODE)


def test_all_of_it_happens_about_as_often_as_asked() -> None:
    varied = [vary(BARCODE, seed, barcode_reverse=0.5, barcode_shift=3) for seed in range(400)]
    turned = [text for text in varied if reverse_complement(BARCODE)[:600] == text[:600]]
    assert 150 < len(turned) < 250
    assert len({len(text) for text in varied}) == 7
    cut = [len(vary(BARCODE, seed, barcode_crop_probability=0.25)) for seed in range(400)]
    assert 60 < sum(n < len(BARCODE) for n in cut) < 140
    assert min(cut) < 200


def test_substitutions_change_bases_at_the_rate_and_leave_ns() -> None:
    barcode = BARCODE * 10 + "N" * 500
    misread = vary(barcode, 7, barcode_substitutions=0.1)
    changed = [(a, b) for a, b in zip(barcode, misread, strict=True) if a != b]
    assert 0.08 < len(changed) / 6580 < 0.12
    assert len(set(changed)) == 12
    assert misread.endswith("N" * 500)
    whole = vary(barcode, 7, barcode_substitutions=1.0)
    assert all(a != b for a, b in zip(barcode[:6580], whole[:6580], strict=True))


def test_nothing_happens_where_nothing_is_asked() -> None:
    everything = {
        "barcode_crop_probability": 1.0,
        "barcode_substitutions": 1.0,
        "barcode_reverse": 1.0,
    }
    assert vary(BARCODE, 1) == BARCODE
    assert vary(BARCODE, 1, barcode_augmentation=False, **everything) == BARCODE
    assert vary("ACGT", 1, barcode_crop_probability=1.0, barcode_crop_min=4) == "ACGT"
