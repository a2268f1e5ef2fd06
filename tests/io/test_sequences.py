from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clibd_cli.io.sequences import MAX_LETTERS, clean_barcode, why_unusable


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("acgt", "ACGT"),
        ("ACGU-acgu", "ACGTACGT"),
        ("--AC GT..\tNN\r\n", "ACGTNN"),
        ("AC?T", "ACNT"),
        ("ACGT*", "ACGT"),
        ("ACGT*--*", "ACGT"),
        ("AC*GT", "AC*GT"),
        ("rywskmbdhvn", "RYWSKMBDHVN"),
        ("AC\u00a0GT\ufeff", "ACGT"),
        ("ACſT", "ACſT"),  # str.upper() would make it an S, which is a nucleotide code
        ("", ""),
    ],
)
def test_clean(raw: str, clean: str) -> None:
    assert clean_barcode(raw) == clean


@pytest.mark.parametrize(
    ("barcode", "reason"),
    [
        ("", "no sequence"),
        ("ACGT", "too short: 4 bases of A, C, G or T, at least 10 are needed"),
        ("N" * 600 + "A", "too short: 1 base of A, C, G or T, at least 10 are needed"),
        ("ACGTACGTAR", "too short: 9 bases of A, C, G or T, at least 10 are needed"),
        ("ACGTAEGTAC", "not a nucleotide sequence: 'E' at position 6, gaps not counted"),
        ("ACGTACGTACſ", "not a nucleotide sequence: 'ſ' at position 11, gaps not counted"),
        ("ACGTACGTAC\x00", "not a nucleotide sequence: 'U+0000' at position 11, gaps not counted"),
        ("AC*GTACGTAC", "not a nucleotide sequence: '*' at position 3, gaps not counted"),
    ],
)
def test_unusable(barcode: str, reason: str) -> None:
    assert why_unusable(barcode) == reason


def test_usable() -> None:
    assert why_unusable("ACGTACGTAC") is None
    assert why_unusable("ACGTACGTACRYSWKMBDHVN") is None
    assert why_unusable("ACGT", min_bases=4) is None


def test_a_chromosome_is_no_barcode() -> None:
    assert why_unusable("A" * MAX_LETTERS) is None
    assert "too long" in str(why_unusable("A" * (MAX_LETTERS + 1)))


@given(st.text())
@settings(deadline=None)
def test_cleaning_twice_changes_nothing(raw: str) -> None:
    once = clean_barcode(raw)
    assert clean_barcode(once) == once
    if why_unusable(once, 0) is None:
        assert set(once) <= set("ACGTRYSWKMBDHVN")


def test_a_million_barcodes_would_take_seconds() -> None:
    raw = "ACGTTGCAAC" * 66
    started = time.process_time()
    for _ in range(10_000):
        assert why_unusable(clean_barcode(raw)) is None
    assert time.process_time() - started < 1.0
