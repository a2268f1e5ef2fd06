"""References read for comparison with each other, every row as it was given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.lineage import Lineage
from clibd_cli.vectors.builder import BuildPlan, build_index
from clibd_cli.vectors.holdings import holdings_of_index, holdings_of_stores
from clibd_cli.vectors.parts import UNFINISHED
from tests.vectors.made import specimens, unit_vectors, write_store


def test_rows_keep_their_labels_and_vectors(tmp_path: Path) -> None:
    rows, vectors = specimens(20), unit_vectors(20)
    store = write_store(tmp_path / "s", rows, vectors)
    (held,) = holdings_of_stores([store], tmp_path)
    assert held.modality == "dna"
    assert held.ids == [row.specimen_id for row in rows]
    assert held.lineages == [row.lineage for row in rows]
    assert held.barcodes == [row.content for row in rows]
    assert held.sources == [row.source for row in rows]
    np.testing.assert_array_equal(held.vectors[held.numbers], vectors)


def test_equal_vectors_are_held_once_and_equal_lineages_are_one_object(tmp_path: Path) -> None:
    vectors = unit_vectors(8)
    vectors[5] = vectors[2]
    (held,) = holdings_of_stores([write_store(tmp_path / "s", specimens(8), vectors)], tmp_path)
    assert len(held.vectors) == 7
    assert held.rows_of_vectors()[2] == [2, 5]
    assert held.lineages[0] is held.lineages[7]


def test_repeated_rows_count_once_but_another_label_counts(tmp_path: Path) -> None:
    rows, vectors = specimens(3), unit_vectors(3)
    other = replace(rows[1], lineage=Lineage("Diptera"))
    first = write_store(tmp_path / "a", rows, vectors)
    again = write_store(tmp_path / "b", [rows[0], other], vectors[:2])
    (held,) = holdings_of_stores([first, again], tmp_path)
    assert held.ids == ["s0", "s1", "s2", "s1"]
    assert held.lineages[-1] == Lineage("Diptera")
    assert held.numbers.tolist() == [0, 1, 2, 1]


def test_modalities_are_apart(tmp_path: Path) -> None:
    dna = write_store(tmp_path / "d", specimens(4), unit_vectors(4))
    photos = write_store(tmp_path / "p", specimens(5, "image"), unit_vectors(5, seed=1))
    found = holdings_of_stores([dna, photos], tmp_path)
    assert [(held.modality, len(held)) for held in found] == [("image", 5), ("dna", 4)]
    assert found[0].barcodes == [""] * 5


def test_an_index_holds_the_same(tmp_path: Path) -> None:
    vectors = unit_vectors(9)
    vectors[8] = vectors[0]
    store = write_store(tmp_path / "s", specimens(9), vectors)
    build_index([store], tmp_path / "index", BuildPlan())
    (held,) = holdings_of_index(tmp_path / "index")
    (direct,) = holdings_of_stores([store], tmp_path)
    assert sorted(held.ids) == sorted(direct.ids)
    for row, name in enumerate(held.ids):
        place = direct.ids.index(name)
        assert held.lineages[row] == direct.lineages[place]
        np.testing.assert_array_equal(
            held.vectors[held.numbers[row]], direct.vectors[direct.numbers[place]]
        )


def test_an_unfinished_store_is_refused(tmp_path: Path) -> None:
    store = write_store(tmp_path / "s", specimens(3), unit_vectors(3))
    (store / UNFINISHED).write_text("clibd embed", encoding="utf-8")
    with pytest.raises(ClibdError, match="unfinished"):
        holdings_of_stores([store], tmp_path)
