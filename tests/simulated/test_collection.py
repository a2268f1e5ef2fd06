"""The collection on disk: layout, labels, what is wrong with it on purpose, and safety."""

import csv
import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.simulated.collection import Collection, write_collection


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    folder = tmp_path_factory.mktemp("collection") / "demo"
    return write_collection(folder, seed=7, references_per_species=2, queries_per_species=1)


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def records(path: Path) -> dict[str, str]:
    entries = path.read_text(encoding="utf-8").split(">")[1:]
    return {entry.split("\n", 1)[0]: entry.split("\n", 1)[1].replace("\n", "") for entry in entries}


def test_layout_and_counts(made: Collection) -> None:
    assert (made.n_species, made.n_unseen_species) == (48, 10)
    assert (made.n_references, made.n_queries) == (76, 48)
    assert {path.name for path in made.folder.iterdir()} == {
        "refs", "photos", "samples.fasta", "truth.csv", "README.txt",
    }  # fmt: skip
    assert len(list((made.references / "photos").iterdir())) == 76
    ids = [path.stem for path in sorted(made.photos.iterdir())]
    assert ids == list(records(made.samples)) == [row["specimen_id"] for row in table(made.truth)]


def test_reference_labels_agree_between_headers_and_table(made: Collection) -> None:
    rows = table(made.references / "photos.csv")
    assert list(rows[0]) == ["file", "specimen_id", "order", "family", "genus", "species"]
    headers = list(records(made.references / "barcodes.fasta"))
    for row, header in zip(rows, headers, strict=True):
        assert (made.references / row["file"]).is_file()
        assert header == (
            f"{row['specimen_id']};tax=k:Simulata,o:{row['order']},f:{row['family']},"
            f"g:{row['genus']},s:{row['species'].replace(' ', '_')};"
        )
        assert row["species"].startswith(row["genus"] + " ")


def test_unseen_species_have_no_reference_but_their_genus_has(made: Collection) -> None:
    references, truth = table(made.references / "photos.csv"), table(made.truth)
    species, genera = ({row[rank] for row in references} for rank in ("species", "genus"))
    assert {row["species"] for row in truth if row["seen"] == "true"} == species
    unseen = [row for row in truth if row["seen"] == "false"]
    assert len({row["species"] for row in unseen}) == 10
    assert not {row["species"] for row in unseen} & species
    assert {row["genus"] for row in unseen} <= genera
    assert len({row["genus"] for row in unseen}) == 10


def test_one_photo_and_one_barcode_of_two_specimens_are_no_good(made: Collection) -> None:
    assert made.broken_photo != made.failed_barcode
    for path in made.photos.iterdir():
        with Image.open(path) as photo:
            if path.stem == made.broken_photo:
                with pytest.raises(OSError, match="truncated"):
                    photo.load()
            else:
                photo.load()
    short = {name for name, read in records(made.samples).items() if len(read) < 100}
    assert short == {made.failed_barcode}


def test_everything_says_that_it_is_simulated(made: Collection) -> None:
    text = made.readme.read_text(encoding="utf-8")
    assert "SIMULATED" in text and "seed 7" in text and "clibd 0." in text
    assert made.broken_photo in text and made.failed_barcode in text
    with Image.open(next(made.photos.iterdir())) as photo:
        assert "Simulated" in photo.getexif()[0x010E]


def test_ids_do_not_tell_the_species(made: Collection) -> None:
    names = [row["species"] for row in table(made.truth)]
    assert names != sorted(names) and len(set(names[:12])) > 6
    orders = Counter(row["order"] for row in table(made.truth)[:24])
    assert len(orders) == 4


def test_a_kmer_nearest_neighbour_names_the_barcodes(made: Collection) -> None:
    labels = {row["specimen_id"]: row for row in table(made.references / "photos.csv")}
    headers, reads = zip(*records(made.references / "barcodes.fasta").items(), strict=True)
    keys = np.array([kmers(read) for read in reads])
    right: dict[tuple[str, str], list[bool]] = {}
    for row, read in zip(table(made.truth), records(made.samples).values(), strict=True):
        if row["specimen_id"] == made.failed_barcode:
            continue
        found = labels[headers[int((keys @ kmers(read)).argmax())].split(";")[0]]
        for rank in ("genus", "species"):
            right.setdefault((rank, row["seen"]), []).append(found[rank] == row[rank])
    assert np.mean(right["species", "true"]) >= 0.97
    assert np.mean(right["genus", "false"]) >= 0.9


def kmers(read: str, k: int = 5) -> np.ndarray:
    codes = np.array(["ACGT".find(base) for base in read.upper().replace("-", "")])
    windows = np.lib.stride_tricks.sliding_window_view(codes, k)
    known = windows[(windows >= 0).all(axis=1)]
    counts = np.bincount(known @ 4 ** np.arange(k), minlength=4**k).astype(float)
    return counts / np.linalg.norm(counts)


def test_writing_again_refreshes_and_keeps_what_is_not_its_own(made: Collection) -> None:
    before = digests(made.folder)
    (made.folder / "results.csv").write_text("mine", encoding="utf-8")
    (made.photos / "holiday.jpg").write_bytes(b"mine too")
    (made.photos / "SIMQ9999.jpg").write_bytes(b"of a larger run")
    made.truth.unlink()
    made.samples.write_text("spoiled", encoding="utf-8")
    again = write_collection(made.folder, 7, references_per_species=2, queries_per_species=1)
    assert again == made
    after = digests(made.folder)
    assert after.pop("results.csv") and after.pop("photos/holiday.jpg")
    assert after == before
    (made.folder / "results.csv").unlink()
    (made.photos / "holiday.jpg").unlink()


def test_another_seed_gives_another_collection(made: Collection, tmp_path: Path) -> None:
    other = write_collection(tmp_path, 8, references_per_species=1, queries_per_species=1)
    shared = digests(made.folder).items() & digests(other.folder).items()
    assert not shared


def test_a_folder_with_other_files_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "README.txt").write_text("my thesis", encoding="utf-8")
    with pytest.raises(ClibdError, match="not simulated by clibd") as caught:
        write_collection(tmp_path)
    assert caught.value.hint
    assert digests(tmp_path).keys() == {"README.txt"}


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("x", encoding="utf-8")
    with pytest.raises(ClibdError, match="is a file"):
        write_collection(tmp_path / "demo")


def test_senseless_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        write_collection(tmp_path / "a", references_per_species=0)
    with pytest.raises(UsageError):
        write_collection(tmp_path / "a", seed=-1)
    assert not (tmp_path / "a").exists()


def test_progress_counts_every_photo(tmp_path: Path) -> None:
    listener = Counted()
    made = write_collection(tmp_path, 7, 1, 1, progress=listener)
    assert listener.total == listener.done == made.n_references + made.n_queries


class Counted:
    def __init__(self) -> None:
        self.total: int | None = None
        self.done = 0

    def begin(self, label: str, total: int | None) -> None:
        assert label
        self.total = total

    def advance(self, n: int = 1) -> None:
        self.done += n

    def warn(self, message: str) -> None:
        raise AssertionError(message)
