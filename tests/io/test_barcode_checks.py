"""Stop codons, by the invertebrate mitochondrial code."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from clibd_cli.io.barcode_checks import n_bases, reverse_complement, stops_by_frame


def test_stops_are_counted_by_frame() -> None:
    assert stops_by_frame("TAATAG") == (2, 0, 0)
    assert stops_by_frame("ATAACCTAG") == (1, 1, 0)
    assert stops_by_frame("CCTAA") == (0, 0, 1)


def test_other_codes_stops_are_amino_acids_here() -> None:
    assert stops_by_frame("TGAAGAAGG") == (0, 0, 0)


def test_ambiguous_codons_are_no_stops() -> None:
    assert stops_by_frame("TARTANNNN") == (0, 0, 0)


def test_only_bases_count() -> None:
    assert n_bases("ACGTNNRY") == 4


@given(st.text(alphabet="ACGTRYSWKMBDHVN", max_size=60))
def test_turning_twice_changes_nothing(barcode: str) -> None:
    assert reverse_complement(reverse_complement(barcode)) == barcode


def test_the_other_strand() -> None:
    assert reverse_complement("AACGN") == "NCGTT"
