"""Index folders: built, added to, opened, checked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.lineage import Lineage
from clibd_cli.core.seal import sealed
from clibd_cli.vectors.builder import BuildPlan, build_index
from clibd_cli.vectors.header import read_header
from clibd_cli.vectors.hnsw import hnsw_available
from clibd_cli.vectors.index import ReferenceIndex
from tests.vectors.made import FACTS, specimens, unit_vectors, write_store

KINDS = [
    "exact",
    pytest.param(
        "hnsw",
        marks=pytest.mark.skipif(not hnsw_available(), reason="hnswlib is not installed"),
    ),
]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return write_store(tmp_path / "store", specimens(200), unit_vectors(200))


@pytest.mark.parametrize("kind", KINDS)
def test_every_reference_finds_itself(tmp_path: Path, store: Path, kind: str) -> None:
    built = build_index([store], tmp_path / "index", BuildPlan(kind))
    assert built.header.keys["dna"].kind == kind
    index = ReferenceIndex(tmp_path / "index")
    for i, hits in enumerate(index.search(unit_vectors(200), 1)):
        assert hits[0].specimen_id == f"s{i}"
        assert hits[0].lineage.species == f"Libellula no{i % 7}"
        assert hits[0].source == f"made.fasta#s{i}"


@pytest.mark.parametrize("kind", KINDS)
def test_the_sidecar_tells_everything(tmp_path: Path, store: Path, kind: str) -> None:
    build_index([store], tmp_path / "index", BuildPlan(kind, command="clibd build-index store"))
    facts = json.loads((tmp_path / "index" / "index.json").read_text(encoding="utf-8"))
    assert facts["model_fingerprint"] == FACTS.fingerprint
    assert facts["metric"] == "cosine"
    assert facts["dim"] == 16
    assert facts["counts"] == {"vectors": 200, "specimens": 200, "labelled": 200}
    assert facts["command"] == "clibd build-index store"
    assert set(facts["sha256"]) == {
        p.name for p in (tmp_path / "index").iterdir() if p.name != "index.json"
    }
    if kind == "hnsw":
        assert facts["recall_at_1"] >= 0.999
        assert (facts["M"], facts["ef_construction"]) == (24, 200)
        assert facts["ef"] >= 64
    else:
        assert facts["M"] is facts["ef"] is None


@pytest.mark.parametrize("kind", KINDS)
def test_adding_equals_building_at_once(tmp_path: Path, store: Path, kind: str) -> None:
    more = write_store(tmp_path / "more", specimens(100, first=200), unit_vectors(300)[200:])
    first = write_store(tmp_path / "first", specimens(200), unit_vectors(300)[:200])
    out = tmp_path / "index"
    build_index([first], out, BuildPlan(kind))
    added = build_index([more], out, BuildPlan(), base=out)
    assert added.header.counts == {"vectors": 300, "specimens": 300, "labelled": 300}
    assert added.header.keys["dna"].kind == kind
    at_once = build_index([first, more], tmp_path / "both", BuildPlan(kind))
    queries = unit_vectors(50, seed=9)
    grown, whole = ReferenceIndex(out), ReferenceIndex(tmp_path / "both")
    for a, b in zip(grown.search(queries, 3), whole.search(queries, 3), strict=True):
        assert [hit.specimen_id for hit in a] == [hit.specimen_id for hit in b]
    assert added.header.sha256["vectors.dna.npy"] == at_once.header.sha256["vectors.dna.npy"]


def test_adding_the_same_references_again_changes_nothing(tmp_path: Path, store: Path) -> None:
    out = tmp_path / "index"
    once = build_index([store], out, BuildPlan())
    twice = build_index([store], out, BuildPlan(), base=out)
    assert twice.repeated == 200
    assert twice.header.counts == once.header.counts


def test_equal_vectors_become_one_key_with_all_their_specimens(tmp_path: Path) -> None:
    rows = [
        replace(s, lineage=Lineage("O", "F", "G", species))
        for s, species in zip(specimens(4), ["G one", "G two", "G two", None], strict=True)
    ]
    vectors = np.repeat(unit_vectors(1), 4, axis=0)
    built = build_index(
        [write_store(tmp_path / "s", rows, vectors)], tmp_path / "index", BuildPlan()
    )
    assert built.header.counts == {"vectors": 1, "specimens": 4, "labelled": 4}
    ((hit,),) = ReferenceIndex(tmp_path / "index").search(vectors[:1], 10)
    assert hit.lineage.species == "G two"
    assert hit.specimen_id == "s1"
    assert dict(hit.labels) == {
        Lineage("O", "F", "G", "G two"): 2,
        Lineage("O", "F", "G", "G one"): 1,
        Lineage("O", "F", "G"): 1,
    }
    assert hit.n_specimens == 4


def test_modalities_are_searched_together_or_apart(tmp_path: Path) -> None:
    vectors = unit_vectors(40)
    dna = write_store(tmp_path / "dna", specimens(20), vectors[:20])
    image = write_store(tmp_path / "image", specimens(20, "image"), vectors[20:])
    build_index([dna, image], tmp_path / "index", BuildPlan())
    query = vectors[25:26]
    both = ReferenceIndex(tmp_path / "index").search(query, 5)[0]
    assert (both[0].modality, both[0].specimen_id) == ("image", "s5")
    assert [h.similarity for h in both] == sorted((h.similarity for h in both), reverse=True)
    only = ReferenceIndex(tmp_path / "index", ["dna"]).search(query, 5)[0]
    assert {hit.modality for hit in only} == {"dna"}
    with pytest.raises(ClibdError, match="no text keys"):
        ReferenceIndex(tmp_path / "index", ["text"])


def test_small_sets_are_exact_and_large_ones_graphs(
    tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert build_index([store], tmp_path / "a", BuildPlan()).header.keys["dna"].kind == "exact"
    monkeypatch.setattr("clibd_cli.vectors.builder.EXACT_BELOW", 100)
    expected = "hnsw" if hnsw_available() else "exact"
    assert build_index([store], tmp_path / "b", BuildPlan()).header.keys["dna"].kind == expected


def test_without_hnswlib(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if hnsw_available():
        build_index([store], tmp_path / "graph", BuildPlan("hnsw"))
    monkeypatch.setitem(__import__("sys").modules, "hnswlib", None)
    with pytest.raises(ClibdError, match="hnswlib"):
        build_index([store], tmp_path / "refused", BuildPlan("hnsw"))
    assert not (tmp_path / "refused").exists()
    monkeypatch.setattr("clibd_cli.vectors.builder.EXACT_BELOW", 100)
    built = build_index([store], tmp_path / "exact", BuildPlan())
    assert built.header.keys["dna"].kind == "exact"
    if (tmp_path / "graph").exists():
        opened = ReferenceIndex(tmp_path / "graph")
        assert "exact" in opened.notes[0]
        assert opened.search(unit_vectors(1), 1)[0][0].specimen_id == "s0"


@pytest.mark.parametrize("kind", KINDS)
def test_one_flipped_bit_is_found(tmp_path: Path, store: Path, kind: str) -> None:
    build_index([store], tmp_path / "index", BuildPlan(kind))
    name = "hnsw.dna.bin" if kind == "hnsw" else "vectors.dna.npy"
    for damaged in (name, "keys.parquet"):
        path = tmp_path / "index" / damaged
        good = path.read_bytes()
        bad = bytearray(good)
        bad[len(bad) // 2] ^= 1
        path.write_bytes(bad)
        with pytest.raises(ClibdError, match=damaged):
            ReferenceIndex(tmp_path / "index")
        path.write_bytes(good)
    ReferenceIndex(tmp_path / "index")


def test_another_model_is_refused(tmp_path: Path, store: Path) -> None:
    out = tmp_path / "index"
    build_index([store], out, BuildPlan())
    other = write_store(
        tmp_path / "o", specimens(1), unit_vectors(1), replace(FACTS, fingerprint="b" * 64)
    )
    with pytest.raises(ClibdError, match="cannot mix"):
        build_index([other], out, BuildPlan(), base=out)


def test_a_failed_build_leaves_the_old_index(tmp_path: Path, store: Path) -> None:
    out = tmp_path / "index"
    build_index([store], out, BuildPlan())
    before = read_header(out)
    part = next(store.glob("part-*"))
    part.write_bytes(part.read_bytes()[:-100])
    with pytest.raises(ClibdError):
        build_index([store], out, BuildPlan())
    assert read_header(out) == before
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"format_version": 1}', '{"format_version": "x"}']
)
def test_a_damaged_sidecar_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(ClibdError, match=r"index\.json"):
        read_header(tmp_path)


def test_a_sidecar_of_the_future_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text(sealed({"format_version": 99}))
    with pytest.raises(ClibdError, match="newer"):
        read_header(tmp_path)


def test_half_precision_stores(tmp_path: Path) -> None:
    facts = replace(FACTS, dtype="float16")
    store = write_store(tmp_path / "s", specimens(30), unit_vectors(30), facts)
    built = build_index([store], tmp_path / "index", BuildPlan())
    assert built.header.dtype == "float16"
    found = ReferenceIndex(tmp_path / "index").search(unit_vectors(30), 1)
    assert [hits[0].specimen_id for hits in found] == [f"s{i}" for i in range(30)]
