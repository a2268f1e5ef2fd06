"""The invented names: well formed, nested, repeatable, and nobody's."""

import csv
import gzip
from pathlib import Path

import pytest

from clibd_cli.simulated.taxonomy import Namer, family_name, invented_taxonomy

SHARED = Path(__file__).resolve().parents[2].parent / "shared"


def test_counts_and_paths_follow_the_arguments() -> None:
    species = invented_taxonomy(1, orders=3, families=2, genera=4, species=5)
    assert [one.path for one in species] == sorted({one.path for one in species})
    for rank, n in (("order", 3), ("family", 6), ("genus", 24), ("species", 120)):
        assert len({one.lineage.at(rank) for one in species}) == n


def test_names_have_the_form_of_their_rank() -> None:
    for one in invented_taxonomy():
        lineage = one.lineage
        assert lineage.order is not None and lineage.order.endswith("ptera")
        assert lineage.family is not None and lineage.family.endswith("idae")
        genus, epithet = (lineage.species or "").split(" ")
        assert genus == lineage.genus and genus.istitle()
        assert epithet.islower() and epithet.isascii() and epithet.isalpha()


def test_relatives_share_names_exactly_where_they_share_the_path() -> None:
    species = invented_taxonomy()
    for depth, rank in enumerate(("order", "family", "genus", "species"), start=1):
        places = {(one.path[:depth], one.lineage.at(rank)) for one in species}
        assert len(places) == len({p for p, _ in places}) == len({name for _, name in places})


def test_a_family_is_named_after_its_first_genus() -> None:
    for one in invented_taxonomy():
        if one.path[2] == 0:
            assert one.lineage.family == family_name(one.lineage.genus or "")
    assert family_name("Kavufictia") == "Kavufictiidae"


def test_the_seed_decides() -> None:
    assert invented_taxonomy(5) == invented_taxonomy(5)
    assert invented_taxonomy(5) != invented_taxonomy(6)


def test_a_namer_never_repeats_itself() -> None:
    namer = Namer(0)
    names = [make() for _ in range(3000) for make in (namer.genus, namer.epithet)]
    assert len(set(names)) == len(names)


@pytest.mark.realdata
def test_no_name_is_that_of_a_real_animal() -> None:
    table = SHARED / "data/coi/arthropods.tsv.gz"
    if not table.exists():
        pytest.skip(f"{table} is missing")
    with gzip.open(table, "rt", encoding="utf-8", newline="") as handle:
        real = {
            row[rank] for row in csv.DictReader(handle, delimiter="\t") for rank in RANKS_OF_NAMES
        }
    assert len(real) > 4000
    invented = {one.lineage.at(rank) for one in invented_taxonomy() for rank in RANKS_OF_NAMES}
    assert not invented & real


RANKS_OF_NAMES = ("order", "family", "genus")
