from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

import pytest

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.lineage import Lineage
from clibd_cli.core.records import Skip, Specimen
from clibd_cli.io.labels import read_labels
from clibd_cli.io.photo_files import find_photos, visible_files
from tests.io.shared_data import DATA, needs_data

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX file names or links")


def tree(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def ids(*roots: Path, **options: object) -> list[str]:
    return [record.specimen_id for record in find_photos(roots, **options)]  # type: ignore[arg-type]


def test_ids_are_paths_without_suffix_in_the_order_of_names(tmp_path: Path) -> None:
    tree(tmp_path, "b/2.png", "b/1.JPG", "a.tif", "c/d/e.f.jpeg", "notes.txt", "labels.csv", "x")
    assert ids(tmp_path) == ["a", "b/1", "b/2", "c/d/e.f"]
    first = next(iter(find_photos([tmp_path])))
    assert first == Specimen("a", "image", str(tmp_path / "a.tif"), str(tmp_path / "a.tif"))


def test_what_systems_leave_behind_is_ignored(tmp_path: Path) -> None:
    tree(
        tmp_path,
        ".hidden.jpg",
        "._a.jpg",
        ".git/a.jpg",
        "Thumbs.db",
        "@eaDir/a.jpg",
        "__MACOSX/a.jpg",
        "a.jpg",
    )
    assert ids(tmp_path) == ["a"]


def test_same_names_stay_apart(tmp_path: Path) -> None:
    tree(tmp_path, "p1/a.jpg", "p1/a.png", "p2/a.jpg")
    assert ids(tmp_path) == ["p1/a", "p1/a#2", "p2/a"]
    said: list[str] = []
    assert ids(tmp_path / "p1", tmp_path / "p2", warn=said.append) == ["a", "a#2", "a#3"]
    assert len(said) == 1


def test_a_file_given_by_name_is_always_tried(tmp_path: Path) -> None:
    tree(tmp_path, "photo.dat", ".odd")
    assert ids(tmp_path / "photo.dat", tmp_path / ".odd") == ["photo", ".odd"]


def test_camera_raw_files_are_skips(tmp_path: Path) -> None:
    tree(tmp_path, "a.CR2", "b.jpg")
    skip, specimen = find_photos([tmp_path])
    assert isinstance(skip, Skip)
    assert skip.specimen_id == "a"
    assert "export it as JPEG" in skip.reason
    assert specimen.specimen_id == "b"


def test_a_folder_without_photos_is_a_skip(tmp_path: Path) -> None:
    tree(tmp_path, "notes.txt")
    assert list(find_photos([tmp_path])) == [Skip(str(tmp_path), "", "no photos in it")]


def test_the_same_folder_twice_is_read_once(tmp_path: Path) -> None:
    tree(tmp_path, "sub/a.jpg")
    _, again = find_photos([tmp_path, tmp_path / "sub"])
    assert again == Skip(str(tmp_path / "sub"), "", "the folder has been read before")


STORES = (
    "x.embeddings/a.jpg",
    "s/part-000000.parquet",
    "s/a.jpg",
    "t/shard-1-of-2/b.jpg",
    "t/a.jpg",
)
INDEX = ("i/index.json", "i/keys.parquet", "i/a.jpg")


def test_stores_and_indexes_are_passed_over(tmp_path: Path) -> None:
    tree(tmp_path, *STORES, *INDEX, "a.jpg", "g/index.json", "g/a.jpg")
    assert ids(tmp_path) == ["a", "g/a"]
    assert ids(tmp_path / "x.embeddings") == ["a"]  # given by name


def test_a_missing_root_is_an_error_before_the_first_photo(tmp_path: Path) -> None:
    tree(tmp_path, "a.jpg")
    with pytest.raises(ClibdError, match="nowhere does not exist"):
        next(find_photos([tmp_path, tmp_path / "nowhere"]))


@posix_only
def test_loops_of_links_end(tmp_path: Path) -> None:
    tree(tmp_path, "a/1.jpg", "b/2.jpg")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "b" / "self").symlink_to(tmp_path / "b")
    assert ids(tmp_path) == ["a/1", "b/2"]


@posix_only
def test_linked_folders_and_dangling_links(tmp_path: Path) -> None:
    tree(tmp_path, "elsewhere/1.jpg", "photos/0.jpg")
    (tmp_path / "photos" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "photos" / "gone.jpg").symlink_to(tmp_path / "nothing.jpg")
    assert ids(tmp_path / "photos") == ["0", "gone", "linked/1"]


@posix_only
def test_an_unreadable_folder_is_a_skip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, "a/1.jpg", "b/2.jpg")
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "a":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    skip, photo = find_photos([tmp_path])
    assert skip == Skip(str(tmp_path / "a"), "", "the folder cannot be read: Permission denied")
    assert photo.specimen_id == "b/2"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_not_utf8_can_be_opened_and_shown(tmp_path: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9\n1.jpg")  # noqa: PTH118
    with open(path, "wb"):  # noqa: PTH123
        pass
    (specimen,) = find_photos([tmp_path])
    assert isinstance(specimen, Specimen)
    assert specimen.specimen_id == "caf\ufffd 1"
    assert specimen.source == f"{tmp_path}/caf\ufffd 1.jpg"
    assert Path(specimen.content).exists()


@posix_only
def test_very_deep_folders(tmp_path: Path) -> None:
    limit = 150 + len(traceback.extract_stack())
    deep = tmp_path
    for _ in range(250):
        deep /= "d"
        deep.mkdir()
    (deep / "a.jpg").touch()
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(limit)
    try:
        found = ids(tmp_path)
    finally:
        sys.setrecursionlimit(before)
    assert found == ["d/" * 250 + "a"]


def test_labels_give_id_lineage_and_bin(tmp_path: Path) -> None:
    tree(tmp_path, "photos/p1/1.jpg", "photos/p1/2.jpg", "photos/p2/1.jpg")
    table = tmp_path / "labels.csv"
    table.write_text(
        "file,processid,order,bin_uri\np1/1.jpg,AB1,Diptera,BOLD:AAA0001\np2/1.jpg,AB1,Diptera,\n",
        encoding="utf-8",
    )
    said: list[str] = []
    first, second, third = find_photos([tmp_path / "photos"], read_labels(table), said.append)
    path = str(tmp_path / "photos" / "p1" / "1.jpg")
    assert first == Specimen("AB1", "image", path, path, Lineage("Diptera"), "BOLD:AAA0001")
    assert second.specimen_id == "p1/2"
    assert third.specimen_id == "AB1#2"
    assert said[1] == f"1 of 3 photos are not in {table}: p1/2"


def test_a_bare_name_that_two_photos_have_labels_neither(tmp_path: Path) -> None:
    tree(tmp_path, "day1/IMG_1.jpg", "day2/IMG_1.jpg", "day2/IMG_2.jpg")
    table = tmp_path / "labels.csv"
    table.write_text("file,order\nIMG_1.jpg,Diptera\nIMG_2.jpg,Diptera\n", encoding="utf-8")
    orders = [photo.lineage.order for photo in find_photos([tmp_path], read_labels(table))]  # type: ignore[union-attr]
    assert orders == [None, None, "Diptera"]


def test_an_id_labels_every_photo_of_its_specimen(tmp_path: Path) -> None:
    tree(tmp_path, "dorsal/AB1-20.jpg", "lateral/AB1-20.jpg")
    table = tmp_path / "labels.csv"
    table.write_text("processid,order\nAB1-20,Diptera\n", encoding="utf-8")
    photos = list(find_photos([tmp_path], read_labels(table)))
    assert [photo.specimen_id for photo in photos] == ["AB1-20", "AB1-20#2"]


def test_visible_files_are_all_but_hidden_ones(tmp_path: Path) -> None:
    tree(tmp_path, "b.txt", "a/1.jpg", ".x")
    assert list(visible_files(tmp_path)) == [tmp_path / "a" / "1.jpg", tmp_path / "b.txt"]


@pytest.mark.realdata
@needs_data
def test_the_lepidoptera_photos_all_have_labels() -> None:
    labels = read_labels(DATA / "lepidoptera" / "photos.csv")
    for root in ("lepidoptera/photos", "lepidoptera"):
        said: list[str] = []
        photos = list(find_photos([DATA / root], labels, said.append))
        assert said == []
        assert len(photos) == 6146
        assert all(isinstance(photo, Specimen) and photo.lineage.species for photo in photos)


@pytest.mark.realdata
@needs_data
def test_the_bioscan_photos() -> None:
    photos = ids(DATA / "bioscan_photos")
    assert len(photos) == 80
    assert sum(name.startswith("bad/") for name in photos) == 20
