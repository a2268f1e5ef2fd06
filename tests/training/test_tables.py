"""Whatever users call a table of specimens is read, with the ids that `embed` gives."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.lineage import Lineage
from clibd_cli.core.records import Skip
from clibd_cli.io.labels import read_labels
from clibd_cli.training.tables import Source, look_at, read_into
from clibd_cli.training.units import Collection, Entry

X = Lineage("Diptera", "Culicidae", "Aedes", "Aedes x")
SEQUENCE = "ACGTTGCAACGTTGCA"


def write(path: Path, *rows: str) -> str:
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return str(path)


def read(
    names: list[str], labels: str | None = None
) -> tuple[Collection, list[Skip], list[str], list[Source]]:
    sources, warnings = look_at(names), []
    table = read_labels(labels) if labels else None
    collection = Collection(by_barcode=True)
    records = list(read_into(collection, sources, table, 10, warnings.append))
    return collection, [r for r in records if isinstance(r, Skip)], warnings, sources


def test_a_table_of_barcodes(tmp_path: Path) -> None:
    table = write(
        tmp_path / "b.tsv",
        "processid\torder\tfamily\tgenus\tspecies\tbin_uri\tnucleotides",
        f"P1\tDiptera\tCulicidae\tAedes\tAedes x\tBOLD:AAA0001\t{SEQUENCE}",
        f"\tDiptera\t\t\t\t\t{SEQUENCE}",
        "P2\tDiptera\t\t\t\t\t",
        f"P1\tDiptera\tCulicidae\tAedes\tAedes x\t\t{SEQUENCE}A",
    )
    collection, skips, warnings, sources = read([table])
    assert sources == [Source(table, True, False)]
    assert list(collection) == [Entry("P1", X, "BOLD:AAA0001", None), Entry("P1#2", X, None, None)]
    assert len(collection.units().names) == 1
    assert [(s.specimen_id, s.reason) for s in skips] == [
        ("", "the record has no id"),
        ("P2", "no sequence"),
    ]
    assert "P1#2" in warnings[0]


def test_a_table_of_photos_without_ids(tmp_path: Path) -> None:
    table = write(
        tmp_path / "photos.csv",
        "file,order,family,genus,species",
        "plate1/A01.jpg,Diptera,Culicidae,Aedes,Aedes x",
        ".\\plate1\\A02.v2.JPG,Diptera,Culicidae,Aedes,",
        "/data/../plate2/A01,,,,",
        ",Diptera,,,",
    )
    collection, skips, _, sources = read([table])
    assert sources == [Source(table, False, True)]
    assert [(e.specimen_id, e.file) for e in collection] == [
        ("plate1/A01", "plate1/A01.jpg"),
        ("plate1/A02.v2", ".\\plate1\\A02.v2.JPG"),
        ("data/plate2/A01", "/data/../plate2/A01"),
    ]
    assert [skip.source for skip in skips] == [f"{table}#line 5"]


def test_several_photos_of_one_specimen_are_one_unit(tmp_path: Path) -> None:
    table = write(
        tmp_path / "photos.csv", "specimen_id,file,species", *(f"S,{n}.jpg,Aedes x" for n in "abc")
    )
    collection, _, warnings, _ = read([table])
    assert [entry.specimen_id for entry in collection] == ["S", "S#2", "S#3"]
    assert collection.units().names == ["S"]
    assert "repeated ids among the photos: 2" in warnings[0]


def test_photos_and_barcodes_in_one_table(tmp_path: Path) -> None:
    table = write(
        tmp_path / "bioscan.tsv",
        "processid\timage_file\tspecies\tnucraw",
        f"P1\tP1.jpg\tAedes x\t{SEQUENCE}",
        "P2\tP2.jpg\tAedes x\tnot_classified",
        f"P3\t\tAedes x\t{SEQUENCE}A",
        "P4\t\tAedes x\tACG",
        f"\tP5.jpg\tAedes x\t{SEQUENCE}",
        "too\tfew",
    )
    collection, skips, _, sources = read([table])
    assert sources == [Source(table, True, True)]
    assert [(e.specimen_id, e.file) for e in collection] == [
        ("P1", "P1.jpg"),
        ("P3", None),
        ("P2", "P2.jpg"),
    ]
    assert collection.units().barcoded == [True, True, False]
    reasons = {skip.specimen_id or skip.source.rpartition("#")[2]: skip.reason for skip in skips}
    assert len(skips) == len(reasons) == 3
    assert reasons["P4"].startswith("too short")
    assert reasons["line 6"] == "the record has no id"
    assert reasons["line 7"].startswith("2 cells")


def test_photos_and_barcodes_in_two_tables_with_labels_in_a_third(tmp_path: Path) -> None:
    fasta = write(tmp_path / "a.fasta", f">S1\n{SEQUENCE}", f">S2\n{SEQUENCE}A")
    photos = write(tmp_path / "p.csv", "specimen_id,file", "S1,one.jpg", "S3,three.jpg")
    labels = write(tmp_path / "l.csv", "specimen_id,genus,species", "S1,Aedes,Aedes x")
    collection, _, warnings, _ = read([fasta, photos], labels)
    genus = Lineage(None, None, "Aedes", "Aedes x")
    assert list(collection) == [
        Entry("S1", genus, None, "one.jpg"),
        Entry("S2", Lineage(), None, None),
        Entry("S3", Lineage(), None, "three.jpg"),
    ]
    assert len(warnings) == 2
    assert "S3" in warnings[1]


def test_a_table_of_names_alone(tmp_path: Path) -> None:
    table = write(tmp_path / "n.csv", "id,taxon", "a,o__Diptera;g__Aedes", ",x")
    collection, skips, _, _ = read([table])
    assert list(collection) == [Entry("a", Lineage("Diptera", None, "Aedes"), None, None)]
    assert [skip.reason for skip in skips] == ["the row has neither an id nor a photo"]


def test_a_table_that_breaks_off(tmp_path: Path) -> None:
    rows = "".join(f"{n}.jpg,Aedes s{n}\n" for n in range(20_000))
    path = tmp_path / "p.csv.gz"
    path.write_bytes(gzip.compress(f"file,species\n{rows}".encode())[:-5_000])
    collection, skips, _, _ = read([str(path)])
    assert 100 < len(collection) < 20_000
    assert "lost" in skips[-1].reason


@pytest.mark.parametrize(
    ("text", "says"), [("", "is empty"), ("a,b\n1,2\n", "Columns found: a, b")]
)
def test_no_table_of_specimens(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ClibdError, match=says):
        look_at([str(path)])
    with pytest.raises(ClibdError, match="does not exist"):
        look_at([str(tmp_path / "gone.csv")])


def test_standard_input_is_barcodes() -> None:
    assert look_at(["-"]) == [Source("-", True, False)]
