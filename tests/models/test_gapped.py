"""Barcodes that lost or gained bases lie on the profile where they belong."""

from __future__ import annotations

import random

import pytest
import torch

from clibd_cli.models.gapped import UNKNOWN, lay_with_gaps, needs_gaps
from clibd_cli.models.profile import base_codes, fit_profile, place

POSITIONS = 300
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def kin(n: int, seed: int = 0) -> list[str]:
    """Barcodes of relatives: each differs from a common ancestor at every tenth base."""
    rng = random.Random(seed)
    ancestor = rng.choices("ACGT", k=POSITIONS)
    return [
        "".join(rng.choice("ACGT") if rng.random() < 0.1 else base for base in ancestor)
        for _ in range(n)
    ]


@pytest.fixture(scope="module")
def usual() -> torch.Tensor:
    return fit_profile(kin(200), POSITIONS, 400)


def codes(barcode: str) -> torch.Tensor:
    return torch.from_numpy(base_codes([barcode], 400))


def same(placed: torch.Tensor, whole: torch.Tensor) -> float:
    """The share of positions with the base that the whole barcode has there."""
    return float((placed == whole).float().mean())


def test_what_fits_stays_as_it_lies(usual: torch.Tensor) -> None:
    for barcode in kin(20):
        assert torch.equal(place(codes(barcode), usual, 15), place(codes(barcode), usual))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("lost", [1, 2, 4])
def test_lost_bases_leave_a_gap(usual: torch.Tensor, lost: int, reverse: bool) -> None:
    barcode = kin(3)[2]
    whole = place(codes(barcode), usual)
    read = barcode[:150] + barcode[150 + lost :]
    if reverse:
        read = read.translate(COMPLEMENT)[::-1]
    assert same(place(codes(read), usual), whole) < 0.75
    placed = place(codes(read), usual, 15)
    assert same(placed, whole) > 0.96
    assert int((placed == UNKNOWN).sum()) == lost


def test_added_bases_are_left_out(usual: torch.Tensor) -> None:
    barcode = kin(4)[3]
    whole = place(codes(barcode), usual)
    placed = place(codes(barcode[:100] + "GG" + barcode[100:200] + "T" + barcode[200:]), usual, 15)
    assert same(placed, whole) > 0.96


def test_many_gaps_in_a_part_of_a_barcode(usual: torch.Tensor) -> None:
    barcode = kin(5)[4]
    whole = place(codes(barcode), usual)
    read = barcode[40:90] + barcode[91:150] + barcode[151:220] + barcode[221:280]
    placed = place(codes(read), usual, 15)
    covered = placed != UNKNOWN
    assert int(covered.sum()) > 230
    assert float((placed == whole)[covered].float().mean()) > 0.95


def test_only_what_does_not_fit_is_looked_at(usual: torch.Tensor) -> None:
    scores = torch.log(usual + 0.05) - torch.log(torch.tensor(0.3))
    fine, odd = kin(2)
    placed = place(torch.cat([codes(fine), codes(odd[:100] + odd[101:] + "A")]), usual)
    assert needs_gaps(placed, scores).tolist() == [False, True]
    assert needs_gaps(placed[:, :20], scores[:20]).tolist() == [False, False]


def test_a_whole_barcode_keeps_its_place_on_the_path(usual: torch.Tensor) -> None:
    scores = torch.log(usual + 0.05) - torch.log(torch.tensor(0.3))
    read = codes(kin(1)[0])
    assert torch.equal(lay_with_gaps(read, torch.tensor([0]), scores, 5), place(read, usual))
