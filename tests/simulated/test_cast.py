"""Which animals a collection has."""

from collections import Counter

from clibd_cli.simulated.cast import draw_cast

CAST = draw_cast(7, references_per_species=6, queries_per_species=3)


def test_counts_per_species() -> None:
    references = Counter(one.species for one in CAST.references)
    queries = Counter(one.species for one in CAST.queries)
    assert len(references) == 38 and set(references.values()) == {6}
    assert len(queries) == CAST.n_species == 48 and set(queries.values()) == {3}


def test_a_fifth_of_the_species_is_unseen_each_in_a_genus_of_its_own() -> None:
    assert len(CAST.unseen) == 10
    assert len({one.path[:3] for one in CAST.unseen}) == 10
    assert not CAST.unseen & {one.species for one in CAST.references}


def test_no_two_animals_share_an_id_or_a_photo() -> None:
    animals = CAST.references + CAST.queries
    assert len({one.specimen_id for one in animals}) == len(animals)
    assert len({(one.species, one.number) for one in animals}) == len(animals)


def test_specimens_of_a_species_share_haplotypes() -> None:
    clean = [one.read for one in CAST.references if set(one.read) <= set("ACGT")]
    assert 38 < len(set(clean)) < 0.7 * len(clean)


def test_some_reads_are_messy_and_most_are_not() -> None:
    whole = [len(one.read) == 658 and set(one.read) <= set("ACGT") for one in CAST.queries]
    assert 0.45 < sum(whole) / len(whole) < 0.75


def test_the_mishaps_are_of_two_queries() -> None:
    ids = {one.specimen_id: one for one in CAST.queries}
    assert CAST.broken_photo != CAST.failed_barcode
    assert CAST.broken_photo in ids and len(ids[CAST.failed_barcode].read) < 50
    assert sum(len(one.read) < 500 for one in CAST.queries) == 1


def test_queries_photos_do_not_depend_on_the_number_of_references() -> None:
    fewer = draw_cast(7, references_per_species=1, queries_per_species=3)
    assert {(o.species, o.number) for o in fewer.queries} == {
        (o.species, o.number) for o in CAST.queries
    }
    assert draw_cast(7, 6, 3) == CAST != draw_cast(8, 6, 3)
