"""The map that separates genera: against scikit-learn, and on barcodes that it never saw."""

import numpy as np
import pytest
import torch

from clibd_cli.models.cards import ProfileDnaTower
from clibd_cli.models.profile import ProfileDnaEncoder, base_codes, place
from clibd_cli.training.discriminant import Spread, start_profile

POSITIONS = 150
TOWER = ProfileDnaTower("profile", hidden=16, output_dim=24, positions=POSITIONS)


def barcodes_of_genera(genera: int, species: int, seed: int) -> tuple[list[str], list[str]]:
    """Species of a genus differ at every third position, genera at the others, too."""
    rng = np.random.default_rng(seed)
    ancestor = rng.integers(0, 4, POSITIONS)
    third = np.arange(POSITIONS) % 3 == 2
    barcodes, names = [], []
    for genus in range(genera):
        own = np.where(
            ~third & (rng.random(POSITIONS) < 0.08), rng.integers(0, 4, POSITIONS), ancestor
        )
        for _ in range(species):
            bases = np.where(
                third & (rng.random(POSITIONS) < 0.8), rng.integers(0, 4, POSITIONS), own
            )
            barcodes.append("".join("ACGT"[base] for base in bases))
            names.append(f"genus{genus}")
    return barcodes, names


def genus_hits(vectors: torch.Tensor, names: list[str], queries: int) -> float:
    """How often the nearest of the other vectors has the genus, for the last `queries`."""
    unit = torch.nn.functional.normalize(vectors, dim=1)
    nearest = (unit[-queries:] @ unit[:-queries].T).argmax(dim=1)
    right = [names[int(n)] == names[len(names) - queries + i] for i, n in enumerate(nearest)]
    return sum(right) / queries


@pytest.fixture(scope="module")
def encoder() -> ProfileDnaEncoder:
    encoder = ProfileDnaEncoder(TOWER).eval()
    barcodes, names = barcodes_of_genera(40, 8, seed=1)
    start_profile(encoder, barcodes, list(names))
    return encoder


def test_genera_of_new_species_are_found_better_than_by_identity(
    encoder: ProfileDnaEncoder,
) -> None:
    # Other genera than those that the map was made of: it knows which positions tell.
    barcodes, names = barcodes_of_genera(30, 4, seed=1)
    order = np.random.default_rng(2).permutation(len(barcodes))
    barcodes, names = [barcodes[i] for i in order], [names[i] for i in order]
    with torch.inference_mode():
        codes = torch.from_numpy(base_codes(barcodes, POSITIONS))
        by_map = genus_hits(encoder(codes), names, 60)
        by_identity = genus_hits(encoder.picture(place(codes, encoder.frequencies)), names, 60)
    assert by_map > by_identity + 0.1


def test_axes_whiten_the_spread_within_genera() -> None:
    rng = torch.Generator().manual_seed(3)
    names = [f"g{i % 5}" for i in range(400)]
    offsets = torch.randn(5, 6, generator=rng)
    noise = torch.randn(400, 6, generator=rng) * torch.tensor([5.0, 1, 1, 1, 1, 0.2])
    pictures = noise + torch.stack([offsets[i % 5] for i in range(400)])
    spread = Spread(names, 6)
    for start in range(0, 400, 150):
        spread.add(pictures[start : start + 150])
    axes = spread.axes(6, shrinkage=1e-6)
    means = torch.stack([pictures[i::5].mean(dim=0) for i in range(5)])
    residuals = torch.cat([pictures[i::5] - means[i] for i in range(5)]) @ axes
    within = residuals.T @ residuals / len(residuals)
    assert torch.allclose(within / within[0, 0], torch.eye(6), atol=1e-3)


def test_the_same_barcodes_start_the_same_tower(encoder: ProfileDnaEncoder) -> None:
    again = ProfileDnaEncoder(TOWER)
    barcodes, names = barcodes_of_genera(40, 8, seed=1)
    start_profile(again, barcodes, list(names))
    for name in ("frequencies", "direct.weight", "output.weight"):
        assert torch.equal(encoder.state_dict()[name], again.state_dict()[name]), name


@pytest.mark.parametrize("genera", [[None] * 20, ["one"] * 20, [f"g{i}" for i in range(20)]])
def test_barcodes_that_tell_nothing_about_genera_still_give_a_map(
    genera: list[str | None],
) -> None:
    barcodes, _ = barcodes_of_genera(5, 4, seed=4)
    encoder = ProfileDnaEncoder(TOWER).eval()
    start_profile(encoder, barcodes, genera)
    with torch.inference_mode():
        vectors = encoder(torch.from_numpy(base_codes(barcodes, POSITIONS)))
    assert torch.isfinite(vectors).all()
    assert bool((vectors.norm(dim=1) > 1e-3).all())


def test_a_single_barcode_is_enough() -> None:
    encoder = ProfileDnaEncoder(TOWER)
    start_profile(encoder, ["ACGT" * 30], [None])
    assert all(torch.isfinite(tensor).all() for tensor in encoder.state_dict().values())
