"""Identity over the overlap, against what was planted and against a plain count."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clibd_cli.alignment.identity import Gap, Overlap, compare, overlaps
from clibd_cli.alignment.places import shifts

BARCODE = "".join(random.Random(7).choices("ACGT", k=658))


def substituted(barcode: str, places: list[int]) -> str:
    letters = list(barcode)
    for at in places:
        letters[at] = "ACGT"[("ACGT".index(letters[at]) + 1) % 4]
    return "".join(letters)


def test_equal_barcodes_are_alike_in_all_bases() -> None:
    assert overlaps(BARCODE, [BARCODE]) == [Overlap(1.0, 658)]


def test_a_part_lies_where_it_was_cut() -> None:
    places, support = shifts(BARCODE[200:500], [BARCODE, BARCODE[350:], "A" * 658])
    assert list(places) == [-200, 150, 0]
    assert support[0] == 293
    assert support[2] == 0


def test_overhangs_at_both_ends_do_not_count() -> None:
    found = overlaps(BARCODE[100:], [BARCODE[:500]])
    assert found == [Overlap(1.0, 400)]


def test_differences_are_counted_and_named() -> None:
    changed = substituted(BARCODE, [50, 300, 600])
    (found,) = overlaps(changed, [BARCODE])
    assert found == Overlap(pytest.approx(655 / 658), 658)
    comparison = compare(changed, BARCODE)
    assert comparison.different == (50, 300, 600)
    assert comparison.gaps == ()
    assert comparison.overlap == found


def test_ambiguous_bases_say_nothing() -> None:
    unclear = BARCODE[:100] + "N" * 20 + BARCODE[120:]
    assert overlaps(unclear, [BARCODE]) == [Overlap(1.0, 638)]
    assert overlaps(BARCODE, [unclear]) == [Overlap(1.0, 638)]
    assert compare(unclear, BARCODE).overlap == Overlap(1.0, 638)
    assert compare(BARCODE, unclear).different == ()


def gaps_inside(query: str, reference: str) -> int:
    """Bases that the query has more than the reference, away from the ends."""
    found = compare(query, reference).gaps
    return sum(gap.length for gap in found if 20 < gap.at < len(query) - 20)


def test_missing_and_added_bases_are_gaps() -> None:
    assert gaps_inside(BARCODE[:300] + BARCODE[303:], BARCODE) == -3
    assert gaps_inside(BARCODE[:300] + "ACGTA" + BARCODE[300:], BARCODE) == 5
    assert gaps_inside(BARCODE, BARCODE) == 0


def test_a_gap_is_where_the_base_is_missing() -> None:
    barcode = "ACGT" * 50 + "G" + "TTCA" * 50
    comparison = compare(barcode[:200] + barcode[201:], barcode)
    assert [gap for gap in comparison.gaps if 20 < gap.at < 380] == [Gap(200, -1)]


def test_unknown_bases_that_face_each_other_hide_no_difference() -> None:
    unknown = BARCODE[:60].replace("A", "N").replace("C", "N").replace("G", "N").replace("T", "N")
    swap = str.maketrans("ACGT", "CGTA")
    reference = unknown + BARCODE[60:]
    query = unknown + BARCODE[60:200] + BARCODE[200:240].translate(swap) + BARCODE[240:]
    (found,) = overlaps(query, [reference])
    assert found is not None
    assert found == compare(query, reference).overlap
    assert found.identity < 0.97


def test_too_little_in_common_is_no_identity() -> None:
    assert overlaps(BARCODE[:400], [BARCODE[370:]]) == [None]
    assert overlaps(BARCODE, []) == []
    assert overlaps("ACGTACGTAC", ["ACGTACGTAC"]) == [Overlap(1.0, 10)]
    assert overlaps("ACGT", [""]) == [None]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(0, 60), st.integers(0, 300), st.integers(150, 358))
def test_identity_is_the_share_of_equal_bases(
    seed: int, changes: int, start: int, length: int
) -> None:
    rng = random.Random(seed)
    reference = "".join(rng.choices("ACGT", k=658))
    query = substituted(reference, rng.sample(range(658), changes))[start : start + length]
    (found,) = overlaps(query, [reference])
    equal = sum(a == b for a, b in zip(query, reference[start:], strict=False))
    assert found is not None
    assert found.bases == length
    # The shortest edit may do with fewer edits than there are differences.
    assert equal / length <= found.identity + 1e-9 <= equal / length + 0.03


@settings(deadline=None)
@given(st.text("ACGTNRY", max_size=200), st.lists(st.text("ACGTNRY", max_size=200), max_size=4))
def test_any_letters_are_compared(query: str, references: list[str]) -> None:
    found = overlaps(query, references)
    assert len(found) == len(references)
    for overlap, reference in zip(found, references, strict=True):
        assert overlap is None or 0.0 <= overlap.identity <= 1.0
        whole = compare(query, reference)
        assert 0.0 <= whole.overlap.identity <= 1.0
        assert all(0 <= at < len(query) for at in whole.different)
