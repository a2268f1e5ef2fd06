"""Photos, barcodes and tables become examples with the right partners, names and splits."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.lineage import Lineage
from clibd_cli.training.example import Example
from clibd_cli.training.examples import Examples, read_examples
from tests.made_inputs import SPECIES, barcode_of, write_fasta, write_photos

A = "ACGTTGCAACGTTGCA"
B = "GGGTTGCAACGTTGCA"


class Told:
    live = False

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def begin(self, label: str, total: int | None) -> None: ...

    def advance(self, n: int = 1) -> None: ...

    def warn(self, message: str) -> None:
        self.warnings.append(message)


def write(path: Path, *rows: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def photo(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(path)
    return path


def shown(examples: list[Example]) -> list[tuple[str, str | None, str | None, str | None]]:
    return [
        (e.specimen_id, e.photo.name if e.photo else None, e.barcode, e.lineage.species)
        for e in examples
    ]


@pytest.fixture
def bioscan(tmp_path: Path) -> Path:
    """A table as BIOSCAN has it, with photos below other folders than it says."""
    for name in ("P1", "P2", "P3"):
        photo(tmp_path / "photos" / "train" / "0" / f"{name}.jpg")
    return write(
        tmp_path / "bioscan.csv",
        "processid,image_file,order,family,genus,species,dna_bin,dna_barcode,split",
        f"P1,P1.jpg,Diptera,Culicidae,Aedes,Aedes x,BOLD:AAA0001,{A},train",
        "P2,P2.jpg,Diptera,Culicidae,Aedes,not_classified,,not_classified,train",
        f"P4,P4.jpg,Diptera,Culicidae,Aedes,Aedes y,,{B},train",
        f"P3,P3.jpg,Diptera,Culicidae,Aedes,Aedes y,,{A},test",
    )


def test_a_bioscan_table_pairs_by_specimen(bioscan: Path) -> None:
    found = read_examples([bioscan], [bioscan.parent / "photos"])
    assert shown(found.train) == [
        ("P1", "P1.jpg", A, "Aedes x"),
        ("P2", "P2.jpg", None, None),
        ("P3", "P3.jpg", A, "Aedes y"),
        ("P4", None, B, "Aedes y"),
    ]
    assert found.train[0].bin_uri == "BOLD:AAA0001"
    assert found.train[1].lineage == Lineage("Diptera", "Culicidae", "Aedes")
    assert found.train[1].words == "Diptera Culicidae Aedes not_classified"
    assert [skip.reason for skip in found.skips] == ["no sequence"]
    assert (found.queries, found.keys) == ([], [])
    assert found.modalities == ("image", "dna", "text")


def test_a_split_within_the_table_leaves_the_test_out(bioscan: Path) -> None:
    found = read_examples([bioscan], [bioscan.parent / "photos"], split=bioscan)
    assert [e.specimen_id for e in found.train] == ["P1", "P2", "P4"]
    assert not found.keys + found.queries


def test_further_photos_of_a_specimen_get_its_barcode(tmp_path: Path) -> None:
    labels = write(
        tmp_path / "l.csv", "specimen_id,file,species", *(f"S,{n}.jpg,Aedes x" for n in "abc")
    )
    for name in "abc":
        photo(tmp_path / "photos" / f"{name}.jpg")
    fasta = write(tmp_path / "s.fasta", ">S", A, ">T", B)
    found = read_examples([fasta], [tmp_path / "photos"], labels)
    assert shown(found.train) == [
        ("S", "a.jpg", A, "Aedes x"),
        ("S", "b.jpg", A, "Aedes x"),
        ("S", "c.jpg", A, "Aedes x"),
        ("T", None, B, None),
    ]


def test_photo_and_barcode_complete_each_other(tmp_path: Path) -> None:
    fasta = write(tmp_path / "s.fasta", f">S|BOLD:AAA0001|COI-5P|Culicidae\n{A}")
    photo(tmp_path / "photos" / "S.png")
    write(tmp_path / "photos" / "p.csv", "file,order,genus", "S.png,Diptera,Aedes")
    (found,) = read_examples([fasta], [tmp_path / "photos"]).train
    assert found.lineage == Lineage("Diptera", "Culicidae", "Aedes")
    assert found.bin_uri == "BOLD:AAA0001"


def test_folders_of_raw_references_by_taxon(tmp_path: Path) -> None:
    refs = tmp_path / "refs"
    write_fasta(refs / "a.fasta", range(2), labels=True)
    write_fasta(refs / "b.fasta", range(1), prefix="t", labels=True)
    write_photos(refs / "photos", range(2))
    found = read_examples([refs], [refs], pairs="taxon")
    assert Counter(bool(e.photo) for e in found.train) == {True: 8, False: 8}
    assert all(not (e.photo and e.barcode) for e in found.train)
    assert {e.lineage for e in found.train} == set(SPECIES)


def test_equal_barcodes_are_one_row_under_the_best_name(tmp_path: Path) -> None:
    table = write(
        tmp_path / "b.tsv",
        "id\tfamily\tgenus\tspecies\tbin_uri\tnucleotides",
        f"a\tCulicidae\t\t\tBOLD:AAA0001\t{A}",
        f"b\tCulicidae\tAedes\tAedes x\t\tNN{A}N",
        f"c\tCulicidae\tAedes\tAedes y\t\t{A}",
        f"d\tCulicidae\tAedes\tAedes y\t\t{A.lower()}",
        f"e\t\t\t\t\t{B}",
    )
    found = read_examples([table], [], pairs="taxon")
    assert shown(found.train) == [("c", None, A, "Aedes y"), ("e", None, B, None)]
    assert found.train[0].bin_uri == "BOLD:AAA0001"
    assert len(read_examples([table], []).train) == 5


def test_a_table_of_splits_says_who_is_taught_asked_and_searched(tmp_path: Path) -> None:
    parts = ("pretrain", "train", "val", "val_unseen", "key_seen", "key_unseen", "test",
             "test_unseen", "other_heldout")  # fmt: skip
    fasta = write(tmp_path / "s.fasta", *(f">{part}\n{A}\n>{part}\n{A}" for part in parts), ">x", A)
    split = write(
        tmp_path / "split.csv",
        "specimen_id,split,seen,species",
        *(f"{p},{p},{'' if p == 'pretrain' else 'unseen' not in p},Aedes x" for p in parts),
    )
    told = Told()
    found = read_examples([fasta], [], split=[split], progress=told)
    assert [e.specimen_id for e in found.train] == ["pretrain"] * 2 + ["train"] * 2
    assert [(e.specimen_id, e.seen) for e in found.queries[::2]] == [
        ("val", True),
        ("val_unseen", False),
    ]
    assert [(e.specimen_id, e.seen) for e in found.keys[::2]] == [
        ("key_seen", True),
        ("key_unseen", False),
    ]
    assert {e.lineage.species for e in found.train} == {"Aedes x"}  # the split's, there is no other
    assert any("1 of 19 specimens are not in" in text for text in told.warnings)


def test_two_tables_of_splits(tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "a.fasta", range(2), labels=True)
    photos = write_photos(tmp_path / "photos", range(2))
    barcode_split = write(
        tmp_path / "b.csv",
        "specimen_id,split",
        *(f"s{n}-{i},{'train' if n < 3 else 'val'}" for n in range(4) for i in range(2)),
    )
    photo_split = write(
        tmp_path / "p.csv",
        "specimen_id,split",
        *(f"p{n}-{i},{'val_unseen' if n == 0 else 'train'}" for n in range(4) for i in range(2)),
    )
    told = Told()
    found = read_examples(
        [fasta], [photos], split=(barcode_split, photo_split), pairs="taxon", progress=told
    )
    assert Counter((e.photo is None, e.split) for e in found.train + found.queries) == {
        (True, "train"): 6,
        (True, "val"): 2,
        (False, "train"): 6,
        (False, "val"): 2,
    }
    assert [e.seen for e in found.queries if e.photo] == [False, False]
    assert any("1 species are unseen in one table and taught" in text for text in told.warnings)
    write(photo_split, "specimen_id,split", "s0-0,test", "p0-0,train")
    with pytest.raises(ClibdError, match="1 specimens have another split"):
        read_examples([fasta], [photos], split=(barcode_split, photo_split), pairs="taxon")


def test_the_split_table_labels_where_nothing_else_does(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "photos", range(1))
    (folder / "photos.csv").rename(tmp_path / "photos.csv")
    with (tmp_path / "photos.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    split = write(
        tmp_path / "split.csv",
        "specimen_id,split,species,file",
        *(f"{r['file'][:-4]},train,{r['species']},{r['file']}" for r in rows),
    )
    found = read_examples([], [folder], split=split)
    assert {e.lineage.species for e in found.train} == {s.species for s in SPECIES}


def test_unreadable_photos_are_skips_and_their_barcodes_stay(tmp_path: Path) -> None:
    for name in "ab":
        photo(tmp_path / "photos" / f"{name}.png")
    for name in "cd":
        write(tmp_path / "photos" / f"{name}.png", "no photo")
    fasta = write(tmp_path / "s.fasta", ">a", A, ">c", B)
    found = read_examples([fasta], [tmp_path / "photos"])
    assert shown(found.train) == [
        ("a", "a.png", A, None),
        ("b", "b.png", None, None),
        ("c", None, B, None),
    ]
    assert [skip.specimen_id for skip in found.skips] == ["c", "d"]
    assert "not an image" in found.skips[0].reason
    unchecked = read_examples([fasta], [tmp_path / "photos"], check_photos=False)
    assert sum(e.photo is not None for e in unchecked.train) == 4


def test_labels_of_examples() -> None:
    x = Lineage("O", "F", "G", "G s")
    full = Example("i", None, A, x, "BOLD:AAA0001")
    assert full.label("species") == "G s"
    assert full.label("bin") == "BOLD:AAA0001"
    bare = Example("i", None, A)
    assert bare.label("specimen") == bare.label("species") == bare.label("bin")
    assert full.label("specimen") == bare.label("specimen")
    assert Example("j", None, A, Lineage("O")).label("species") == "specimen j"
    assert Example("j", None, A, x).label("bin") == "specimen j"


def test_what_cannot_be_trained_on(tmp_path: Path) -> None:
    fasta = write(tmp_path / "s.fasta", ">S", A)
    photos = photo(tmp_path / "photos" / "P.png").parent
    with pytest.raises(ClibdError, match=r"no specimen has both a photo \(P …\) and a barcode"):
        read_examples([fasta], [photos])
    told = Told()
    read_examples([fasta], [photos], pairs="taxon", progress=told)
    assert "no species has both" in told.warnings[-1]
    with pytest.raises(UsageError, match="is no photo"):
        read_examples([], [fasta])
    with pytest.raises(ClibdError, match="holds no barcodes"):
        read_examples([photos], [])
    for dna, pictures in ((["gone.fasta"], []), ([], ["gone"])):
        with pytest.raises(ClibdError, match="does not exist"):
            read_examples(dna, pictures)
    split = write(tmp_path / "split.csv", "specimen_id,split", "Z,train", "S,test")
    with pytest.raises(ClibdError, match="no specimen is left to train on in"):
        read_examples([fasta], [], split=split)
    write(split, "specimen_id,split", "Z,train")
    with pytest.raises(ClibdError, match="none of the 1 specimens is in"):
        read_examples([fasta], [], split=split)
    for lines, why in (
        ([">S", "ACG"], "short.fasta#record 1 (S): "),
        ([], "short.fasta: no records"),
    ):
        short = write(tmp_path / "short.fasta", *lines)
        for more in (None, split):
            with pytest.raises(ClibdError, match=r"nothing to train on in .*short\.fasta") as told:
                read_examples([short], [], split=more)
            assert why in str(told.value.hint)
            assert "split" not in str(told.value.hint)


def test_labels_that_contradict_each_other_are_told(tmp_path: Path) -> None:
    fasta = write(tmp_path / "s.fasta", ">a", A, ">b", B)
    labels = write(tmp_path / "n.csv", "id,family,genus", "a,Fidae,Genus", "b,Xidae,Genus")
    told = Told()
    assert len(read_examples([fasta], [], labels, progress=told).train) == 2
    (warning,) = told.warnings
    assert "1 (genus Genus is in 2 families: Fidae (1, such as a), Xidae (1, such as b))" in warning


def test_equal_barcodes_are_kept_in_memory_once(tmp_path: Path) -> None:
    fasta = write(tmp_path / "s.fasta", *(f">{n}\n{barcode_of(0)}" for n in range(3)))
    assert len({id(e.barcode) for e in read_examples([fasta], []).train}) == 1


@pytest.mark.realdata
def test_real_photos_and_barcodes_by_taxon(shared_data: Path) -> None:
    photos = shared_data / "lepidoptera"
    found = read_examples(
        [shared_data / "bold_tsv" / "bold_v5_odonata_norway.tsv"],
        [photos / "photos"],
        photos / "photos.csv",
        pairs="taxon",
        check_photos=False,
    )
    assert isinstance(found, Examples)
    pictures = [e for e in found.train if e.photo]
    assert len(pictures) == 6146
    assert len({e.lineage.species for e in pictures}) == 251
    assert 10 < sum(e.barcode is not None for e in found.train) <= 85


def test_it_is_said_where_validations_search_what_was_taught(tmp_path: Path) -> None:
    for name in "ab":
        photo(tmp_path / "photos" / f"{name}.png")
    fasta = write(tmp_path / "s.fasta", ">a", A, ">b", B, ">k", A)
    rows = ("specimen_id,split,species", "a,train,G s", "b,val,G s", "k,key,G s")
    split = write(tmp_path / "split.csv", *rows)
    told = Told()
    found = read_examples([fasta], [tmp_path / "photos"], split=split, progress=told)
    assert [e.specimen_id for e in found.searched("dna")] == ["k"]
    assert [m for m in told.warnings if "is a key" in m] == [
        "no photo is a key in the split: validations search the taught photos"
    ]
