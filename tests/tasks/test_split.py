"""`clibd split` as a Python call: the files it writes and what it refuses."""

from __future__ import annotations

import csv
import json
import random
from collections import defaultdict
from pathlib import Path

import pytest

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.io.labels import read_labels
from clibd_cli.tasks.split import SPLIT_COLUMNS, UNIT_KINDS, SplitSummary, split
from clibd_cli.training.consistency import InconsistentLabelsError
from clibd_cli.training.partition import Ratios

HEADER = ("processid", "order", "family", "genus", "species", "bin_uri", "nucleotides")


class Listener:
    live = False

    def __init__(self) -> None:
        self.done = 0
        self.warnings: list[str] = []

    def begin(self, label: str, total: int | None) -> None:
        assert label

    def advance(self, n: int = 1) -> None:
        self.done += n

    def warn(self, message: str) -> None:
        self.warnings.append(message)


def made_rows(species: int = 12, haplotypes: int = 12, copies: int = 3) -> list[tuple[str, ...]]:
    """Specimens with repeated barcodes, some without a species."""
    rng = random.Random(5)
    rows = []
    for s in range(species):
        lineage = ("Diptera", f"F{s // 4}idae", f"Genus{s // 2}", f"Genus{s // 2} species{s}")
        for h in range(haplotypes if s % 3 else 4):
            barcode = "".join(rng.choice("ACGT") for _ in range(60))
            for c in range(copies):
                labels = lineage if c else (*lineage[:3], "")
                rows.append((f"S{s}-{h}-{c}", *labels, f"BOLD:AAA{s:04}", barcode))
    return rows


def write_table(path: Path, rows: list[tuple[str, ...]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, delimiter="\t").writerows([HEADER, *rows])
    return path


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_table(tmp_path / "specimens.tsv", made_rows())


def test_the_files_that_are_written(table: Path, tmp_path: Path) -> None:
    listener = Listener()
    done = split([table], tmp_path / "out" / "s.csv", command="clibd split", progress=listener)
    rows = read_table(tmp_path / "out" / "s.csv")
    assert tuple(rows[0]) == SPLIT_COLUMNS
    assert [row["specimen_id"] for row in rows] == [row[0] for row in made_rows()]
    assert {row["seen"] for row in rows if not row["species"]} == {""}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "s.csv",
        "s.run.json",
        "s.skipped.csv",
    ]
    log = json.loads((tmp_path / "out" / "s.run.json").read_text(encoding="utf-8"))
    assert (log["command"], log["by"], log["n"], log["inconsistent"]) == (
        "clibd split", "barcode", len(rows), 0
    )  # fmt: skip
    assert (done.n, done.skipped, done.units, done.barcodes) == (len(rows), 0, 112, 112)
    assert done.seen_species + done.unseen_species == 12
    assert sum(part.specimens for part in done.parts) == done.n
    assert listener.done == done.n
    assert not listener.warnings


def test_no_barcode_straddles_and_no_unseen_species_trains(table: Path, tmp_path: Path) -> None:
    split([table], tmp_path / "s.csv")
    rows = read_table(tmp_path / "s.csv")
    barcodes = {row[0]: row[-1] for row in made_rows()}
    splits = defaultdict(set)
    for row in rows:
        splits[barcodes[row["specimen_id"]]].add(row["split"])
    assert {len(names) for names in splits.values()} == {1}
    trained = {row["species"] for row in rows if row["split"] in ("train", "pretrain")} - {""}
    for row in rows:
        if row["species"]:
            assert row["seen"] == str(row["species"] in trained).lower()
        if row["split"].endswith("_unseen"):
            assert row["species"] not in trained
    assert {row["split"] for row in rows} == {
        "train", "key_seen", "val", "test", "key_unseen", "val_unseen", "test_unseen"
    }  # fmt: skip


def test_the_order_of_the_rows_does_not_matter_and_the_seed_does(
    table: Path, tmp_path: Path
) -> None:
    rows = made_rows()
    random.Random(1).shuffle(rows)
    shuffled = write_table(tmp_path / "shuffled.tsv", rows)

    def drawn(source: Path, seed: int) -> dict[str, str]:
        split([source], tmp_path / "s.csv", seed=seed)
        return {row["specimen_id"]: row["split"] for row in read_table(tmp_path / "s.csv")}

    assert drawn(table, 3) == drawn(shuffled, 3)
    assert drawn(table, 3) != drawn(table, 4)


def test_the_same_command_gives_the_same_bytes(table: Path, tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        split([table], tmp_path / name)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_by_specimen_is_the_papers(table: Path, tmp_path: Path) -> None:
    done = split([table], tmp_path / "s.csv", by="specimen")
    assert (done.by, done.units) == ("specimen", done.n)
    unnamed = [row for row in read_table(tmp_path / "s.csv") if not row["species"]]
    assert {row["split"] for row in unnamed} == {"pretrain"}


def test_ratios(table: Path, tmp_path: Path) -> None:
    ratios = Ratios(min_seen=4, seen_species=1, specimens=(1, 0, 1, 0))
    listener = Listener()
    split([table], tmp_path / "s.csv", ratios=ratios, progress=listener)
    assert {row["split"] for row in read_table(tmp_path / "s.csv")} == {"train", "test"}
    assert len(listener.warnings) == 1
    assert "no unseen queries" in listener.warnings[0]
    split([table], tmp_path / "s.csv", ratios=Ratios(min_seen=50), progress=listener)
    assert "no seen queries" in listener.warnings[1]


def test_skips_are_listed(tmp_path: Path) -> None:
    rows = [*made_rows(), ("", *made_rows()[0][1:]), ("short", *made_rows()[0][1:-1], "ACG")]
    done = split([write_table(tmp_path / "t.tsv", rows)], tmp_path / "s.parquet")
    assert done.skipped == 2
    assert [row["specimen_id"] for row in read_table(tmp_path / "s.skipped.csv")] == ["", "short"]
    from pyarrow import parquet

    columns = parquet.read_table(tmp_path / "s.parquet").to_pydict()
    assert len(columns["split"]) == done.n
    assert set(columns["seen"]) == {"true", "false", None}


def contradicted(path: Path) -> Path:
    rows = [*made_rows(), ("odd", "Diptera", "Xidae", "Genus0", "Genus0 species0", "", "ACGTA" * 9)]
    return write_table(path, rows)


def test_inconsistent_labels_are_refused_with_the_list(tmp_path: Path) -> None:
    table, out = contradicted(tmp_path / "t.tsv"), tmp_path / "s.csv"
    with pytest.raises(InconsistentLabelsError, match=r"genus Genus0 is in 2 families: F0idae"):
        split([table], out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.inconsistent.csv", "t.tsv"]
    assert [tuple(row.values()) for row in read_table(tmp_path / "s.inconsistent.csv")] == [
        ("genus", "Genus0", "family", "F0idae", "48", "S0-0-0"),
        ("genus", "Genus0", "family", "Xidae", "1", "odd"),
    ]
    listener = Listener()
    done = split([table], out, allow_inconsistent=True, progress=listener)
    assert [found.name for found in done.inconsistent] == ["Genus0"]
    assert "genus Genus0 is in 2 families: F0idae" in listener.warnings[0]
    assert "s.inconsistent.csv" in listener.warnings[0]
    split([write_table(table, made_rows())], out)
    assert read_table(tmp_path / "s.inconsistent.csv") == []


def test_the_table_can_be_given_as_labels(tmp_path: Path) -> None:
    photos = tmp_path / "photos.csv"
    lines = [f"p/{n}.jpg,Genus{n % 2},Genus{n % 2} s" for n in range(30)]
    photos.write_text("\n".join(["file,genus,species", *lines]) + "\n", encoding="utf-8")
    done = split([photos], tmp_path / "s.csv")
    assert (done.by, done.barcodes, done.units) == ("specimen", 0, 30)
    label = read_labels(tmp_path / "s.csv").find_photo("/anywhere/p/7.jpg")
    assert label is not None
    assert (label.specimen_id, label.lineage.species) == ("p/7", "Genus1 s")


def test_two_labels_for_one_specimen_are_told(table: Path, tmp_path: Path) -> None:
    second = write_table(tmp_path / "n.tsv", [("S1-0-1", "Diptera", "", "", "", "", "")])
    names = second.read_text(encoding="utf-8").replace("\tnucleotides", "\tremarks")
    second.write_text(names, encoding="utf-8")
    listener = Listener()
    split([table, second], tmp_path / "s.csv", progress=listener)
    assert listener.warnings == ["specimens with two labels, the first is used: 1 (S1-0-1)"]


def write_beetles(folder: Path, header: str) -> list[Path]:
    """FASTA of 20 specimens under `header`, and the table of their names."""
    rng = random.Random(3)
    fasta, names = folder / "b.fasta", folder / "n.csv"
    ids = [f"Käfer Nr {n:04}" for n in range(20)]
    records = [f">{header.format(i)}\n{''.join(rng.choices('ACGT', k=60))}\n" for i in ids]
    fasta.write_text("".join(records), encoding="utf-8")
    rows = [f"{i},F,G,G s{n % 2}\n" for n, i in enumerate(ids)]
    names.write_text("id,family,genus,species\n" + "".join(rows), encoding="utf-8")
    return [fasta, names]


@pytest.mark.parametrize("by_labels", [False, True])
def test_ids_with_spaces_are_whole_where_the_table_has_them(
    tmp_path: Path, by_labels: bool
) -> None:
    files = write_beetles(tmp_path, "{}")
    listener = Listener()
    tables, labels = (files[:1], files[1:]) if by_labels else (files, [])
    done = split(tables, tmp_path / "s.csv", labels=labels, progress=listener)
    assert (done.n, done.units, done.barcodes) == (20, 20, 20)
    assert not [line for line in listener.warnings if "id" in line.split()]
    ids = [row["specimen_id"] for row in read_table(tmp_path / "s.csv")]
    assert ids[0] == "Käfer Nr 0000"


def test_barcodes_and_a_table_that_share_no_id_are_told_of(tmp_path: Path) -> None:
    listener = Listener()
    done = split(write_beetles(tmp_path, "{} x"), tmp_path / "s.csv", progress=listener)
    assert done.n == 40
    repeated, strangers = listener.warnings[:2]
    assert "repeated ids among the barcodes: 19" in repeated
    assert "no barcode has an id of" in strangers
    assert "n.csv (which has Käfer Nr 0000, Käfer Nr 0001, Käfer Nr 0002)" in strangers


def test_what_cannot_be_split(table: Path, tmp_path: Path) -> None:
    nameless = write_table(tmp_path / "n.tsv", [("a", "", "", "", "", "", "ACGT" * 9)])
    with pytest.raises(ClibdError, match="none of the 1 specimens has a species"):
        split([nameless], tmp_path / "s.csv")
    with pytest.raises(UsageError, match="one of the inputs"):
        split([table], table)
    with pytest.raises(UsageError, match="cannot be written as"):
        split([table], tmp_path / "s.doc")
    with pytest.raises(UsageError, match="--by colour"):
        split([table], tmp_path / "s.csv", by="colour")  # type: ignore[arg-type]
    photos = tmp_path / "p.csv"
    photos.write_text("file,species\na.jpg,Aedes x\n", encoding="utf-8")
    with pytest.raises(UsageError, match="no input has barcodes"):
        split([photos], tmp_path / "s.csv", by="barcode")
    assert not (tmp_path / "s.csv").exists()
    assert not [path for path in tmp_path.iterdir() if "partial" in path.name]


def test_hostile_ids_and_names(tmp_path: Path) -> None:
    rows = [
        (f"{name}{n}", "Diptera", "F", "G", "=cmd()", "", "ACGT" * 9 + "A" * n)
        for n, name in enumerate(["=cmd()", "../../x", "a\x1b[31m", "x" * 300, "a,b", "é" * 5])
    ]
    split([write_table(tmp_path / "t.tsv", rows)], tmp_path / "s.csv")
    text = (tmp_path / "s.csv").read_text(encoding="utf-8")
    assert "\x1b" not in text
    assert [row["specimen_id"] for row in read_table(tmp_path / "s.csv")][:2] == [
        "'=cmd()0",
        "../../x1",
    ]


@pytest.mark.realdata
def test_the_arctic_survey(shared_data: Path, tmp_path: Path) -> None:
    done: SplitSummary = split([shared_data / "coi" / "insects_arctic.tsv.gz"], tmp_path / "s.csv")
    assert (done.n, done.skipped, done.units) == (30_811, 0, 12_318)
    assert (done.seen_species + done.unseen_species, done.shared) == (677, 1)
    by_title = {part.title: part for part in done.parts}
    seen = [by_title[f"seen: {kind}"].units for kind in ("keys", "test queries")]
    train = by_title["training, seen species"].units
    assert [abs(n / (train + 3 * n) - 0.1) < 0.02 for n in seen] == [True, True]
    assert UNIT_KINDS[0] == done.by
