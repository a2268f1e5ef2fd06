"""Species labels of reference libraries, taken apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clibd_cli.io.scientific_names import SpeciesName, take_apart


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("Aedes vexans", SpeciesName("Aedes vexans", "species", "vexans")),
        ("Xestia c-nigrum", SpeciesName("Xestia c-nigrum", "species", "c-nigrum")),
        ("Psyllobora 22-punctata", SpeciesName("Psyllobora 22-punctata", "species", "22-punctata")),
        ("Aedes (Aedimorphus) vexans",
         SpeciesName("Aedes (Aedimorphus) vexans", "species", "vexans")),
        ("Aedes vexans (Meigen, 1830)",
         SpeciesName("Aedes vexans (Meigen, 1830)", "species", "vexans")),
        ("Apis mellifera Linnaeus", SpeciesName("Apis mellifera Linnaeus", "species", "mellifera")),
        ("Apis mellifera carnica",
         SpeciesName("Apis mellifera carnica", "subspecies", "mellifera", "carnica")),
        ("Aedes cf. vexans", SpeciesName("Aedes", "genus", qualifier="cf. vexans")),
        ("Aedes nr. vexans", SpeciesName("Aedes", "genus", qualifier="nr. vexans")),
        ("Aedes aff vexans", SpeciesName("Aedes", "genus", qualifier="aff vexans")),
        ("Chironomus sp. 1TE", SpeciesName("Chironomus", "genus", qualifier="sp. 1TE")),
        ("Bracon Janzen12", SpeciesName("Bracon", "genus", qualifier="Janzen12")),
        ("Xestia sp. BOLD:AAA1234", SpeciesName("Xestia", "genus", qualifier="sp. BOLD:AAA1234")),
        ("Coptera malaiseana01", SpeciesName("Coptera", "genus", qualifier="malaiseana01")),
        ("Papilio machaon x hospiton",
         SpeciesName("Papilio", "genus", qualifier="machaon x hospiton")),
        ("Papilio machaon × hospiton",
         SpeciesName("Papilio", "genus", qualifier="machaon × hospiton")),
        ("Megaselia", SpeciesName("Megaselia", "genus")),
        ("BOLD:AAA1234", SpeciesName(qualifier="BOLD:AAA1234")),
        ("uncultured insect", SpeciesName(qualifier="uncultured insect")),
        ("gelJanzen01 Janzen100", SpeciesName(qualifier="gelJanzen01 Janzen100")),
        ("LepidopteraGEN sp. 1", SpeciesName(qualifier="LepidopteraGEN sp. 1")),
        ("Anopheles culicifacies A", SpeciesName("Anopheles", "genus", qualifier="culicifacies A")),
        ("Apis mellifera L.", SpeciesName("Apis mellifera L.", "species", "mellifera")),
        ("Micrasema (gelidum) canusa",
         SpeciesName("Micrasema", "genus", qualifier="(gelidum) canusa")),
    ],
)  # fmt: skip
def test_labels_of_libraries(label: str, expected: SpeciesName) -> None:
    assert take_apart(label) == expected


@given(st.text().map(str.strip).filter(lambda text: text.split()))
def test_any_label_loses_nothing(label: str) -> None:
    found = take_apart(label)
    assert found.rank in (("genus", "species", "subspecies") if found.name else (None,))
    if found.qualifier:
        assert " ".join(label.split()).endswith(" ".join(found.qualifier.split()))
    else:
        assert found.name in (label, label.split(maxsplit=1)[0])
