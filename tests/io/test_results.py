from __future__ import annotations

import io
from pathlib import Path

import pytest

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.lineage import Lineage
from clibd_cli.core.records import Call, Hit, Skip, Specimen
from clibd_cli.io.results import (
    FLOAT_COLUMNS,
    HIT_COLUMNS,
    INT_COLUMNS,
    RESULT_COLUMNS,
    SkipWriter,
    call_row,
    column_kinds,
    delimited_rows,
    hit_rows,
    open_results,
    skipped_path,
)

XESTIA = Lineage("Lepidoptera", "Noctuidae", "Xestia", "Xestia c-nigrum")
HIT = Hit(7, "dna", 0.98765432, "K1", XESTIA, "BOLD:AAA0001", "refs.fasta#K1", ((XESTIA, 3),))


def call(**changes: object) -> Call:
    facts: dict[str, object] = {
        "specimen_id": "S1",
        "lineage": Lineage("Lepidoptera", "Noctuidae"),
        "confidence": {"order": 1.0, "family": 0.87654, "genus": None, "species": None},
        "nearest": HIT,
        "n_support": 3,
        "evidence": "image+dna",
        "source": "photos/S1.jpg",
        "flags": ("a", "b"),
    }
    return Call(**{**facts, **changes})  # type: ignore[arg-type]


def test_the_promised_columns() -> None:
    assert ", ".join(RESULT_COLUMNS) == (
        "specimen_id, order, family, genus, species, rank, confidence_order, confidence_family, "
        "confidence_genus, confidence_species, nearest_id, nearest_species, nearest_similarity, "
        "n_support, evidence, flags, source, identity, overlap_bp, "
        "conflict"
    )
    assert {*RESULT_COLUMNS, *HIT_COLUMNS} > FLOAT_COLUMNS | INT_COLUMNS


def test_rows_fill_the_columns() -> None:
    assert tuple(call_row(call())) == RESULT_COLUMNS
    specimen = Specimen("Q1", "image", "q.jpg", "q.jpg")
    rows = hit_rows(specimen, [HIT, HIT])
    assert [tuple(row) for row in rows] == [HIT_COLUMNS] * 2
    assert [row["position"] for row in rows] == [1, 2]
    assert rows[0]["n_specimens"] == 3


def test_results_as_csv(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    nameless = call(lineage=Lineage(), confidence={}, nearest=None, n_support=0, flags=())
    with open_results(path, RESULT_COLUMNS) as results:
        results.write(call_row(call()))
        results.write(call_row(nameless))
    assert path.read_bytes().decode() == (
        ",".join(RESULT_COLUMNS) + "\n"
        "S1,Lepidoptera,Noctuidae,,,family,1.0000,0.8765,,,K1,Xestia c-nigrum,0.9877,3,image+dna,"
        "a;b,photos/S1.jpg,,,\n"
        "S1,,,,,,,,,,,,,0,image+dna,,photos/S1.jpg,,,\n"
    )


def test_skips_are_listed_beside_the_results(tmp_path: Path) -> None:
    path = skipped_path(tmp_path / "results.parquet")
    assert path.name == "results.skipped.csv"
    with SkipWriter(path) as skips:
        skips.write(Skip("a.fasta#x", "x", "too short, or so"))
        assert skips.count == 1
    assert path.read_text(encoding="utf-8") == (
        'source,specimen_id,reason\na.fasta#x,x,"too short, or so"\n'
    )


def test_no_skip_leaves_a_header(tmp_path: Path) -> None:
    path = tmp_path / "r.skipped.csv"
    SkipWriter(path).close()
    assert path.read_text(encoding="utf-8") == "source,specimen_id,reason\n"


def test_skips_given_up_leave_nothing(tmp_path: Path) -> None:
    SkipWriter(tmp_path / "r.skipped.csv").discard()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["results.xlsx", "results", "results.csv.gz"])
def test_another_suffix_is_a_usage_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=name) as caught:
        open_results(tmp_path / name, RESULT_COLUMNS)
    assert caught.value.exit_code == 2
    assert ".parquet" in str(caught.value.hint)


def test_a_folder_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "results.csv").mkdir()
    with pytest.raises(ClibdError, match=r"results\.csv cannot be written"):
        open_results(tmp_path / "results.csv", RESULT_COLUMNS)


def test_hits_on_a_stream() -> None:
    stream = io.StringIO(newline="")
    rows = delimited_rows(stream, HIT_COLUMNS)
    rows.write(hit_rows(Specimen("=Q", "dna", "ACGT", "q.fasta#=Q"), [HIT])[0])
    assert stream.getvalue() == (
        ",".join(HIT_COLUMNS) + "\n"
        "'=Q,dna,1,K1,dna,0.9877,Lepidoptera,Noctuidae,Xestia,Xestia c-nigrum,BOLD:AAA0001,3,"
        "refs.fasta#K1\n"
    )


def test_kinds() -> None:
    kinds = column_kinds(["n_support", "similarity", "anything"])
    assert kinds == {"n_support": int, "similarity": float, "anything": str}
