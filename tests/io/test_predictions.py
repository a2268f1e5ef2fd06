"""Tables of names: columns under many names, candidates in two forms, cells cleaned as labels."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from clibd_cli.core.errors import ClibdError
from clibd_cli.io.predictions import NameTable, clean_ids, read_predictions, read_truth


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    return path


def names(table: NameTable, rank: str) -> dict[str, list[str | None]]:
    """The candidates of each specimen at a rank, in words."""
    codes = table.ranks[rank]
    words = [[None if c < 0 else codes.names[c] for c in row] for row in codes.codes.tolist()]
    return dict(zip(table.ids.to_pylist(), words, strict=True))


def test_results_of_classify(tmp_path: Path) -> None:
    table = read_predictions(
        write(
            tmp_path,
            "specimen_id,order,family,genus,species,rank,confidence_order,nearest_species\n"
            "a,Diptera,Culicidae,Aedes,Aedes aegypti,species,0.9,Aedes albopictus\n"
            "'=b,Diptera,,,,order,0.8,\n",
        )
    )
    assert names(table, "species") == {"a": ["Aedes aegypti"], "=b": [None]}
    assert names(table, "order") == {"a": ["Diptera"], "=b": ["Diptera"]}
    assert set(table.ranks) == {"order", "family", "genus", "species"}


def test_cells_are_cleaned_as_labels_are(tmp_path: Path) -> None:
    table = read_truth(
        write(
            tmp_path,
            "processid,order,genus,species_name\n"
            "1,  NA ,Aedes,aegypti\n"
            "2,not_classified,Aedes,Aedes sp.\n"
            '3,"Dip\ttera",,"Aedes  aegypti"\n'
            "4,None,Megaselia,Megaselia sp. TX16\n",
        )
    )
    assert names(table, "species") == {
        "1": ["Aedes aegypti"],
        "2": [None],
        "3": ["Aedes aegypti"],
        "4": ["Megaselia sp. TX16"],
    }
    assert names(table, "order") == {"1": [None], "2": [None], "3": ["Dip tera"], "4": [None]}
    # A blank genus in a table that has genera is a blank.
    assert names(table, "genus")["3"] == [None]


def test_genera_come_from_species_where_no_column_has_them(tmp_path: Path) -> None:
    table = read_truth(write(tmp_path, "id,species\n1,Aedes aegypti\n2,sp12\n3,\n"))
    assert names(table, "genus") == {"1": ["Aedes"], "2": [None], "3": [None]}


def test_codes_are_not_taken_for_epithets(tmp_path: Path) -> None:
    table = read_truth(write(tmp_path, "id,genus,species\n1,g1,s1\n2,g2,s1\n"))
    assert names(table, "species") == {"1": ["s1"], "2": ["s1"]}


def test_candidates_in_columns(tmp_path: Path) -> None:
    table = read_predictions(
        write(tmp_path, "id,genus,species,species_2,species_4,genus_2\na,G,G a,G b,G d,H\nb,,,,,\n")
    )
    assert names(table, "species") == {"a": ["G a", "G b", None, "G d"], "b": [None] * 4}
    assert names(table, "genus") == {"a": ["G", "H"], "b": [None, None]}


def test_candidates_in_rows(tmp_path: Path) -> None:
    table = read_predictions(
        write(
            tmp_path,
            "query_id,query_modality,position,key_id,order,species\n"
            "a,dna,2,k2,Diptera,G b\n"
            "a,dna,1,k1,Odonata,G a\n"
            "b,dna,1,k1,Odonata,\n"
            "b,dna,3,k3,Odonata,G c\n"
            "b,dna,9,k9,Odonata,G z\n",
        )
    )
    assert names(table, "species") == {"a": ["G a", "G b", None], "b": [None, None, "G c"]}
    assert names(table, "order")["a"] == ["Odonata", "Diptera", None]


def test_a_position_on_a_plate_is_no_candidate(tmp_path: Path) -> None:
    table = read_predictions(write(tmp_path, "id,position,order\na,7,Diptera\nb,B2,Odonata\n"))
    assert names(table, "order") == {"a": ["Diptera"], "b": ["Odonata"]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,order\na,x\na,x\n", "1 specimen ids more than once: a"),
        ("id,position,order\na,1,x\na,1,y\n", "position 1 of a more than once"),
        ("id,position,order\na,0,x\na,1,y\n", "below 1"),
        ("id,position,order\na,first,x\na,1,y\n", "no number"),
        ("id,name\na,x\n", "no column with names"),
        ("who,order\na,x\n", "no column with ids"),
        ("", "is empty"),
    ],
)
def test_what_cannot_be_used(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ClibdError, match=says):
        read_predictions(write(tmp_path, text))


def test_truth_has_one_row_a_specimen(tmp_path: Path) -> None:
    with pytest.raises(ClibdError, match="more than once"):
        read_truth(write(tmp_path, "id,position,order\na,1,x\na,2,y\n"))


def test_rows_without_an_id_are_counted_and_blank_ones_are_not(tmp_path: Path) -> None:
    table = read_truth(write(tmp_path, "id,order\na,Diptera\n,Odonata\n , \n,\n"))
    assert (table.ids.to_pylist(), table.unreadable) == (["a"], 1)


def test_photo_files_are_ids_without_their_suffix(tmp_path: Path) -> None:
    table = read_truth(
        write(tmp_path, "file,order\n./x/1.jpg,Diptera\nx\\2.JPEG,Odonata\ny/1.2,Diptera\n")
    )
    assert table.ids.to_pylist() == ["x/1", "x/2", "y/1.2"]


def test_ids_are_compared_in_one_form() -> None:
    raw = pa.chunked_array([[" a\u00a0 b", "'quoted'", "e\u0301", "", None, "\t"]])
    assert clean_ids(raw).to_pylist() == ["a b", "'quoted'", "é", None, None, None]
