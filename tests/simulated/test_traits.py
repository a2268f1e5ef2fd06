"""Traits follow the tree: each rank adds what its members share."""

from clibd_cli.simulated.taxonomy import invented_taxonomy
from clibd_cli.simulated.traits import traits_of

PATHS = [one.path for one in invented_taxonomy()]
TRAITS = {path: traits_of(path, 7) for path in PATHS}


def test_each_rank_decides_its_own_trait() -> None:
    for depth, trait in ((1, "plan"), (2, "proportions"), (3, "palette")):
        pairs = {(path[:depth], getattr(TRAITS[path], trait)) for path in PATHS}
        taxa, values = {taxon for taxon, _ in pairs}, {value for _, value in pairs}
        assert len(pairs) == len(taxa) == len(values)


def test_the_species_of_a_genus_differ_in_pattern_and_size() -> None:
    for genus in {path[:3] for path in PATHS}:
        members = [TRAITS[path] for path in PATHS if path[:3] == genus]
        assert len({one.pattern.motif for one in members}) == len(members)
        assert len({one.size for one in members}) == len(members)


def test_the_seed_decides() -> None:
    assert traits_of(PATHS[5], 7) == TRAITS[PATHS[5]] != traits_of(PATHS[5], 8)


def test_a_larger_tree_than_there_are_plans_and_palettes_still_has_traits() -> None:
    assert traits_of((9, 3, 5, 11), 7).palette
