"""Reference libraries: which vectors stand for which specimens, and what is left of these."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.lineage import UNLABELLED, Lineage
from clibd_cli.core.records import Specimen
from clibd_cli.vectors.builder import BuildPlan, build_index
from clibd_cli.vectors.header import read_header
from clibd_cli.vectors.index import ReferenceIndex
from clibd_cli.vectors.representatives import choose_representatives
from tests.vectors.made import specimens, unit_vectors, write_store

ONE = {"image": 1, "dna": 1, "text": 1}
TWO = {"image": 2, "dna": 2, "text": 2}


def on_a_circle(*degrees: float) -> np.ndarray:
    """Unit vectors in the plane, padded to 16 numbers."""
    angles = np.radians(degrees)
    vectors = np.zeros((len(degrees), 16), dtype=np.float32)
    vectors[:, 0], vectors[:, 1] = np.cos(angles), np.sin(angles)
    return vectors


def choose(vectors: np.ndarray, groups: list[int], n: int, depths: list[int] | None = None) -> list:
    numbers = np.arange(len(groups))
    named = np.array(depths or [4] * len(groups))
    return choose_representatives(vectors, numbers, np.array(groups), named, n).tolist()


def test_the_middle_comes_first_and_then_the_farthest() -> None:
    vectors = on_a_circle(0, 10, 20, 60)
    assert choose(vectors, [0] * 4, 1) == [2]
    assert choose(vectors, [0] * 4, 2) == [2, 3]
    assert choose(vectors, [0] * 4, 3) == [0, 2, 3]
    assert choose(vectors, [0] * 4, 9) == [0, 1, 2, 3]


def test_a_common_haplotype_weighs_more() -> None:
    vectors = on_a_circle(0, 30, 60)
    numbers = np.array([0, 0, 0, 0, 0, 1, 2])
    groups, depths = np.zeros(7, dtype=np.int64), np.full(7, 4)
    assert choose_representatives(vectors, numbers, groups, depths, 1).tolist() == [0]


def test_the_first_has_the_most_complete_names() -> None:
    vectors = on_a_circle(0, 10, 20, 60)
    assert choose(vectors, [0] * 4, 1, [2, 2, 2, 3]) == [3]


def test_specimens_of_no_group_are_left_out_and_a_shared_vector_counts_once() -> None:
    vectors = on_a_circle(0, 90, 180)
    assert choose(vectors, [-1, 0, -1], 2) == [1]
    assert choose(vectors, [-1, -1, -1], 2) == []
    shared = choose_representatives(
        vectors, np.array([0, 0, 1]), np.array([0, 1, 1]), np.full(3, 4), 1
    )
    assert shared.tolist() == [0]


@settings(deadline=None)
@given(st.lists(st.integers(-1, 5), min_size=1, max_size=40), st.integers(1, 4))
def test_every_group_has_as_many_as_it_can(groups: list[int], n: int) -> None:
    vectors = unit_vectors(len(groups))
    chosen = choose(vectors, groups, n)
    assert chosen == sorted(set(chosen))
    for group in set(groups):
        held = sum(groups[i] == group for i in chosen)
        assert held == (0 if group == -1 else min(n, groups.count(group)))


def collection() -> list[Specimen]:
    """Two species that share a BIN, one in two BINs, unnamed ones, and one without anything."""
    known = Lineage("Diptera", "Sciaridae", "Corynoptera", "Corynoptera prima")
    other = replace(known, species="Corynoptera secunda")
    family = Lineage("Diptera", "Sciaridae")
    labels = [
        *[(known, "BOLD:AAA0001")] * 3,
        *[(known, "BOLD:AAA0002")] * 2,
        *[(other, "BOLD:AAA0001")] * 2,
        *[(known, None)] * 2,
        *[(family, "BOLD:AAA0003")] * 2,
        *[(family, None)] * 2,
        (UNLABELLED, None),
    ]
    rows = specimens(len(labels))
    return [
        replace(row, lineage=lineage, bin_uri=bin_uri, source=f"secret/place/a.fasta#s{i}")
        for i, (row, (lineage, bin_uri)) in enumerate(zip(rows, labels, strict=True))
    ]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    rows = collection()
    return write_store(tmp_path / "store", rows, unit_vectors(len(rows)))


def test_groups_are_species_in_bins(tmp_path: Path, store: Path) -> None:
    out = tmp_path / "library"
    built = build_index([store], out, BuildPlan(representatives=ONE))
    assert built.header.counts == {"vectors": 6, "specimens": 6, "labelled": 6}
    assert (built.header.representatives, built.header.represented) == ({"dna": 1}, 14)
    assert read_header(out) == built.header
    rows = pq.read_table(out / "keys.parquet").to_pylist()
    assert [row["vector"] for row in rows] == list(range(6))
    assert {(row["species"], row["bin_uri"]) for row in rows} == {
        ("Corynoptera prima", "BOLD:AAA0001"),
        ("Corynoptera prima", "BOLD:AAA0002"),
        ("Corynoptera secunda", "BOLD:AAA0001"),
        ("Corynoptera prima", None),
        (None, "BOLD:AAA0003"),
        (None, None),
    }
    two = build_index([store], tmp_path / "two", BuildPlan(representatives=TWO))
    assert two.header.counts["vectors"] == 12


def test_nothing_is_left_of_sequences_and_places(tmp_path: Path, store: Path) -> None:
    photos = [
        replace(row, source=f"secret\\place/{row.specimen_id}.jpg", content="secret")
        for row in specimens(3, "image")
    ]
    more = write_store(tmp_path / "photos", photos, unit_vectors(3, seed=4))
    out = tmp_path / "library"
    build_index([store, more], out, BuildPlan(representatives=ONE))
    rows = pq.read_table(out / "keys.parquet").to_pylist()
    assert {row["barcode"] for row in rows} == {None}
    assert {row["content_sha256"] for row in rows} == {""}
    sources = {row["source"] for row in rows}
    assert sources == {"a.fasta", *(f"s{i}.jpg" for i in range(3))}
    for path in out.iterdir():
        if path.name != "index.json":  # which names the stores, as every index does
            assert b"secret" not in path.read_bytes()


def test_a_representative_finds_itself_with_all_its_names(tmp_path: Path) -> None:
    rows = collection()[:7]
    vectors = unit_vectors(7)
    vectors[5] = vectors[6] = vectors[0]  # a haplotype that two species share
    store = write_store(tmp_path / "store", rows, vectors)
    out = tmp_path / "library"
    build_index([store], out, BuildPlan(representatives=TWO, dtype="float16"))
    ((hit,),) = ReferenceIndex(out).search(vectors[:1], 1)
    assert hit.similarity == pytest.approx(1.0, abs=1e-3)
    assert {lineage.species: count for lineage, count in hit.labels} == {
        "Corynoptera prima": 1,
        "Corynoptera secunda": 2,
    }


def test_the_same_references_give_the_same_bytes(tmp_path: Path, store: Path) -> None:
    plan = BuildPlan(representatives=ONE, dtype="float16")
    first, second = (build_index([store], tmp_path / name, plan) for name in "ab")
    assert first.header.sha256 == second.header.sha256


def test_half_precision_is_a_choice(tmp_path: Path, store: Path) -> None:
    out = tmp_path / "index"
    built = build_index([store], out, BuildPlan(dtype="float16"))
    assert built.header.dtype == "float16"
    assert np.load(out / "vectors.dna.npy").dtype == np.float16
    with pytest.raises(ClibdError, match="as float16"):
        build_index([store], out, BuildPlan(dtype="float32"), base=out)
    with pytest.raises(ClibdError, match="keeps all"):
        build_index([store], out, BuildPlan(representatives=ONE), base=out)
    more = write_store(tmp_path / "more", specimens(5, first=90), unit_vectors(5, seed=3))
    added = build_index([more], out, BuildPlan(), base=out)
    assert (added.header.dtype, added.header.counts["vectors"]) == ("float16", 19)


def test_a_library_may_be_added_to(tmp_path: Path, store: Path) -> None:
    out = tmp_path / "library"
    build_index([store], out, BuildPlan(representatives=ONE))
    more = write_store(tmp_path / "more", specimens(5, first=90), unit_vectors(5, seed=3))
    header = build_index([more], out, BuildPlan(), base=out).header
    assert header.counts["vectors"] == 11
    assert header.representatives is None


def test_references_without_any_name_are_an_error(tmp_path: Path) -> None:
    rows = [replace(row, lineage=UNLABELLED) for row in specimens(3)]
    store = write_store(tmp_path / "store", rows, unit_vectors(3))
    with pytest.raises(ClibdError, match="nothing to represent"):
        build_index([store], tmp_path / "library", BuildPlan(representatives=ONE))


def test_a_kind_without_names_is_left_out(tmp_path: Path, store: Path) -> None:
    rows = [replace(row, lineage=UNLABELLED) for row in specimens(3, "image")]
    nameless = write_store(tmp_path / "photos", rows, unit_vectors(3))
    out = tmp_path / "library"
    header = build_index([store, nameless], out, BuildPlan(representatives=ONE)).header
    assert header.modalities == ReferenceIndex(out).modalities == ("dna",)
    assert {path.name for path in out.iterdir()} == {"index.json", *header.sha256}
    assert set(header.sha256) == {"keys.parquet", "vectors.dna.npy"}


def test_indexes_of_before_are_read(tmp_path: Path, store: Path) -> None:
    out = tmp_path / "index"
    build_index([store], out, BuildPlan())
    facts = json.loads((out / "index.json").read_text(encoding="utf-8"))
    del facts["representatives"], facts["represented"], facts["checksum"]
    facts["format_version"] = 1
    (out / "index.json").write_text(json.dumps(facts), encoding="utf-8")
    assert read_header(out).representatives is None
