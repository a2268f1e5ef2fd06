"""The profile tower: where barcodes are laid, and that shifts, cuts and strands do not matter."""

import numpy as np
import pytest
import torch

from clibd_cli.models.cards import ProfileDnaTower
from clibd_cli.models.profile import (
    UNKNOWN,
    ProfileDnaEncoder,
    base_codes,
    fit_profile,
    place,
)

POSITIONS = 120
TOWER = ProfileDnaTower("profile", hidden=16, output_dim=8, positions=POSITIONS, max_bases=400)
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def family(n: int, seed: int = 1, rate: float = 0.1) -> list[str]:
    """Barcodes that differ from one ancestor at a tenth of their positions."""
    rng = np.random.default_rng(seed)
    ancestor = rng.integers(0, 4, POSITIONS)
    barcodes = []
    for _ in range(n):
        changed = np.where(rng.random(POSITIONS) < rate, rng.integers(0, 4, POSITIONS), ancestor)
        barcodes.append("".join("ACGT"[base] for base in changed))
    return barcodes


def reverse_complement(barcode: str) -> str:
    return barcode.translate(COMPLEMENT)[::-1]


@pytest.fixture(scope="module")
def usual() -> torch.Tensor:
    return fit_profile(family(60), POSITIONS, 400)


@pytest.fixture(scope="module")
def encoder() -> ProfileDnaEncoder:
    torch.manual_seed(3)
    encoder = ProfileDnaEncoder(TOWER).eval()
    encoder.frequencies.copy_(fit_profile(family(60), POSITIONS, 400))
    return encoder


def laid(barcodes: list[str], usual: torch.Tensor) -> np.ndarray:
    return place(torch.from_numpy(base_codes(barcodes, 400)), usual).numpy()


def test_codes_are_bases_and_all_else_is_unknown() -> None:
    codes = base_codes(["ACGTN", "AÄ-"], 400)
    assert codes.tolist() == [[0, 1, 2, 3, 4], [0, 4, 4, 4, 4]]
    assert base_codes([""], 400).tolist() == [[UNKNOWN]]
    assert base_codes(["ACGTACGT"], 3).tolist() == [[0, 1, 2]]


def test_the_profile_is_made_of_frequencies(usual: torch.Tensor) -> None:
    assert usual.shape == (POSITIONS, 4)
    assert torch.allclose(usual.sum(dim=1), torch.ones(POSITIONS))
    # Nine in ten barcodes have the ancestor's base.
    assert float(usual.max(dim=1).values.mean()) > 0.8


def test_a_whole_barcode_lies_as_it_is(usual: torch.Tensor) -> None:
    barcode = family(1, seed=1)[0]
    assert laid([barcode], usual)[0].tolist() == base_codes([barcode], 400)[0].tolist()


@pytest.mark.parametrize(("start", "end"), [(0, 60), (30, 90), (70, 120), (5, 115)])
def test_a_part_lies_where_it_belongs(usual: torch.Tensor, start: int, end: int) -> None:
    barcode = family(1)[0]
    found = laid([barcode[start:end]], usual)[0]
    assert found[start:end].tolist() == base_codes([barcode], 400)[0, start:end].tolist()
    assert (found[:start] == UNKNOWN).all()
    assert (found[end:] == UNKNOWN).all()


def test_what_stands_around_the_region_is_left_out(usual: torch.Tensor) -> None:
    barcode = family(1)[0]
    found = laid(["ACCATGGT" * 4 + barcode + "TTAGCA" * 9], usual)[0]
    assert found.tolist() == base_codes([barcode], 400)[0].tolist()


def test_the_other_strand_is_turned_round(usual: torch.Tensor) -> None:
    barcodes = family(5)
    turned = [reverse_complement(barcode) for barcode in barcodes]
    assert (laid(turned, usual) == laid(barcodes, usual)).all()
    assert (laid([turned[0][10:80]], usual) == laid([barcodes[0][40:110]], usual)).all()


def test_vectors_do_not_depend_on_the_batch(encoder: ProfileDnaEncoder) -> None:
    barcodes = [*family(3), family(1)[0][40:], "N" * 300 + family(1)[0]]
    with torch.inference_mode():
        together = encoder(torch.from_numpy(base_codes(barcodes, 400)))
        alone = torch.cat([encoder(torch.from_numpy(base_codes([b], 400))) for b in barcodes])
    assert torch.allclose(together, alone, atol=1e-5)


def test_nothing_known_still_gives_numbers(encoder: ProfileDnaEncoder) -> None:
    with torch.inference_mode():
        vectors = encoder(torch.from_numpy(base_codes(["NNNN", ""], 400)))
    assert torch.isfinite(vectors).all()


def test_hidden_units_speak_only_of_what_is_missing() -> None:
    torch.manual_seed(5)
    encoder = ProfileDnaEncoder(TOWER).eval()
    encoder.frequencies.copy_(fit_profile(family(60), POSITIONS, 400))
    whole = family(2)
    parts = [barcode[:80] for barcode in whole]
    with torch.inference_mode():
        before = [encoder(torch.from_numpy(base_codes(b, 400))) for b in (whole, parts)]
        encoder.output.weight.mul_(-1)
        encoder.output.bias.mul_(-1)
        after = [encoder(torch.from_numpy(base_codes(b, 400))) for b in (whole, parts)]
    assert torch.equal(before[0], after[0])
    assert not torch.allclose(before[1], after[1])


def test_what_resembles_nothing_still_lies_on_the_profile(usual: torch.Tensor) -> None:
    rng = np.random.default_rng(9)
    strangers = ["".join("ACGT"[base] for base in rng.integers(0, 4, n)) for n in (60, 120, 400)]
    covered = (laid(strangers, usual) != UNKNOWN).sum(axis=1)
    assert (covered >= [20, 40, 40]).all()
    # And its near relatives lie in the same place.
    kin = strangers[1][:50] + "A" + strangers[1][51:]
    one, other = laid([strangers[1], kin], usual)
    assert (one != other).sum() <= 1
