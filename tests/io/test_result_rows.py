"""Tables of results, read again row by row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.lineage import clean_text
from clibd_cli.core.records import Skip
from clibd_cli.io.result_rows import open_result_rows
from tests.io.made_results import ROWS, made_row, write_results

SUFFIXES = [".csv", ".tsv", ".parquet", ".jsonl"]


def known(path: Path) -> list[dict[str, Any]]:
    rows = list(open_result_rows(path))
    assert not [row for row in rows if isinstance(row, Skip)]
    return [dict(row) for row in rows]  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_all_formats_are_read_alike(tmp_path: Path, suffix: str) -> None:
    rows = known(write_results(tmp_path / f"r{suffix}"))
    assert [row["specimen_id"] for row in rows] == [row["specimen_id"] for row in ROWS]
    for row, made in zip(rows, ROWS, strict=True):
        for name, value in made.items():
            expected = pytest.approx(value, abs=5e-5) if isinstance(value, float) else value or None
            assert row[name] == (0 if value == 0 else expected), name


def plain(cell: str | None) -> str | None:
    return (cell or "").lstrip("' ") or None


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_rows_come_as_they_are_asked_for(tmp_path: Path, suffix: str) -> None:
    rows = iter(open_result_rows(write_results(tmp_path / f"r{suffix}")))
    first = next(rows)
    assert not isinstance(first, Skip)
    assert first["specimen_id"] == "a1"


def test_columns_are_found_by_name_and_may_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("Species;Specimen ID;confidence_species\nAedes vexans;x;0,98\n", "utf-8")
    (row,) = known(path)
    assert (row["specimen_id"], row["species"], row["confidence_species"]) == (
        "x", "Aedes vexans", 0.98
    )  # fmt: skip
    assert row.get("order") is None


def test_what_cannot_be_used_is_a_skip_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    lines = ["specimen_id,order,n_support", "a,Diptera,3", "b,Diptera,many", ",Diptera,1", "c"]
    path.write_text("\n".join([*lines, "a,Diptera,3", "d,Diptera,2.0", ""]), encoding="utf-8")
    rows = list(open_result_rows(path))
    assert [row.reason if isinstance(row, Skip) else row["n_support"] for row in rows] == [
        3,
        "n_support is no number: 'many'",
        "the row has no specimen_id",
        "1 cells where the header has 3",
        "an earlier row has the same specimen_id",
        2,
    ]
    assert isinstance(rows[1], Skip)
    assert rows[1].source.endswith("r.csv#line 3")


def test_json_lines_that_are_broken_are_skips(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    rows = [{"specimen_id": 7, "order": "Diptera"}, {"specimen_id": "\ud800", "order": None}]
    path.write_text(f"{json.dumps(rows[0])}\n[1]\n{{\n\n{json.dumps(rows[1])}\n", "utf-8")
    found = list(open_result_rows(path))
    assert [isinstance(row, Skip) for row in found] == [False, True, True, False]
    assert found[0]["specimen_id"] == "7"  # type: ignore[index]
    assert found[3]["specimen_id"] == "?"  # type: ignore[index]


def test_numbers_that_are_not_finite_are_none(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("specimen_id,order,confidence_order\na,D,nan\nb,D,inf\n", encoding="utf-8")
    assert [row["confidence_order"] for row in known(path)] == [None, None]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("r.csv", b"name,order\nx,y\n", "no table of results: it has columns name, order"),
        ("r.csv", b"specimen_id,colour\nx,red\n", "no table of results"),
        ("r.csv", b"query_id,order,position\nx,y,1\n", "hits of `clibd search`"),
        ("r.csv", b"", "empty"),
        ("r.parquet", b"PAR1 no", "cannot be read as a table"),
        ("r.jsonl", b"specimen_id,order\n", "first line is no JSON object"),
        ("r.csv", b"\x00\x01\x02\x7fELF\x00" * 99, "r.csv"),
    ],
)
def test_what_is_no_table_of_results(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ClibdError, match=r"r\.") as told:
        open_result_rows(tmp_path / name)
    assert says in told.value.message


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_results_without_a_row(tmp_path: Path, suffix: str) -> None:
    assert known(write_results(tmp_path / f"r{suffix}", [])) == []


def test_missing_files_and_strange_suffixes(tmp_path: Path) -> None:
    with pytest.raises(ClibdError, match="does not exist"):
        open_result_rows(tmp_path / "gone.csv")
    with pytest.raises(UsageError, match="cannot be read"):
        open_result_rows(tmp_path / "r.xlsx")


@given(st.lists(st.tuples(st.text(min_size=1), st.text()), max_size=5))
@settings(
    deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_text_comes_back_from_every_format(
    tmp_path: Path, cells: list[tuple[str, str]]
) -> None:
    made = [made_row(f"id {i} {first}", second) for i, (first, second) in enumerate(cells)]
    expected = [
        [clean_text(str(row[name] or "")).encode("utf-8", "replace").decode() or None for name in
         ("specimen_id", "order")]
        for row in made
    ]  # fmt: skip
    for suffix in SUFFIXES:
        rows = known(write_results(tmp_path / f"r{suffix}", made, log=False))
        found = [[row["specimen_id"], row["order"]] for row in rows]
        # CSV cannot tell an apostrophe of its own from one that a lab wrote.
        if suffix in (".csv", ".tsv"):
            found = [[plain(cell) for cell in row] for row in found]
            wanted = [[plain(cell) for cell in row] for row in expected]
            assert found == wanted
        else:
            assert found == expected
