"""Untidy reads: each kind of mess is what it says and loses nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clibd_cli.simulated.reads import MESSES, TOO_SHORT_BASES, Mess, failed_read, messy_read, spoil

BARCODE = "ACGTTGCAGT" * 65 + "ACGTACGT"
SEEDS = st.integers(0, 10_000)


@given(seed=SEEDS)
@settings(deadline=None, max_examples=30)
def test_each_mess_keeps_its_promise(seed: int) -> None:
    reads = {mess: spoil(BARCODE, mess, np.random.default_rng(seed)) for mess in MESSES}
    assert reads["lower_case"] == BARCODE.lower()
    assert 1 <= reads["ambiguous"].count("N") <= 6 and len(reads["ambiguous"]) == 658
    assert all(a in (b, "N") for a, b in zip(reads["ambiguous"], BARCODE, strict=True))
    assert reads["gapped"].replace("-", "") == BARCODE and "-" in reads["gapped"].strip("-")
    assert len(reads["aligned"]) == 658 and reads["aligned"].strip("-") in BARCODE
    assert reads["partial"] in BARCODE and 540 <= len(reads["partial"]) < 658


@pytest.mark.parametrize("mess", MESSES)
def test_the_generator_decides(mess: Mess) -> None:
    one, same = (spoil(BARCODE, mess, np.random.default_rng(3)) for _ in range(2))
    assert one == same != BARCODE


def test_the_share_of_messy_reads_is_kept() -> None:
    rng = np.random.default_rng(0)
    messy = [messy_read(BARCODE, rng, share=0.3) != BARCODE for _ in range(500)]
    assert 0.24 < np.mean(messy) < 0.36
    assert messy_read(BARCODE, rng, share=0.0) == BARCODE


def test_a_failed_read_is_short() -> None:
    assert failed_read(BARCODE) == BARCODE[:TOO_SHORT_BASES]
    assert failed_read("--" + BARCODE) == BARCODE[:TOO_SHORT_BASES]
    assert TOO_SHORT_BASES < 10
