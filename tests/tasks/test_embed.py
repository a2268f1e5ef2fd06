"""`embed`: streaming, one encode a content, resume, shards."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.progress import Silent
from clibd_cli.core.records import Modality
from clibd_cli.models.home import models_home
from clibd_cli.models.model import ClibdModel
from clibd_cli.models.registry import remove, set_default
from clibd_cli.tasks.embed import default_store, embed
from clibd_cli.tasks.inputs import Inputs
from clibd_cli.tasks.windows import Shard
from clibd_cli.vectors.parts import find_stores, part_paths
from tests.made_inputs import SPECIES, barcode_of, write_fasta, write_photos
from tests.models.tiny import install_tiny


class Notes(Silent):
    def __init__(self) -> None:
        self.told: list[str] = []

    def warn(self, message: str) -> None:
        self.told.append(message)


def rows_of(store: Path) -> list[dict[str, Any]]:
    return [row for path in find_stores(store) for row in pq.read_table(path).to_pylist()]


def test_barcodes_photos_and_names_in_one_store(workplace: Path) -> None:
    dna = write_fasta(workplace / "a.fasta", range(2), labels=True)
    photos = write_photos(workplace / "photos", range(2))
    (workplace / "taxa.txt").write_text("Diptera Sciaridae Corynoptera Corynoptera prima\n")
    done = embed(Inputs([str(dna)], [str(photos)], "taxa.txt", ["photos/photos.csv"]), Path("out"))
    rows = rows_of(Path("out"))
    assert (done.n, done.skipped, len(rows)) == (17, 0, 17)
    by_id = {(row["modality"], row["specimen_id"]): row for row in rows}
    assert by_id["dna", "s3-1"]["species"] == "Libellula quarta"
    assert by_id["dna", "s3-1"]["barcode"] == barcode_of(3, 1)
    assert by_id["image", "p2-0"]["family"] == "Culicidae"
    assert by_id["image", "p2-0"]["barcode"] is None
    vectors = np.array([row["embedding"] for row in rows])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_the_default_store_is_named_after_the_input(workplace: Path) -> None:
    write_fasta(workplace / "plates" / "samples.fasta", range(1))
    done = embed(Inputs(["plates/samples.fasta"]))
    assert done.store == "samples.embeddings"
    assert Path("samples.embeddings").is_dir()


@pytest.mark.parametrize(
    ("given", "store"),
    [
        ("x/samples.fasta.gz", "samples.embeddings"),
        ("photos/", "photos.embeddings"),
        ("plate.v2.tsv", "plate.v2.embeddings"),
        ("-", "stdin.embeddings"),
        ("caf\udce9.fasta", "caf�.embeddings"),
    ],
)
def test_default_names(given: str, store: str) -> None:
    assert default_store(given) == Path(store)


def test_the_dot_is_the_working_folder(workplace: Path) -> None:
    assert default_store(".") == Path(f"{workplace.name}.embeddings")


def test_each_content_is_encoded_once(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clibd_cli.tasks.embed.ROWS_A_PART", {"image": 4, "dna": 4, "text": 4})
    write_fasta(workplace / "a.fasta", range(3))
    write_fasta(workplace / "b.fasta", range(3), prefix="again")
    photos = write_photos(workplace / "one", range(1))
    shutil.copytree(photos, workplace / "two")
    done = embed(Inputs(["a.fasta", "b.fasta"], ["one", "two"]), Path("out"))
    assert (done.n, done.encoded) == (24 + 8, 12 + 4)
    rows = rows_of(Path("out"))
    vectors = {row["specimen_id"]: row["embedding"] for row in rows if row["modality"] == "dna"}
    assert vectors["s1-2"] == vectors["again1-2"]
    assert vectors["s1-2"] != vectors["s1-1"]


def test_a_second_run_does_nothing(workplace: Path) -> None:
    write_fasta(workplace / "a.fasta", range(2))
    embed(Inputs(["a.fasta"]), Path("out"))
    before = {path: path.read_bytes() for path in part_paths(Path("out"))}
    again = embed(Inputs(["a.fasta"]), Path("out"))
    assert (again.n, again.resumed, again.encoded) == (8, 8, 0)
    assert {path: path.read_bytes() for path in part_paths(Path("out"))} == before


def test_more_inputs_are_appended_and_their_known_contents_not_encoded(workplace: Path) -> None:
    write_fasta(workplace / "a.fasta", range(2))
    write_fasta(workplace / "b.fasta", range(1, 3), prefix="b")
    embed(Inputs(["a.fasta"]), Path("out"))
    more = embed(Inputs(["b.fasta"]), Path("out"))
    assert (more.n, more.encoded, more.unvisited) == (8, 4, 8)
    assert len(rows_of(Path("out"))) == 16


def test_changed_labels_are_not_passed_over(workplace: Path) -> None:
    write_fasta(workplace / "a.fasta", range(1), labels=True)
    embed(Inputs(["a.fasta"]), Path("out"))
    text = Path("a.fasta").read_text(encoding="utf-8")
    Path("a.fasta").write_text(text.replace("Aedes_tertius", "Aedes_alius"), encoding="utf-8")
    with pytest.raises(ClibdError, match="s2-0"):
        embed(Inputs(["a.fasta"]), Path("out"))
    done = embed(Inputs(["a.fasta"]), Path("out"), overwrite=True)
    assert done.n == len(rows_of(Path("out"))) == 4


def test_rows_and_skips_are_all_inputs(workplace: Path) -> None:
    good = write_fasta(workplace / "a.fasta", range(1)).read_text(encoding="utf-8")
    bad = ">short\nACGT\n>empty\n>protein\nMKVLAAGIVQ\n"
    Path("a.fasta").write_text(good + bad, encoding="utf-8")
    photos = write_photos(workplace / "photos", range(1))
    (photos / "torn.png").write_bytes((photos / "p0-0.png").read_bytes()[:60])
    (photos / "zero.jpg").touch()
    (photos / "not.jpeg").write_text("hello")
    done = embed(Inputs(["a.fasta"], ["photos"]), Path("out"))
    assert (done.n, done.skipped) == (8, 6)
    with Path("out/_skipped.csv").open(encoding="utf-8", newline="") as handle:
        skips = {row["specimen_id"]: row["reason"] for row in csv.DictReader(handle)}
    assert set(skips) == {"short", "empty", "protein", "torn", "zero", "not"}
    assert "4 bases" in skips["short"]


def test_a_label_table_gives_photos_their_names(workplace: Path) -> None:
    write_photos(workplace / "photos", range(1))
    Path("photos/photos.csv").unlink()
    Path("l.csv").write_text(
        "file,specimen_id,genus,species\np0-0.png,ABC-1,,Aedes vexans\n", encoding="utf-8"
    )
    embed(Inputs([], ["photos"], None, ["l.csv"]), Path("out"))
    row = next(row for row in rows_of(Path("out")) if row["specimen_id"] == "ABC-1")
    assert (row["genus"], row["species"]) == ("Aedes", "Aedes vexans")


def test_shards_together_are_the_whole(workplace: Path) -> None:
    write_fasta(workplace / "a.fasta", range(3))
    for i in (1, 2, 3):
        embed(Inputs(["a.fasta"]), Path("sharded"), shard=Shard(i, 3))
    embed(Inputs(["a.fasta"]), Path("whole"))
    assert len(find_stores(Path("sharded"))) == 3

    def content(store: str) -> dict[str, tuple[str, ...]]:
        return {r["specimen_id"]: (r["content_sha256"], r["source"]) for r in rows_of(Path(store))}

    assert content("sharded") == content("whole")


def test_rows_are_shared_out_in_one_way_only(workplace: Path) -> None:
    write_fasta(workplace / "a.fasta", range(2))
    inputs = Inputs(["a.fasta"])
    embed(inputs, Path("sharded"), shard=Shard(1, 2))
    for shard in (None, Shard(1, 3)):
        with pytest.raises(ClibdError, match="another way"):
            embed(inputs, Path("sharded"), shard=shard)
    embed(inputs, Path("whole"))
    with pytest.raises(ClibdError, match="another way"):
        embed(inputs, Path("whole"), shard=Shard(1, 2))


def test_the_spelling_of_a_path_does_not_matter(workplace: Path) -> None:
    write_fasta(workplace / "a.fasta", range(1))
    embed(Inputs(["a.fasta"]), Path("out"))
    again = embed(Inputs([str(workplace / "a.fasta")]), Path("out"))
    assert (again.resumed, again.encoded) == (4, 0)


def test_repeated_ids_stay_apart_in_every_shard(workplace: Path) -> None:
    Path("a.fasta").write_text(
        "".join(f">same\n{barcode_of(i)}\n" for i in range(4)), encoding="utf-8"
    )
    for i in (1, 2):
        embed(Inputs(["a.fasta"]), Path("out"), shard=Shard(i, 2))
    assert sorted(row["specimen_id"] for row in rows_of(Path("out"))) == [
        "same",
        "same#2",
        "same#3",
        "same#4",
    ]


def test_workers_and_batches_do_not_change_the_vectors(workplace: Path) -> None:
    write_photos(workplace / "photos", range(4))
    for name, workers, batch in (("a", 0, 1), ("b", 3, 5)):
        embed(Inputs([], ["photos"]), Path(name), workers=workers, batch_size=batch)
    one, two = rows_of(Path("a")), rows_of(Path("b"))
    assert [row["specimen_id"] for row in one] == [row["specimen_id"] for row in two]
    np.testing.assert_allclose(
        [row["embedding"] for row in one], [row["embedding"] for row in two], atol=1e-6
    )


def test_a_full_memory_costs_time_and_nothing_else(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_photos(workplace / "photos", range(4))
    embed(Inputs([], ["photos"]), Path("a"), batch_size=4)
    encode = ClibdModel._encode_batch

    def narrowed(self: ClibdModel, modality: Modality, items: Sequence[Any]) -> Any:
        if len(items) > 4:
            raise MemoryError
        return encode(self, modality, items)

    monkeypatch.setattr(ClibdModel, "_encode_batch", narrowed)
    notes = Notes()
    embed(Inputs([], ["photos"]), Path("b"), batch_size=8, progress=notes)
    assert [note for note in notes.told if "--batch-size 4" in note] == notes.told
    assert len(notes.told) == 1
    assert rows_of(Path("a")) == rows_of(Path("b"))


def test_nothing_named_is_a_usage_error(workplace: Path) -> None:
    with pytest.raises(UsageError):
        embed(Inputs())


def test_a_missing_file_is_an_error_before_a_store_is_made(workplace: Path) -> None:
    with pytest.raises(ClibdError, match=r"gone\.fasta"):
        embed(Inputs(["gone.fasta"]), Path("out"))
    assert not Path("out").exists()


def test_a_model_without_the_tower(workplace: Path, tiny_home: Path) -> None:
    from tests.models.tiny import install_tiny

    install_tiny(tiny_home / "models", "photos-only", ("image",))
    write_fasta(workplace / "a.fasta", range(1))
    try:
        with pytest.raises(ClibdError, match="no dna tower"):
            embed(Inputs(["a.fasta"]), Path("out"), model="photos-only")
    finally:
        shutil.rmtree(tiny_home / "models" / "photos-only")


def test_all_species_are_told_apart(workplace: Path) -> None:
    """The tiny model is random, but equal inputs are nearest to each other."""
    write_fasta(workplace / "a.fasta", range(3))
    embed(Inputs(["a.fasta"]), Path("out"))
    rows = rows_of(Path("out"))
    vectors = np.array([row["embedding"] for row in rows])
    cosines = vectors @ vectors.T - 2 * np.eye(len(rows))
    for row, nearest in zip(rows, cosines.argmax(axis=1), strict=True):
        assert rows[nearest]["specimen_id"][1] == row["specimen_id"][1]
    assert len(rows) == 3 * len(SPECIES)


def test_a_model_without_the_tower_is_named_and_others_are_offered(workplace: Path) -> None:
    write_photos(Path("photos"), range(1))
    install_tiny(models_home(), "letters", ("dna", "text"))
    set_default(models_home(), "letters")
    try:
        with pytest.raises(
            ClibdError, match="the default model letters has no image tower"
        ) as told:
            embed(Inputs(photos=["photos"]), "s")
        assert told.value.hint is not None
        # Others may be at hand, such as the demo's, if a test before this one has built it.
        assert re.match(r"`--model NAME` takes another \(such as .*\btiny\b", told.value.hint)
        with pytest.raises(ClibdError, match="the model letters has no image tower, only dna and"):
            embed(Inputs(photos=["photos"]), "s", model="letters")
    finally:
        remove("letters", models_home())
        set_default(models_home(), "tiny")
