"""The evolved barcodes: distances, codons and composition like those of real COI."""

from itertools import combinations

import numpy as np
import pytest

from clibd_cli.simulated.barcodes import (
    FRAME,
    LENGTH,
    Substitution,
    as_texts,
    evolve_species,
    has_stop_codon,
)
from clibd_cli.simulated.taxonomy import invented_taxonomy

SPECIES = invented_taxonomy(7)
BARCODES = evolve_species(SPECIES, 7)


def distances(seed: int) -> dict[str, list[float]]:
    """Shares of different sites: within species, and between species by the rank they share."""
    species = invented_taxonomy(seed)
    barcodes = evolve_species(species, seed)
    found: dict[str, list[float]] = {k: [] for k in ("species", "genus", "family", "order", "none")}
    for group in barcodes.values():
        found["species"] += [float((a != b).mean()) for a, b in combinations(group, 2)]
    for one, other in combinations(species, 2):
        ranks = ("genus", "family", "order")
        shared = (rank for rank in ranks if one.lineage.at(rank) == other.lineage.at(rank))
        pair = (barcodes[s.lineage.species or ""][0] for s in (one, other))
        found[next(shared, "none")].append(float(np.not_equal(*pair).mean()))
    return found


@pytest.mark.parametrize("seed", [7, 1])
@pytest.mark.parametrize(
    ("shared", "low", "high"),
    [
        ("species", 0.0, 0.01),
        ("genus", 0.04, 0.10),
        ("family", 0.12, 0.16),
        ("order", 0.17, 0.22),
        ("none", 0.22, 0.28),
    ],
)
def test_distances_between_relatives_are_those_of_coi(
    seed: int, shared: str, low: float, high: float
) -> None:
    found = np.array(distances(seed)[shared])
    assert low <= np.median(found) <= high
    # A pair's distance scatters by 1.5 points around what its common ancestor implies.
    assert (found > low - 0.02).all() and (found < high + 0.025).all()
    assert ((found >= low) & (found <= high)).mean() > 0.8


def test_there_is_a_barcode_gap() -> None:
    found = distances(7)
    assert max(found["species"]) < min(found["genus"])


def test_no_barcode_has_a_stop_codon() -> None:
    for group in BARCODES.values():
        assert not any(map(has_stop_codon, as_texts(group)))


def test_a_stop_codon_is_seen_only_in_frame() -> None:
    whole = as_texts(BARCODES[SPECIES[0].lineage.species or ""])[0]
    assert has_stop_codon(whole[: FRAME + 30] + "TAA" + whole[FRAME + 33 :])
    assert has_stop_codon(whole[: FRAME + 30] + "TAG" + whole[FRAME + 33 :])
    assert has_stop_codon("A" + "TGA" * 218 + "TAG")
    assert not has_stop_codon("A" + "TGA" * 219)
    assert not has_stop_codon("A" + "ATA" * 219)


def test_evolution_never_makes_a_stop_codon_even_in_the_long_run() -> None:
    rng = np.random.default_rng(0)
    model = Substitution(rng)
    late = model.evolve(np.repeat(model.ancestor(rng), 50, axis=0), 50.0, rng)
    assert not any(map(has_stop_codon, as_texts(late)))


def test_composition_is_rich_in_a_and_t_most_of_all_at_third_positions() -> None:
    sites = np.concatenate(list(BARCODES.values()))
    at = np.isin(sites, [0, 3])
    third, others = at[:, ::3].mean(), np.delete(at, np.s_[::3], axis=1).mean()
    assert 0.6 < at.mean() < 0.75
    assert third > 0.85 > others


def test_third_positions_change_fastest() -> None:
    one, other = (BARCODES[SPECIES[i].lineage.species or ""][0] for i in (0, 3))
    third, first, second = ((one != other)[place::3].mean() for place in range(3))
    assert third > 3 * first > 3 * second


def test_texts_are_whole_barcodes() -> None:
    texts = as_texts(BARCODES[SPECIES[3].lineage.species or ""])
    assert 2 <= len(texts) <= 4
    assert all(len(text) == LENGTH and set(text) <= set("ACGT") for text in texts)


def test_mutate_changes_at_most_what_it_is_told() -> None:
    rng = np.random.default_rng(1)
    model = Substitution(rng)
    parents = np.repeat(model.ancestor(rng), 40, axis=0)
    changes = np.arange(40) % 7
    found = (model.mutate(parents, changes, rng) != parents).sum(axis=1)
    assert (found <= changes).all() and found.sum() > 0.8 * changes.sum()


def test_the_seed_decides() -> None:
    again, other = evolve_species(SPECIES, 7), evolve_species(SPECIES, 8)
    assert all((again[name] == group).all() for name, group in BARCODES.items())
    assert any(len(other[n]) != len(g) or (other[n] != g).any() for n, g in BARCODES.items())
