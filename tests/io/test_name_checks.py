"""Which species names are none, and which one was meant."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clibd_cli.io.name_checks import is_open, misspellings, name_problem


@pytest.mark.parametrize(
    ("name", "problem", "suggested"),
    [
        ("Xestia c-nigrum", None, None),
        ("Aedes (Ochlerotatus) vexans", None, None),
        ("Pieris napi adalwinda", None, None),
        ("Papilio machaon x Papilio hospiton", "hybrid", None),
        ("Papilio × meeki", "hybrid", None),
        ("Agyneta sp. 2GAB", "open", None),
        ("Araneus cf. yukon", "open", None),
        ("Erebia aff. ligea", "open", None),
        ("Anopheles albitarsis s.l.", "open", None),
        ("Anopheles oswaldoi A", "open", None),
        ("Cryptophion guillermoiB", "open", None),
        ("Colias philodice/eurytheme", "list", None),
        ("Colias hyale or alfacariensis", "list", None),
        ("Ethmia Janzeni", "untidy", "Ethmia janzeni"),
        ("aedes vexans", "untidy", "Aedes vexans"),
        ("Aedes vexans.", "untidy", "Aedes vexans"),
        ("Aedes_vexans", "untidy", "Aedes vexans"),
    ],
)
def test_what_is_wrong_with_a_name(name: str, problem: str | None, suggested: str | None) -> None:
    found = name_problem(name)
    assert (found and found.problem) == problem
    assert (found and found.suggested) == suggested


def test_open_names_claim_no_species() -> None:
    assert is_open("Agyneta sp. 2GAB")
    assert is_open("Papilio × meeki")
    assert not is_open("Xestia c-nigrum")
    assert not is_open("Proxenus novalis")


@pytest.mark.parametrize(
    "wrong",
    ["Vanessa atalnta", "Vanessa atalantta", "Vanessa atalenta", "Vanessa atalatna"],
)
def test_a_misspelling_is_one_edit_from_a_commoner_name(wrong: str) -> None:
    (found,) = misspellings({"Vanessa atalanta": 9, wrong: 1, "Vanessa cardui": 1})
    assert (found.name, found.suggested) == (wrong, "Vanessa atalanta")


def test_the_genus_may_be_misspelt() -> None:
    (found,) = misspellings({"Vanessa atalanta": 9, "Vannessa atalanta": 2})
    assert found.suggested == "Vanessa atalanta"


def test_no_misspelling_where_both_are_common_or_short_or_of_another_genus() -> None:
    assert not list(misspellings({"Vanessa atalanta": 5, "Vanessa atalonta": 4}))
    assert not list(misspellings({"Aus bona": 9, "Aus bono": 1}))
    assert not list(misspellings({"Vanessa atalanta": 9, "Pieris atalonta": 1}))
    assert not list(misspellings({"Vanessa atalanta": 9, "Vannessa atalonta": 1}))


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="aeiou", min_size=6, max_size=9), st.data())
def test_any_single_edit_is_found(epithet: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(epithet) - 1))
    how = data.draw(st.sampled_from(["lost", "other", "added"]))
    middle = {"lost": "", "other": "z", "added": epithet[place] + "z"}[how]
    wrong = epithet[:place] + middle + epithet[place + 1 :]
    found = list(misspellings({f"Noctua {epithet}": 6, f"Noctua {wrong}": 1}))
    assert [problem.suggested for problem in found] == [f"Noctua {epithet}"]
