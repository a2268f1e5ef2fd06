"""Results as a taxonomy table for QIIME 2 and BIOM."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clibd_cli.io.taxonomy_table import (
    BIOM_COLUMNS,
    QIIME_COLUMNS,
    taxon_of,
    taxonomy_row,
    will_be_lost,
)
from tests.io.made_results import made_row


def test_a_species_and_its_confidence() -> None:
    row = made_row("s1", "Diptera", "Culicidae", "Aedes", "Aedes vexans")
    assert taxonomy_row(row, QIIME_COLUMNS) == {
        "Feature ID": "s1",
        "Taxon": "o__Diptera; f__Culicidae; g__Aedes; s__Aedes vexans",
        "Confidence": 0.615,
    }
    assert list(taxonomy_row(row, BIOM_COLUMNS)) == ["#OTUID", "taxonomy", "confidence"]


@pytest.mark.parametrize(
    ("names", "higher", "taxon"),
    [
        (("Diptera", "Culicidae"), {}, "o__Diptera; f__Culicidae"),
        ((None, "Culicidae", None, "Aedes vexans"), {},
         "o__; f__Culicidae; g__; s__Aedes vexans"),
        ((), {}, "Unassigned"),
        ((), {"phylum": "Arthropoda"}, "Unassigned"),
        (("Diptera",), {"phylum": "Arthropoda"}, "k__; p__Arthropoda; c__; o__Diptera"),
        (("Diptera",), {"kingdom": ""}, "o__Diptera"),
        (("Dip;tera",), {}, "o__Dip,tera"),
    ],
)  # fmt: skip
def test_ranks_stay_at_their_level(
    names: tuple[str | None, ...], higher: dict[str, str], taxon: str
) -> None:
    assert taxon_of(made_row("s1", *names), higher) == taxon


def test_without_a_name_there_is_no_confidence() -> None:
    assert taxonomy_row(made_row("s1"), QIIME_COLUMNS)["Confidence"] is None
    assert taxonomy_row({"specimen_id": "x", "order": "D"}, QIIME_COLUMNS)["Confidence"] is None


@pytest.mark.parametrize("name", ["#1", "=1", "-x", 'a"b', "nan", "Feature ID", "NA"])
def test_ids_that_readers_lose(name: str) -> None:
    assert will_be_lost(name)
    assert not will_be_lost(f"s{name.strip('#=-').replace(chr(34), '')}1")


@given(st.lists(st.none() | st.text(min_size=1), min_size=4, max_size=4))
def test_levels_of_any_names(names: list[str | None]) -> None:
    taxon = taxon_of(made_row("s1", *names), {})
    levels = taxon.split("; ") if taxon != "Unassigned" else []
    deepest = max((i for i, name in enumerate(names, 1) if name), default=0)
    assert taxon.count(";") == max(deepest - 1, 0)
    assert [level[:3] for level in levels if level[1:3] == "__"][:1] in ([], ["o__"])
    assert not taxon.endswith(";")
