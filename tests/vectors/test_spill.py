"""Vectors kept by digest, in memory and in a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clibd_cli.core.digest import sha256_text
from clibd_cli.vectors.spill import VectorSpill
from clibd_cli.vectors.unique import UniqueVectors
from tests.vectors.made import unit_vectors


@pytest.mark.parametrize("in_memory", [1, 1 << 20])
def test_vectors_come_back_in_any_order(tmp_path: Path, in_memory: int) -> None:
    vectors, strengths = unit_vectors(20), np.arange(20, dtype=np.float32)
    digests = [sha256_text(str(i)) for i in range(20)]
    with VectorSpill(16, tmp_path, in_memory) as spill:
        spill.add(digests[:10], vectors[:10], strengths[:10])
        assert spill.get(digests[3:4])[0].tolist() == vectors[3:4].tolist()
        spill.add(digests[10:], vectors[10:], strengths[10:])
        order = [19, 0, 7, 7]
        found, strong = spill.get([digests[i] for i in order])
        assert (found == vectors[order]).all()
        assert strong.tolist() == order
        assert len(spill) == 20
        assert digests[0] in spill
        assert sha256_text("unknown") not in spill


def test_the_first_vector_of_a_digest_stays(tmp_path: Path) -> None:
    with VectorSpill(16, tmp_path) as spill:
        spill.add(["ab" * 32, "ab" * 32], unit_vectors(2), np.array([1.0, 2.0]))
        vectors, strengths = spill.get(["ab" * 32])
        assert (vectors == unit_vectors(2)[:1]).all()
        assert strengths == [1.0]


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    with VectorSpill(16, tmp_path, in_memory=1) as spill:
        spill.add(["ab" * 32], unit_vectors(1), np.ones(1))
    assert list(tmp_path.iterdir()) == []


@settings(deadline=None, max_examples=30)
@given(picks=st.lists(st.integers(0, 5), max_size=40), cut=st.integers(1, 10))
def test_equal_vectors_share_a_number(
    tmp_path_factory: pytest.TempPathFactory, picks: list[int], cut: int
) -> None:
    path = tmp_path_factory.mktemp("unique") / "v.npy"
    vectors = unit_vectors(6)[picks]
    numbers: list[int] = []
    with UniqueVectors(path, 16, "float32") as unique:
        for start in range(0, len(picks), cut):
            numbers += unique.number(vectors[start : start + cut]).tolist()
    first_seen = list(dict.fromkeys(picks))
    assert numbers == [first_seen.index(pick) for pick in picks]
    written = np.load(path)
    assert written.shape == (len(first_seen), 16)
    assert (written == unit_vectors(6)[first_seen]).all()
