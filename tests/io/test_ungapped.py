"""Identity of barcodes whose ends differ."""

from __future__ import annotations

import random

import pytest

from clibd_cli.io.ungapped import ungapped_identity


def _barcode(n: int = 600, seed: int = 1) -> str:
    rng = random.Random(seed)
    return "".join(rng.choice("ACGT") for _ in range(n))


def test_the_same_barcode_is_identical_wherever_it_begins() -> None:
    barcode = _barcode()
    assert ungapped_identity(barcode, barcode) == 1.0
    assert ungapped_identity(barcode, barcode[37:]) == 1.0
    assert ungapped_identity(barcode[37:], barcode) == 1.0
    assert ungapped_identity(barcode[:400], barcode[100:]) == 1.0


def test_differences_are_counted_over_the_overlap() -> None:
    barcode = _barcode()
    other = list(barcode)
    for place in range(100, 600, 50):
        other[place] = {"A": "C", "C": "G", "G": "T", "T": "A"}[other[place]]
    assert ungapped_identity(barcode, "".join(other)) == pytest.approx(590 / 600)
    assert ungapped_identity(barcode, "".join(other)[50:]) == pytest.approx(540 / 550)


def test_ambiguous_letters_do_not_count() -> None:
    barcode = _barcode()
    assert ungapped_identity(barcode, barcode[:300] + "N" * 300) == 1.0


def test_nothing_to_compare() -> None:
    barcode = _barcode()
    assert ungapped_identity(barcode[:300], barcode[200:]) is None
    assert ungapped_identity(barcode, "") is None
    assert ungapped_identity(barcode, _barcode(600, 2)) is None
