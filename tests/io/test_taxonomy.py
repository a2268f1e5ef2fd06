from __future__ import annotations

import csv
import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clibd_cli.core.lineage import RANKS, Lineage
from clibd_cli.io.taxonomy import ORDERS, lineage_of_name, lineage_of_parts, lineage_of_words
from tests.io.shared_data import DATA, needs_data

SCIARA = Lineage("Diptera", "Sciaridae", "Sciara", "Sciara alba")


@pytest.mark.parametrize(
    ("name", "lineage"),
    [
        ("Icaricia saepiolus", Lineage(genus="Icaricia", species="Icaricia saepiolus")),
        ("Xestia c-nigrum", Lineage(genus="Xestia", species="Xestia c-nigrum")),
        ("Papilio machaon gorganus", Lineage(genus="Papilio", species="Papilio machaon")),
        ("Papilio machaon Linnaeus, 1758", Lineage(genus="Papilio", species="Papilio machaon")),
        ("Aedes (Ochlerotatus) punctor", Lineage(genus="Aedes", species="Aedes punctor")),
        ("Xestia", Lineage(genus="Xestia")),
        ("Xestia sp.", Lineage(genus="Xestia")),
        ("Xestia sp", Lineage(genus="Xestia")),
        ("Chironomus sp. 8TE", Lineage(genus="Chironomus")),
        ("Apanteles Janzen01", Lineage(genus="Apanteles")),
        ("Alopecosa cf. hirtipes", Lineage(genus="Alopecosa")),
        ("Aus aff. bus", Lineage(genus="Aus")),
        ("Aus nr. bus", Lineage(genus="Aus")),
        ("Aphis fabae group", Lineage(genus="Aphis")),
        ("Salix x rubens", Lineage(genus="Salix")),
        ("Salix × rubens", Lineage(genus="Salix")),
        ("Salix alba × fragilis", Lineage(genus="Salix")),
        ("Noctuidae", Lineage(family="Noctuidae")),
        ("Sciaridae sp. BOLD:AAA1234", Lineage(family="Sciaridae")),
        ("Lepidoptera", Lineage(order="Lepidoptera")),
        ("Diptera sp.", Lineage(order="Diptera")),
        ("Noctuinae", Lineage()),
        ("Tipulini", Lineage()),
        ("Chalcidoidea sp.", Lineage()),
        ("Arthropoda", Lineage()),
        ("Insecta", Lineage()),
        ("British Columbia", Lineage()),
        ("xestia c-nigrum", Lineage()),
        ("BIOUG56963-F07", Lineage()),
        ("not_classified", Lineage()),
        ("None", Lineage()),
        ("", Lineage()),
    ],
)
def test_names_of_unknown_rank(name: str, lineage: Lineage) -> None:
    assert lineage_of_name(name) == lineage


@pytest.mark.parametrize(
    "text",
    [
        "k:Animalia,p:Arthropoda,o:Lepidoptera,f:Noctuidae,g:Xestia,s:Xestia_c-nigrum",
        "k:Animalia,o:Lepidoptera,f:Noctuidae,g:Xestia,s:Xestia_c-nigrum;",
        'o:"Lepidoptera"(1.00),f:Noctuidae(0.98),g:Xestia(0.9),s:Xestia_c-nigrum(0.55)',
        "k__Animalia; o__Lepidoptera; f__Noctuidae; g__Xestia; s__c-nigrum",
        "k__Animalia;p__;o__Lepidoptera;f__Noctuidae;g__Xestia;s__Xestia_c-nigrum",
        "k__Animalia|o__Lepidoptera|f__Noctuidae|g__|s__Xestia_c-nigrum",
    ],
)
def test_lineages_in_one_string(text: str) -> None:
    expected = Lineage("Lepidoptera", "Noctuidae", "Xestia", "Xestia c-nigrum")
    assert lineage_of_parts(text) == expected


def test_parts_without_a_name() -> None:
    text = "o__Diptera;f__unidentified;g__Sciara_gen_Incertae_sedis;s__Sciara_sp"
    assert lineage_of_parts(text) == Lineage(order="Diptera", genus="Sciara")
    assert lineage_of_parts("nothing of the kind") == Lineage()


@pytest.mark.parametrize(
    ("text", "lineage"),
    [
        ("Diptera Sciaridae Sciara Sciara alba", SCIARA),
        ("Diptera  Sciaridae Sciara alba", SCIARA),
        ("Diptera Sciaridae not_classified not_classified", Lineage("Diptera", "Sciaridae")),
        ("not_classified not_classified Sciara", Lineage(genus="Sciara")),
        ("Diptera Sciaridae Sciara Sciara sp.", Lineage("Diptera", "Sciaridae", "Sciara")),
        ("Diptera Sciaridae", Lineage("Diptera", "Sciaridae")),
        ("Diptera", Lineage("Diptera")),
        ("Sciara alba", Lineage(genus="Sciara", species="Sciara alba")),
        ("", Lineage()),
    ],
)
def test_words(text: str, lineage: Lineage) -> None:
    assert lineage_of_words(text) == lineage


@given(st.text())
@settings(deadline=None)
def test_any_text_is_read(text: str) -> None:
    lineage_of_name(text)
    lineage_of_parts(text)
    lineage_of_words(text)


@pytest.mark.realdata
@needs_data
def test_real_names_get_their_rank() -> None:
    with gzip.open(DATA / "coi" / "arthropods.tsv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    names = {rank: {row[rank] for row in rows if row[rank]} for rank in RANKS}
    assert {name for name in names["order"] if "_" not in name} <= ORDERS
    families = {name for name in names["family"] if name.isalpha()}
    assert {n for n in families if lineage_of_name(n) != Lineage(family=n)} == set()
    # Not the working names of a lab, such as "TachinidaeGEN" and "tortJanzen01".
    genera = {name for name in names["genus"] if name.isalpha() and name.istitle()}
    assert {n for n in genera if lineage_of_name(n) != Lineage(genus=n)} == set()
