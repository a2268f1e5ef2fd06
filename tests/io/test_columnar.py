"""Tables read whole: every format and encoding gives the same columns."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clibd_cli.core.errors import ClibdError
from clibd_cli.io import columnar
from clibd_cli.io.columnar import read_columns
from clibd_cli.io.results import open_results

ROWS = [["a", "Aedes"], ["b", "Löwia"], ["c", ""]]


def wanted(columns: list[str]) -> dict[str, int]:
    return {"id": columns.index("specimen_id"), "name": columns.index("genus")}


def cells(path: Path) -> tuple[list[list[str]], int]:
    table, unreadable = read_columns(path, wanted)
    assert table.schema.names == ["id", "name"]
    assert {str(field.type) for field in table.schema} == {"string"}
    rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
    return [[cell or "" for cell in row] for row in rows], unreadable


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_text(tmp_path: Path, delimiter: str, end: str, encoding: str) -> None:
    table = tmp_path / "t.csv"
    lines = [delimiter.join(["Genus", "n", "Specimen ID"])]
    lines += [delimiter.join([name, "1", row_id]) for row_id, name in ROWS]
    table.write_bytes((end.join(lines) + end).encode(encoding))
    assert cells(table) == (ROWS, 0)


def test_compressed_parquet_and_json_lines(tmp_path: Path) -> None:
    text = "specimen_id,genus\n" + "".join(f"{i},{name}\n" for i, name in ROWS)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text.encode()))
    columns = {"n": [1, 2, 3], "genus": [g for _, g in ROWS], "specimen_id": [i for i, _ in ROWS]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    lines = [json.dumps({"specimen_id": i, "n": None, "genus": g}) for i, g in ROWS]
    (tmp_path / "t.jsonl").write_text("\n".join(lines), encoding="utf-8")
    for name in ("t.csv.gz", "t.parquet", "t.jsonl"):
        assert cells(tmp_path / name) == (ROWS, 0)


def test_numbers_are_text(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"specimen_id": [7, None], "genus": [None, "x"]}), tmp_path / "n.parquet"
    )
    assert cells(tmp_path / "n.parquet") == ([["7", ""], ["", "x"]], 0)


def test_quotes_and_bad_lines(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text('specimen_id,genus\n"a, b",Aedes\nc\n"x\ny",Culex\n', encoding="utf-8")
    assert cells(table) == ([["a, b", "Aedes"], ["c", ""], ["x\ny", "Culex"]], 0)
    table.write_text("specimen_id,genus\na,Aedes\nc\nd,1,2\n\ne,Culex\n", encoding="utf-8")
    assert cells(table) == ([["a", "Aedes"], ["c", ""], ["e", "Culex"]], 1)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".jsonl"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_what_clibd_wrote_is_read_as_it_was_meant(tmp_path: Path, suffix: str, quote: str) -> None:
    rows = [["=a", f"{quote}A, b"], ["-\u00a0c", f"'{quote}D"], ["\u00a0=e", "x"]]
    with open_results(tmp_path / f"t{suffix}", ["specimen_id", "genus"]) as table:
        for row in rows:
            table.write(dict(zip(("specimen_id", "genus"), row, strict=True)))
    assert cells(tmp_path / f"t{suffix}") == (rows, 0)


@pytest.mark.parametrize("name", ["t.parquet", "t.jsonl", "t.csv"])
def test_what_is_no_table_is_said_so(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(ClibdError, match=name):
        read_columns(tmp_path / name, wanted)
    with pytest.raises(ClibdError, match="does not exist"):
        read_columns(tmp_path / "gone.csv", wanted)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_header_after_a_blank_line_is_no_row(tmp_path: Path, end: str, mark: str) -> None:
    lines = ["", "specimen_id,genus", "a,Aedes", ""]
    (tmp_path / "t.csv").write_bytes((mark + end.join(lines)).encode())
    assert cells(tmp_path / "t.csv")[0] == [["a", "Aedes"]]


words = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters=',"'), max_size=8)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(words, min_size=1, max_size=3), max_size=12))
def test_the_fast_reader_agrees_with_the_careful_one(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    table = tmp_path_factory.mktemp("t") / "t.csv"
    lines = ["specimen_id,genus", *(",".join(row) for row in rows)]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    fast = _named(table)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columnar, "_plain_text", lambda _: None)
        assert _named(table) == fast


def _named(table: Path) -> list[list[str]]:
    # A line of blanks is none to the careful reader, and a row without names to the fast one.
    return [row for row in cells(table)[0] if any(cell.strip() for cell in row)]
