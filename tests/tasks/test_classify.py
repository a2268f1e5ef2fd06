"""References to an index, queries to names: the main job end to end, small."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.lineage import RANKS
from clibd_cli.core.progress import Silent
from clibd_cli.core.records import Skip
from clibd_cli.tasks.calls import short_names
from clibd_cli.tasks.classify import classify
from clibd_cli.tasks.embed import embed
from clibd_cli.tasks.inputs import Inputs
from clibd_cli.tasks.references import build_index
from clibd_cli.tasks.search import search
from tests.made_inputs import SPECIES, barcode_of, write_fasta, write_photos

INDEX = Path("clibd-index")
COLUMNS = [
    *("specimen_id", "order", "family", "genus", "species", "rank"),
    *(f"confidence_{rank}" for rank in RANKS),
    *("nearest_id", "nearest_species", "nearest_similarity", "n_support"),
    *("evidence", "flags", "source"),
    *("identity", "overlap_bp", "conflict"),
]


@pytest.fixture
def references(workplace: Path) -> Path:
    """An index of four species: three barcodes and three photos of each."""
    write_fasta(workplace / "refs" / "barcodes.fasta", range(3), "ref", labels=True)
    write_photos(workplace / "refs" / "photos", range(3), "ref")
    build_index(["refs"])
    return workplace


def rows_of(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def species_of(row: dict[str, str]) -> str:
    return str(SPECIES[int(row["specimen_id"][1])].species)


def test_raw_references_become_an_index(references: Path) -> None:
    facts = json.loads((INDEX / "index.json").read_text(encoding="utf-8"))
    assert facts["counts"] == {"vectors": 24, "specimens": 24, "labelled": 24}
    assert facts["model"] == "tiny"
    assert Path("refs.embeddings").is_dir()


@pytest.mark.parametrize("method", ["vote", "nearest"])
def test_barcodes_get_their_names(references: Path, method: str) -> None:
    write_fasta(references / "q.fasta", range(3, 5), "q")
    done = classify(Inputs(["q.fasta"]), INDEX, Path("r.csv"), method=method)
    rows = rows_of("r.csv")
    assert list(rows[0]) == COLUMNS
    assert [row["specimen_id"] for row in rows] == [f"q{s}-{i}" for i in (3, 4) for s in range(4)]
    assert [row["species"] for row in rows] == [species_of(row) for row in rows]
    assert {row["rank"] for row in rows} == {"species"}
    assert {row["evidence"] for row in rows} == {"dna"}
    assert done.named == dict.fromkeys(RANKS, 8)


def test_nearest_is_the_paper_s_method(references: Path) -> None:
    write_fasta(references / "q.fasta", range(3, 4), "q")
    classify(Inputs(["q.fasta"]), INDEX, Path("r.csv"), method="nearest")
    for row in rows_of("r.csv"):
        assert row["species"] == row["nearest_species"]
        assert row["confidence_species"] == row["confidence_order"] == row["nearest_similarity"]


def test_photos_are_compared_with_photos_and_barcodes_with_barcodes(references: Path) -> None:
    write_photos(references / "photos", range(4, 5), "q")
    Path("photos/photos.csv").unlink()
    for keys in (("image",), ("dna",), None):
        classify(Inputs([], ["photos"]), INDEX, Path("r.csv"), keys=keys, method="nearest")
        rows = rows_of("r.csv")
        assert len(rows) == 4
        if keys == ("image",):
            assert [row["species"] for row in rows] == [species_of(row) for row in rows]
        if keys == ("dna",):
            assert all("-" in row["nearest_id"] for row in rows)


def test_photo_and_barcode_of_one_specimen_give_one_row(references: Path) -> None:
    write_photos(references / "photos", range(1), "q")
    Path("photos/photos.csv").unlink()
    write_fasta(references / "q.fasta", range(2), "q")
    classify(Inputs(["q.fasta"], ["photos"]), INDEX, Path("r.csv"))
    evidence = {row["specimen_id"]: row["evidence"] for row in rows_of("r.csv")}
    assert evidence == {f"q{s}-0": "image+dna" for s in range(4)} | {
        f"q{s}-1": "dna" for s in range(4)
    }


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_all_formats_have_the_same_columns(references: Path, suffix: str) -> None:
    write_fasta(references / "q.fasta", range(3, 4), "q")
    out = Path(f"r{suffix}")
    classify(Inputs(["q.fasta"]), INDEX, out)
    if suffix == ".parquet":
        rows = pq.read_table(out).to_pylist()
    elif suffix == ".jsonl":
        rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    else:
        rows = rows_of(str(out))
    assert list(rows[0]) == COLUMNS
    assert [row["species"] for row in rows] == [species.species for species in SPECIES]


def test_skips_are_rows_of_their_own_file(references: Path) -> None:
    Path("q.fasta").write_text(f">ok\n{barcode_of(0)}\n>no\n\n>x\nZZZZ\n", encoding="utf-8")
    done = classify(Inputs(["q.fasta"]), INDEX, Path("r.csv"))
    assert (done.n, done.skipped) == (1, 2)
    assert [row["specimen_id"] for row in rows_of("r.skipped.csv")] == ["no", "x"]
    log = json.loads(Path("r.run.json").read_text(encoding="utf-8"))
    assert (log["n"], log["skipped"], log["model"]) == (1, 2, "tiny")


def test_queries_that_are_embedded_already(references: Path) -> None:
    write_fasta(references / "q.fasta", range(3, 5), "q")
    embed(Inputs(["q.fasta"]))
    classify(Inputs(["q.fasta"]), INDEX, Path("fresh.csv"))
    classify(Inputs([], ["q.embeddings"]), INDEX, Path("stored.csv"))
    assert rows_of("fresh.csv") == rows_of("stored.csv")


def test_a_store_with_photos_and_barcodes_gives_one_row_a_specimen(references: Path) -> None:
    write_photos(references / "photos", range(2), "q")
    Path("photos/photos.csv").unlink()
    write_fasta(references / "q.fasta", range(1, 3), "q")
    both = Inputs(["q.fasta"], ["photos"])
    embed(both, Path("both"))
    classify(both, INDEX, Path("fresh.csv"))
    classify(Inputs([], ["both"]), INDEX, Path("stored.csv"))
    fresh, stored = (
        sorted(rows_of(name), key=lambda row: row["specimen_id"])
        for name in ("fresh.csv", "stored.csv")
    )
    assert fresh == stored
    assert len(stored) == 12
    assert [row["evidence"] for row in stored].count("image+dna") == 4


def test_a_folder_of_photos_that_holds_a_store_is_a_folder_of_photos(references: Path) -> None:
    write_photos(references / "photos", range(1), "q")
    write_fasta(references / "q.fasta", range(1), "q")
    embed(Inputs(["q.fasta"]), Path("photos/q.embeddings"))
    done = classify(Inputs([], ["photos"]), INDEX, Path("r.csv"))
    assert done.n == 4
    assert {row["evidence"] for row in rows_of("r.csv")} == {"image"}


def test_the_result_is_no_input(references: Path) -> None:
    write_fasta(references / "q.fasta", range(1), "q")
    Path("q.csv").write_text("specimen_id,nucleotides\nx,ACGTACGTACGT\n", encoding="utf-8")
    with pytest.raises(UsageError, match="one of the inputs"):
        classify(Inputs(["q.csv"]), INDEX, Path("./q.csv"))
    with pytest.raises(UsageError, match="no photo"):
        classify(Inputs([], ["q.fasta"]), INDEX, Path("r.csv"))


def test_the_model_is_found_by_its_fingerprint_after_renaming(
    references: Path, tiny_home: Path
) -> None:
    write_fasta(references / "q.fasta", range(1), "q")
    models = tiny_home / "models"
    (models / "tiny").rename(models / "renamed")
    try:
        assert classify(Inputs(["q.fasta"]), INDEX, Path("r.csv")).n == 4
    finally:
        (models / "renamed").rename(models / "tiny")


def test_an_index_of_a_model_that_is_not_here(
    references: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_fasta(references / "q.fasta", range(1), "q")
    monkeypatch.setenv("CLIBD_HOME", str(tmp_path / "empty"))
    with pytest.raises(ClibdError, match="not installed"):
        classify(Inputs(["q.fasta"]), INDEX, Path("r.csv"))
    assert not Path("r.csv").exists()


def test_a_failure_leaves_no_half_result(references: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_fasta(references / "q.fasta", range(2), "q")
    Path("r.csv").write_text("yesterday's\n")

    def fail(*args: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("clibd_cli.tasks.calls.call", fail)
    with pytest.raises(RuntimeError):
        classify(Inputs(["q.fasta"]), INDEX, Path("r.csv"))
    assert Path("r.csv").read_text() == "yesterday's\n"


def test_an_unknown_method_or_suffix(references: Path) -> None:
    write_fasta(references / "q.fasta", range(1), "q")
    with pytest.raises(UsageError, match="method"):
        classify(Inputs(["q.fasta"]), INDEX, Path("r.csv"), method="guess")
    with pytest.raises(UsageError, match="xls"):
        classify(Inputs(["q.fasta"]), INDEX, Path("r.xls"))


def test_search_gives_the_nearest_keys_in_order(references: Path) -> None:
    write_fasta(references / "q.fasta", range(3, 4), "q")
    for number, found in enumerate(search(Inputs(["q.fasta"]), INDEX, k=5, keys=["dna"])):
        assert not isinstance(found, Skip)
        assert len(found.hits) == 5
        assert [hit.lineage for hit in found.hits[:3]] == [SPECIES[number]] * 3
        similarities = [hit.similarity for hit in found.hits]
        assert similarities == sorted(similarities, reverse=True)


def test_search_by_name(references: Path) -> None:
    (found,) = search(Inputs(text="Diptera Sciaridae Corynoptera Corynoptera prima"), INDEX, k=2)
    assert not isinstance(found, Skip)
    assert len(found.hits) == 2


def test_references_are_added(references: Path) -> None:
    write_fasta(references / "new.fasta", range(5, 6), "new", labels=True)
    done = build_index(["new.fasta"], add=True)
    assert done.header.counts["specimens"] == 28
    again = build_index(["new.fasta"], add=True)
    assert (again.header.counts["specimens"], again.repeated) == (28, 4)


def test_an_index_of_other_references_is_kept(references: Path) -> None:
    before = (INDEX / "index.json").read_bytes()
    write_fasta(references / "new.fasta", range(5, 6), "new", labels=True)
    with pytest.raises(ClibdError, match="other references"):
        build_index(["new.fasta"])
    assert not Path("new.embeddings").exists()
    assert (INDEX / "index.json").read_bytes() == before
    assert build_index(["new.fasta"], overwrite=True).header.counts["specimens"] == 4


def test_the_same_command_again_gives_the_same_index(references: Path) -> None:
    before = (INDEX / "index.json").read_bytes()
    build_index(["refs"])
    assert (INDEX / "index.json").read_bytes() == before


def test_references_that_were_taken_away_are_noticed(references: Path) -> None:
    Path("refs/photos/ref0-0.png").unlink()
    with pytest.raises(ClibdError, match="1 specimens that are not in refs"):
        build_index(["refs"], Path("other"))


@pytest.mark.parametrize("source", ["nowhere", "empty"])
def test_sources_that_hold_nothing(workplace: Path, source: str) -> None:
    Path("empty").mkdir()
    with pytest.raises(ClibdError, match=source):
        build_index([source])


def test_references_of_which_none_can_be_used(workplace: Path) -> None:
    Path("bad.fasta").write_text(">x\nACG\n>y\n\n", encoding="utf-8")
    with pytest.raises(ClibdError, match=r"none of the 2 records in bad\.fasta"):
        build_index(["bad.fasta"])
    assert not INDEX.exists()


def test_stores_inside_the_references_and_the_references_are_both_used(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_fasta(workplace / "refs" / "a.fasta", range(1), "a", labels=True)
    monkeypatch.chdir(workplace / "refs")
    assert build_index(["."]).header.counts["specimens"] == 4
    assert build_index(["."]).header.counts["specimens"] == 4
    write_fasta(workplace / "refs" / "b.fasta", range(1), "b", labels=True)
    assert build_index(["."]).header.counts["specimens"] == 8
    write_fasta(workplace / "c.fasta", range(1), "c", labels=True)
    done = build_index(["../c.fasta", "."], overwrite=True)
    assert done.header.counts["specimens"] == 12


def test_sources_of_the_same_name_have_stores_of_their_own(workplace: Path) -> None:
    for name in ("one", "two"):
        write_fasta(workplace / name / "s.fasta", range(1), name, labels=True)
    build_index(["one/s.fasta", "two/s.fasta"])
    assert Path("s.embeddings").is_dir()
    assert Path("s-2.embeddings").is_dir()


def test_an_unfinished_store_is_not_taken_for_whole(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_fasta(workplace / "a.fasta", range(3), labels=True)
    monkeypatch.setattr("clibd_cli.tasks.embed.ROWS_A_PART", {"image": 4, "dna": 4, "text": 4})

    def stop(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("clibd_cli.tasks.embed.write_run_log", stop)
        with pytest.raises(KeyboardInterrupt):
            embed(Inputs(["a.fasta"]), Path("s"), command="clibd embed --dna a.fasta --out s")
    with pytest.raises(ClibdError, match="unfinished") as told:
        build_index(["s"])
    assert "clibd embed --dna a.fasta --out s" in str(told.value.hint)
    embed(Inputs(["a.fasta"]), Path("s"))
    assert build_index(["s"]).header.counts["specimens"] == 12


def test_references_without_any_name_are_told_of(workplace: Path) -> None:
    write_fasta(workplace / "a.fasta", range(1))
    told: list[str] = []

    class Listener(Silent):
        def warn(self, message: str) -> None:
            told.append(message)

    build_index(["a.fasta"], progress=Listener())
    assert "no reference has a name" in " ".join(told)


def test_folders_of_stores(workplace: Path) -> None:
    for name in ("one", "two"):
        write_fasta(workplace / f"{name}.fasta", range(1), name, labels=True)
        embed(Inputs([f"{name}.fasta"]), Path("stores") / name)
    assert build_index(["stores"]).header.counts["specimens"] == 8


def test_photos_in_subfolders_meet_their_barcodes_by_the_last_part_of_their_id() -> None:
    photos = ["a/S1", "a/S2", "b/S2", "S3", "c/S3", "b/S4"]
    assert short_names(photos) == {"a/S1": "S1", "b/S4": "S4"}


def test_a_plate_of_photos_and_a_file_of_barcodes(references: Path) -> None:
    write_fasta(references / "q.fasta", range(3, 4), "q")
    write_photos(references / "plates" / "one", range(3, 4), "q")
    for table in Path("plates").rglob("*.csv"):
        table.unlink()
    done = classify(Inputs(["q.fasta"], ["plates"]), INDEX, Path("r.csv"))
    rows = rows_of("r.csv")
    assert done.n == len(SPECIES)
    assert {row["evidence"] for row in rows} == {"image+dna"}
    assert all(row["specimen_id"].startswith("one/") for row in rows)


def test_a_photo_with_nothing_in_it_is_told(references: Path) -> None:
    write_photos(references / "photos", range(1), "q")
    Path("photos/photos.csv").unlink()
    for name in ("empty", "the same again"):
        Image.new("RGB", (48, 40), "white").save(f"photos/{name}.png")
    done = classify(Inputs([], ["photos"]), INDEX, Path("r.csv"))
    told = {row["specimen_id"] for row in rows_of("r.csv") if "near_empty_photo" in row["flags"]}
    assert told == {"empty", "the same again"}
    assert done.flags["near_empty_photo"] == 2
