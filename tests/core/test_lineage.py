"""Names as tables give them, and the lineages that they make."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clibd_cli.core.lineage import RANKS, UNLABELLED, Lineage, clean_label, clean_text


@pytest.mark.parametrize(
    "cell", ["", " ", "NA", "na", "None", "nan", "not_classified", "N/A", "null", None]
)
def test_cells_that_mean_no_label(cell: object) -> None:
    assert clean_label(cell) is None


@pytest.mark.parametrize(
    ("labels", "lineage"),
    [
        ({"species": "Xestia c-nigrum"}, Lineage(genus="Xestia", species="Xestia c-nigrum")),
        (
            {"genus": "Xestia", "species": "c-nigrum"},
            Lineage(genus="Xestia", species="Xestia c-nigrum"),
        ),
        ({"species": "Xestia sp."}, Lineage(genus="Xestia")),
        ({"species": "Xestia sp"}, Lineage(genus="Xestia")),
        (
            {"species": "Xestia sp. BOLD:AAA1234"},
            Lineage(genus="Xestia", species="Xestia sp. BOLD:AAA1234"),
        ),
        ({"genus": "Nata", "species": "NA"}, Lineage(genus="Nata")),
        ({"order": "Diptera", "family": "not_classified"}, Lineage(order="Diptera")),
        ({}, UNLABELLED),
        ({"species": "aedes vexans"}, Lineage(genus="Aedes", species="Aedes vexans")),
        (
            {"order": "Diptera", "species": "aedes vexans nipponii"},
            Lineage("Diptera", None, "Aedes", "Aedes vexans nipponii"),
        ),
        ({"species": "unio pictorum"}, Lineage(genus="Unio", species="Unio pictorum")),
        ({"species": "xestia sp."}, Lineage(genus="Xestia")),
        ({"species": "uncultured insect"}, Lineage(species="uncultured insect")),
        ({"species": "cf. vexans"}, Lineage(species="cf. vexans")),
    ],
)
def test_lineages_from_labels(labels: dict[str, object], lineage: Lineage) -> None:
    assert Lineage.from_labels(labels) == lineage


def test_the_deepest_rank() -> None:
    assert Lineage("Diptera", None, "Aedes").deepest == "genus"
    assert UNLABELLED.deepest is None
    assert not UNLABELLED


def test_text_for_the_encoder() -> None:
    text = Lineage("Coleoptera", "Carabidae").as_text()
    assert text == "Coleoptera Carabidae not_classified not_classified"


@given(st.text())
def test_clean_text_is_one_printable_line(text: str) -> None:
    clean = clean_text(text)
    assert clean == clean_text(clean)
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in clean)


FULL = Lineage("Lepidoptera", "Noctuidae", "Xestia", "Xestia alba")


@pytest.mark.parametrize(
    ("label", "other", "result"),
    [
        (Lineage("Lepidoptera"), FULL, FULL),
        (Lineage(genus="Xestia"), Lineage("Lepidoptera"), Lineage("Lepidoptera", None, "Xestia")),
        (Lineage("Diptera"), FULL, Lineage("Diptera")),
        (Lineage("Lepidoptera", "Erebidae"), FULL, Lineage("Lepidoptera", "Erebidae")),
        (FULL, Lineage("Lepidoptera"), FULL),
        (UNLABELLED, FULL, FULL),
        (FULL, UNLABELLED, FULL),
    ],
)
def test_a_lineage_completed_by_another(label: Lineage, other: Lineage, result: Lineage) -> None:
    assert label.completed_by(other) == result


@given(st.dictionaries(st.sampled_from(RANKS), st.text(max_size=30)))
def test_a_lineage_read_again_is_the_same(labels: dict[str, object]) -> None:
    lineage = Lineage.from_labels(labels)
    assert Lineage.from_labels({rank: lineage.at(rank) for rank in RANKS}) == lineage
