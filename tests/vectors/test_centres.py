"""The middle of the references of a name, with and without some of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clibd_cli.vectors.builder import BuildPlan, build_index
from clibd_cli.vectors.centres import Centres
from clibd_cli.vectors.index import ReferenceIndex
from clibd_cli.vectors.leave_out import Without
from tests.vectors.made import specimens, unit_vectors, write_store

GENUS = "Libellula"


@pytest.fixture
def index(tmp_path: Path) -> ReferenceIndex:
    """Twenty photos of one genus, in turn of seven species."""
    store = write_store(tmp_path / "s", specimens(20, "image"), unit_vectors(20))
    build_index([store], tmp_path / "i", BuildPlan(kind="exact"))
    return ReferenceIndex(tmp_path / "i")


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_the_middle_is_the_mean(index: ReferenceIndex) -> None:
    query, all_of_them = unit_vectors(1, seed=1)[0], unit_vectors(20)
    centres = Centres(index, "image")
    species = cosine(query, all_of_them[[2, 9, 16]].mean(axis=0))
    assert centres.similarity(query, "species", "Libellula no2") == pytest.approx(species)
    genus = cosine(query, all_of_them.mean(axis=0))
    assert centres.similarity(query, "genus", GENUS) == pytest.approx(genus)
    assert centres.similarity(query, "genus", "Unheard") is None


def test_what_is_left_out_does_not_count(index: ReferenceIndex) -> None:
    vectors = unit_vectors(20)
    centres = Centres(index, "image")
    without_itself = Without(("image", 9))
    species = cosine(vectors[9], vectors[[2, 16]].mean(axis=0))
    near = centres.similarity(vectors[9], "species", "Libellula no2", without_itself)
    assert near == pytest.approx(species)
    without_species = Without(("image", 9), "species", "Libellula no2")
    others = cosine(vectors[9], np.delete(vectors, [2, 9, 16], axis=0).mean(axis=0))
    assert centres.similarity(vectors[9], "genus", GENUS, without_species) == pytest.approx(others)
    assert centres.similarity(vectors[9], "species", "Libellula no2", without_species) is None
    a_barcode = Without(("dna", 9))
    assert centres.similarity(vectors[9], "genus", GENUS, a_barcode) == centres.similarity(
        vectors[9], "genus", GENUS
    )
