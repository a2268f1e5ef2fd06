"""Flags of odd barcodes: planted ones are found, real ones are rarely flagged."""

from __future__ import annotations

import csv
import gzip
import random
from itertools import islice
from pathlib import Path

import pytest

from clibd_cli.alignment.identity import compare
from clibd_cli.alignment.signs import (
    has_frame_shift,
    has_stop_codons,
    looks_chimeric,
    looks_rearranged,
)
from clibd_cli.alignment.strand import Strand, reverse_complement

CODONS = ["TTA", "ATT", "GGA", "GCT", "TCA", "CCT", "AAT", "ACA", "GAT", "TTT"]


def coding(seed: int, codons: int = 219) -> str:
    return "".join(random.Random(seed).choices(CODONS, k=codons))


@pytest.fixture(scope="session")
def real_barcodes(shared_data: Path) -> list[str]:
    """3,000 barcodes from all over the table."""
    with gzip.open(shared_data / "coi" / "arthropods.tsv.gz", "rt", encoding="utf-8") as table:
        rows = csv.DictReader(table, delimiter="\t")
        barcodes = [row["nucleotides"].replace("-", "").upper() for row in islice(rows, 60_000)]
    return [b for b in barcodes[::20] if len(b) >= 500]


def test_a_stop_in_every_frame_is_seen() -> None:
    barcode = coding(1)
    assert not has_stop_codons(barcode)
    assert not has_stop_codons("A" + barcode)
    assert has_stop_codons("TAATAATAA" + "CTAACTAAC" + barcode + "CTAACTAACTAA")
    assert not has_stop_codons("TAATTAATTAA")  # too short to say


def test_a_lost_base_shifts_the_frame() -> None:
    barcode = coding(2)
    assert has_frame_shift(compare(barcode[:300] + barcode[301:], barcode))
    assert has_frame_shift(compare(barcode[:300] + "G" + barcode[300:], barcode))
    assert not has_frame_shift(compare(barcode[:300] + barcode[303:], barcode))
    assert not has_frame_shift(compare(barcode, barcode))


def test_gaps_at_the_ends_say_nothing() -> None:
    barcode = coding(3)
    assert not has_frame_shift(compare(barcode[:5] + barcode[6:], barcode))


def test_two_halves_are_seen() -> None:
    a, b = coding(4), coding(5)
    assert looks_chimeric(compare(a[:330] + b[330:], a))
    assert looks_chimeric(compare(a[:330] + b[330:], b))
    assert not looks_chimeric(compare(a, a))
    assert not looks_chimeric(compare(a, b))
    assert not looks_chimeric(compare(a[:150], a))


def changed(barcode: str, share: float, seed: int) -> str:
    """A relative of a barcode, with some of its bases changed all along."""
    rng = random.Random(seed)
    return "".join(rng.choice("ACGT") if rng.random() < share else base for base in barcode)


def test_two_halves_are_seen_where_neither_is_near() -> None:
    a, b = coding(4), coding(5)
    relative = changed(a, 0.15, 6)
    assert looks_chimeric(compare(a[:330] + b[330:], relative))
    assert looks_chimeric(compare(b[:165] + a[165:], relative))
    assert not any(
        looks_chimeric(compare(a, changed(a, share, seed)))
        for share in (0.02, 0.1, 0.2)
        for seed in range(30)
    )


def test_a_lost_base_is_no_second_animal() -> None:
    a = coding(7)
    assert not looks_chimeric(compare(a[:300] + a[301:], a))


def test_swapped_halves_are_seen() -> None:
    a, b = coding(8), coding(9)
    for reference in (a, changed(a, 0.15, 10)):
        swapped = a[330:] + a[:330]
        assert looks_rearranged(swapped, reference, compare(swapped, reference))
        assert not looks_rearranged(a, reference, compare(a, reference))
        longer = b[:200] + a + b[200:400]  # it goes on beyond the reference, on either side
        assert not looks_rearranged(longer, reference, compare(longer, reference))


@pytest.mark.realdata
def test_the_strand_of_real_pieces(real_barcodes: list[str]) -> None:
    rng = random.Random(0)
    learnt, others = real_barcodes[::2], real_barcodes[1::2]
    strand = Strand.of(learnt)
    pieces = [b[at : at + 150] for b in others if (at := rng.randrange(len(b) - 150)) >= 0]
    assert sum(map(strand.is_reversed, pieces)) <= 0.001 * len(pieces)
    turned = sum(strand.is_reversed(reverse_complement(piece)) for piece in pieces)
    assert turned >= 0.995 * len(pieces)


@pytest.mark.realdata
def test_real_barcodes_are_rarely_flagged(real_barcodes: list[str]) -> None:
    assert sum(map(has_stop_codons, real_barcodes)) < 0.01 * len(real_barcodes)


def test_the_other_strand_twice_is_the_same() -> None:
    assert reverse_complement("ACGTRYN") == "NRYACGT"
    assert reverse_complement(reverse_complement("ACGTRYKMBDHVSWN")) == "ACGTRYKMBDHVSWN"


def test_a_strand_without_evidence_turns_nothing() -> None:
    assert not Strand.of([]).is_reversed("ACGT" * 50)
    assert not Strand.of(["ACGTACGTAGGG" * 9]).is_reversed("ACG")
