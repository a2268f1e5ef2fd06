from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.lineage import Lineage
from clibd_cli.io.labels import Label, LabelTable, read_labels
from tests.io.shared_data import DATA, needs_data

DIPTERA, ODONATA = Lineage("Diptera"), Lineage("Odonata")


def labels_of(tmp_path: Path, text: str, name: str = "labels.csv") -> tuple[LabelTable, list[str]]:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    said: list[str] = []
    return read_labels(path, said.append), said


def test_every_id_column_is_a_key_and_the_first_names_the_specimen(tmp_path: Path) -> None:
    labels, said = labels_of(
        tmp_path, "file,sampleid,processid,order,bin\nplate1/A01.jpg,S1,P1,Diptera,BOLD:AAA0001\n"
    )
    label = Label("P1", DIPTERA, "BOLD:AAA0001")
    assert said == []
    for key in ("P1", "S1", "plate1/A01.jpg", "plate1\\A01", "./plate1/A01.png/../A01.jpg"):
        assert labels.find(key) == label
    assert labels.find("A01", "nothing", "S1") == label
    assert labels.find("nothing", "A01") is None


def test_a_table_of_files_names_no_specimen(tmp_path: Path) -> None:
    labels, _ = labels_of(tmp_path, "image_file,species_name\na.jpg,Xestia alba\n")
    assert labels.find_photo("/data/x/a.jpg") == Label(
        None, Lineage(genus="Xestia", species="Xestia alba"), None
    )


@pytest.mark.parametrize(
    "photo",
    [
        "/data/plate1/A01.jpg",
        "/plate1/A01.jpg",
        "C:\\data\\plate1\\A01.jpg",
        "/data/plate1/A01.tif",
    ],
)
@pytest.mark.parametrize(
    "cell", ["plate1/A01.jpg", "plate1\\A01.jpg", "./plate1/A01.jpg", "../plate1/A01", "A01.jpg"]
)
def test_photos_are_found_by_the_end_of_their_path(tmp_path: Path, photo: str, cell: str) -> None:
    labels, _ = labels_of(tmp_path, f"file,order\n{cell},Diptera\n")
    assert labels.find_photo(photo) == Label(None, DIPTERA, None)


def test_a_photo_of_another_folder_is_not_found(tmp_path: Path) -> None:
    labels, _ = labels_of(tmp_path, "file,order\nplate1/A01.jpg,Diptera\n")
    assert labels.find_photo("/data/plate2/A01.jpg") is None
    assert labels.find_photo("/data/A01.jpg") is None


def test_the_longest_end_wins(tmp_path: Path) -> None:
    labels, said = labels_of(tmp_path, "file,order\nA01.jpg,Odonata\nplate1/A01.jpg,Diptera\n")
    assert said == []
    assert labels.find_photo("/data/plate1/A01.jpg") == Label(None, DIPTERA, None)
    assert labels.find_photo("/data/plate2/A01.jpg") == Label(None, ODONATA, None)
    assert labels.find_photo("/data/plate2/A01.jpg", frozenset({"A01.jpg"})) is None


def test_an_ambiguous_file_matches_nothing_and_is_reported(tmp_path: Path) -> None:
    labels, said = labels_of(tmp_path, "file,order\na.jpg,Odonata\na.jpg,Diptera\nb.jpg,Diptera\n")
    assert labels.find_photo("/x/a.jpg") is None
    assert labels.find_photo("/x/b.jpg") is not None
    (message,) = said
    assert message.endswith("none is used: 1 (a.jpg)")


def test_names_that_differ_by_suffix_alone_have_no_stem(tmp_path: Path) -> None:
    labels, said = labels_of(tmp_path, "file,order\na.jpg,Odonata\na.png,Diptera\n")
    assert said == []
    assert labels.find_photo("/x/a.png") == Label(None, DIPTERA, None)
    assert labels.find_photo("/x/a.tif") is None


def test_a_number_after_a_dot_is_no_suffix(tmp_path: Path) -> None:
    labels, said = labels_of(tmp_path, "file,order\nsample.1,Odonata\nsample.2,Diptera\n")
    assert said == []
    assert labels.find_photo("/x/sample.2.jpg") == Label(None, DIPTERA, None)


def test_photos_are_found_by_process_id(tmp_path: Path) -> None:
    labels, _ = labels_of(tmp_path, "processid,order\nCRALA12112-21,Diptera\n")
    label = Label("CRALA12112-21", DIPTERA, None)
    for name in ("CRALA12112-21.jpg", "CRALA12112-21.1024px.jpg", "CRALA12112-21_dorsal.jpg"):
        assert labels.find_photo(f"/x/{name}", frozenset({name})) == label
    assert labels.find_photo("/x/CRALA12112-211.jpg") is None


def test_rows_that_agree_complete_each_other(tmp_path: Path) -> None:
    labels, said = labels_of(
        tmp_path, "processid,order,family\n1,Diptera,\n1,Diptera,Culicidae\n1,,Culicidae\n"
    )
    assert labels.find("1") == Label("1", Lineage("Diptera", "Culicidae"), None)
    assert said == []


def test_two_labels_for_one_id(tmp_path: Path) -> None:
    labels, said = labels_of(
        tmp_path, "processid,order\n1,Diptera\n1,Odonata\n2,Odonata\n2,Odonata\n"
    )
    assert labels.find("1") == Label("1", DIPTERA, None)
    (message,) = said
    assert message.endswith("the first is used: 1 (1)")


def test_a_second_row_may_say_more(tmp_path: Path) -> None:
    labels, said = labels_of(
        tmp_path,
        "processid\torder\tbin_uri\n1\tNone\tNone\n1\tDiptera\tNone\n1\tNone\tBOLD:AAA0001\n",
    )
    assert said == []
    assert labels.find("1") == Label("1", DIPTERA, "BOLD:AAA0001")


def test_taxonomy_in_one_cell(tmp_path: Path) -> None:
    labels, _ = labels_of(
        tmp_path, "Feature ID\tTaxon\nf1\tk__Animalia; o__Diptera; f__\nf2\tXestia\n"
    )
    assert labels.find("f1") == Label(None, DIPTERA, None)
    assert labels.find("f2") == Label(None, Lineage(genus="Xestia"), None)


def test_bad_lines_are_told(tmp_path: Path) -> None:
    labels, said = labels_of(tmp_path, "processid,order\n1,Diptera,x\n2,Diptera\n")
    assert labels.find("2") is not None
    (message,) = said
    assert message.startswith("lines of labels that cannot be read: 1 (")
    assert message.endswith("line 2: 3 cells where the header has 2)")


def test_several_tables_are_one(tmp_path: Path) -> None:
    a, b = tmp_path / "a.csv", tmp_path / "b.tsv"
    a.write_text("processid,order\n1,Diptera\n", encoding="utf-8")
    b.write_text("sampleid\torder\n2\tOdonata\n", encoding="utf-8")
    labels = read_labels([a, b])
    assert labels.find("1") == Label("1", DIPTERA, None)
    assert labels.find("2") == Label("2", ODONATA, None)


@pytest.mark.parametrize(
    ("header", "missing"), [("processid,plate", "ranks"), ("order,plate", "ids")]
)
def test_a_table_of_something_else_is_an_error(tmp_path: Path, header: str, missing: str) -> None:
    with pytest.raises(ClibdError, match=f"no column with {missing} .*Columns found: {header[:5]}"):
        labels_of(tmp_path, f"{header}\n1,2\n")


def test_decomposed_accents_of_macos_match(tmp_path: Path) -> None:
    labels, _ = labels_of(tmp_path, "file,order\nk\u00e4fer.jpg,Diptera\n")
    assert labels.find_photo("/x/ka\u0308fer.jpg") is not None


@given(st.lists(st.text(max_size=10), max_size=6), st.text(max_size=20))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_names_can_be_entered_and_looked_up(names: list[str], wanted: str) -> None:
    labels = LabelTable("x")
    label = Label(None, DIPTERA, None)
    labels.add(names, names, label)
    assert labels.conflicts == labels.ambiguous == []
    labels.find_photo(wanted)
    for name in names:
        assert labels.find(name) == label


@pytest.mark.realdata
@needs_data
def test_the_lepidoptera_labels() -> None:
    said: list[str] = []
    labels = read_labels(DATA / "lepidoptera" / "photos.csv", said.append)
    assert said == []
    label = labels.find_photo(
        DATA / "lepidoptera" / "photos" / "Abrostola_triplasia" / "Abrostola_triplasia_00000.jpg"
    )
    assert label is not None
    assert label.lineage.species == "Abrostola triplasia"
