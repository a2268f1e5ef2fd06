from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clibd_cli.core.lineage import Lineage
from clibd_cli.io.headers import MAX_HEADER, Header, is_barcode_marker, read_header

SPECIES = Lineage(genus="Icaricia", species="Icaricia saepiolus")


@pytest.mark.parametrize(
    "text",
    [
        "ABGEN939-20|Icaricia saepiolus|COI-5P|KM123456",
        "ABGEN939-20|Icaricia saepiolus|COI-5P",
        "ABGEN939-20|COI-5P|Icaricia saepiolus|KM123456.1",
        "Icaricia saepiolus|ABGEN939-20|COI-5P",
        "COI-5P|KM123456|Icaricia saepiolus|ABGEN939-20",
        "ABGEN939-20|Canada|Icaricia saepiolus|COI-5P",
        "ABGEN939-20|Icaricia_saepiolus|COI-5P|",
        " ABGEN939-20 | Icaricia  saepiolus | COI-5P ",
    ],
)
def test_bold_fields_in_any_order(text: str) -> None:
    assert read_header(text) == Header("ABGEN939-20", SPECIES, None, "COI-5P")


@pytest.mark.parametrize("process_id", ["ABGEN939-20", "GBMIN12345-13", "CRALA12112-21"])
def test_process_ids(process_id: str) -> None:
    assert read_header(f"Xestia|{process_id}|COI-5P").specimen_id == process_id


def test_the_marker_in_a_record_id_is_no_part_of_the_process_id() -> None:
    header = read_header("ABGEN939-20.COI-5P|Icaricia saepiolus")
    assert header == Header("ABGEN939-20", SPECIES, None, "COI-5P", ("ABGEN939-20.COI-5P",))
    assert read_header("ABGEN939-20.COI-5P").specimen_id == "ABGEN939-20"
    assert read_header("ABGEN939-20.ITS2").marker == "ITS2"
    assert read_header("sample.1").specimen_id == "sample.1"


def test_bin() -> None:
    header = read_header("BOLD:AAA4621|ABGEN939-20|Lycaenidae|COI-5P")
    assert header.bin_uri == "BOLD:AAA4621"
    assert header.lineage == Lineage(family="Lycaenidae")


@pytest.mark.parametrize(
    ("taxon", "lineage"),
    [
        ("Lepidoptera", Lineage(order="Lepidoptera")),
        ("Lycaenidae", Lineage(family="Lycaenidae")),
        ("Icaricia", Lineage(genus="Icaricia")),
        ("Icaricia sp. 2", Lineage(genus="Icaricia")),
        ("Insecta", Lineage()),
        ("", Lineage()),
    ],
)
def test_taxon_of_any_rank(taxon: str, lineage: Lineage) -> None:
    assert read_header(f"ABGEN939-20|{taxon}|COI-5P|KM123456").lineage == lineage


def test_names_in_several_fields_are_one_lineage() -> None:
    header = read_header("ABGEN939-20|Lepidoptera|Lycaenidae|Icaricia saepiolus|COI-5P")
    assert header.lineage == Lineage("Lepidoptera", "Lycaenidae", "Icaricia", "Icaricia saepiolus")


def test_pipes_of_others() -> None:
    assert read_header("sample 1|Plate|A01") == Header("sample 1")
    assert read_header("gi|123|gb|KM123456.1| Xestia c-nigrum COI").specimen_id == (
        "gi|123|gb|KM123456.1|"
    )
    assert read_header("my-1|Xestia c-nigrum").lineage.species == "Xestia c-nigrum"


@pytest.mark.parametrize(
    "text",
    [
        "AB1;tax=k:Animalia,o:Lepidoptera,g:Icaricia,s:Icaricia_saepiolus;",
        "AB1;size=12;tax=o:Lepidoptera,g:Icaricia,s:Icaricia_saepiolus;",
        "AB1;tax=o:Lepidoptera,g:Icaricia,s:Icaricia_saepiolus;size=3;",
        "AB1 k__Animalia;o__Lepidoptera;f__;g__Icaricia;s__Icaricia_saepiolus",
        "AB1|refs|k__Animalia;o__Lepidoptera;g__Icaricia;s__saepiolus",
    ],
)
def test_sintax_and_qiime(text: str) -> None:
    lineage = Lineage("Lepidoptera", None, "Icaricia", "Icaricia saepiolus")
    assert read_header(text) == Header("AB1", lineage)


@pytest.mark.parametrize(
    ("text", "specimen_id"),
    [
        ("barcode_0", "barcode_0"),
        ("barcode_0 Icaricia saepiolus COI", "barcode_0"),
        ("OTU7;size=120;", "OTU7"),
        ("a,b\"c'd", "a,b\"c'd"),
        ("=cmd()", "=cmd()"),
        ("../../etc/passwd", "../../etc/passwd"),
        ("x" * 300, "x" * 300),
        ("a\x00b\x1bc d", "a"),
        ("", ""),
        ("   ", ""),
    ],
)
def test_plain_headers(text: str, specimen_id: str) -> None:
    assert read_header(text) == Header(specimen_id)


def test_a_header_without_end_is_cut() -> None:
    assert len(read_header("x" * 10_000_000).specimen_id) == MAX_HEADER


def test_markers() -> None:
    assert all(map(is_barcode_marker, ["COI-5P", "coi-5p", "COI", "COXI", " CO1 "]))
    assert not any(map(is_barcode_marker, ["COI-3P", "ITS2", "COII", "16S", ""]))


@given(st.text(st.sampled_from("AB-20|;:= _tax.\nCOI5Pk\x00é"), max_size=60) | st.text())
@settings(deadline=None)
def test_any_header_gives_a_clean_id(text: str) -> None:
    specimen_id = read_header(text).specimen_id
    assert specimen_id == " ".join(specimen_id.split())
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in specimen_id)
