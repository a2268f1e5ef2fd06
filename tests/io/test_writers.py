from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import Skip
from clibd_cli.io import writers
from clibd_cli.io.results import SkipWriter, open_results, skipped_path
from clibd_cli.io.writers import DelimitedRows, ResultWriter, safe_cell

COLUMNS = ("specimen_id", "similarity", "n_support")
SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")


def read_back(path: Path) -> list[dict[str, object]]:
    if path.suffix == ".parquet":
        from pyarrow import parquet

        rows: list[dict[str, object]] = parquet.read_table(path).to_pylist()
        return rows
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    delimiter = "," if path.suffix == ".csv" else "\t"
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_rows_come_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out/r{suffix}"
    with open_results(path, COLUMNS) as results:
        results.write({"specimen_id": "ü,\"'", "similarity": np.float32(0.5), "n_support": 3})
        results.write({"specimen_id": "b", "n_support": np.int64(4)})
        results.write({"specimen_id": "c", "similarity": float("nan"), "extra": 1})
    text = suffix in (".csv", ".tsv")
    assert read_back(path) == [
        {
            "specimen_id": "ü,\"'",
            "similarity": "0.5000" if text else 0.5,
            "n_support": "3" if text else 3,
        },
        {
            "specimen_id": "b",
            "similarity": "" if text else None,
            "n_support": "4" if text else 4,
        },
        {
            "specimen_id": "c",
            "similarity": "" if text else None,
            "n_support": "" if text else None,
        },
    ]
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_is_there_until_the_end_and_nothing_after_a_failure(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"r{suffix}"
    path.write_text("old", encoding="utf-8")

    def fail() -> None:
        with open_results(path, COLUMNS) as results:
            results.write({"specimen_id": "a"})
            assert path.read_text(encoding="utf-8") == "old"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert path.read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_rows_can_be_followed_as_they_come(tmp_path: Path, suffix: str) -> None:
    with open_results(tmp_path / f"r{suffix}", COLUMNS) as results:
        partial = tmp_path / f"r.partial{suffix}"
        results.write({"specimen_id": "first"})
        assert "first" in partial.read_text(encoding="utf-8")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_same_rows_same_bytes(tmp_path: Path, suffix: str) -> None:
    for name in ("a", "b"):
        with open_results(tmp_path / f"{name}{suffix}", COLUMNS) as results:
            for i in range(10):
                results.write({"specimen_id": str(i), "similarity": i / 7})
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_parquet_in_row_groups_with_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyarrow import parquet

    monkeypatch.setattr(writers, "ROWS_A_GROUP", 4)
    path = tmp_path / "r.parquet"
    with open_results(path, COLUMNS) as results:
        for i in range(10):
            results.write({"specimen_id": str(i)})
    file = parquet.ParquetFile(path)
    assert file.num_row_groups == 3
    assert [str(field.type) for field in file.schema_arrow] == ["string", "double", "int64"]
    assert file.read().column("specimen_id").to_pylist() == [str(i) for i in range(10)]


def test_an_empty_parquet_has_its_columns(tmp_path: Path) -> None:
    from pyarrow import parquet

    open_results(tmp_path / "r.parquet", COLUMNS).close()
    assert parquet.read_table(tmp_path / "r.parquet").column_names == list(COLUMNS)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=cmd()", "'=cmd()"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\t=x", "' =x"),
        ("\rx", "' x"),
        (" =x", "' =x"),
        ("\n=x", "' =x"),
        ("two\r\nlines", "two lines"),
        ("\x1b[31mred\u2028", " [31mred "),
        ("a=b", "a=b"),
        (-0.25, "-0.2500"),
        (-0.00001, "0.0000"),
        (0.00005, "0.0001"),  # its binary value is a little more than the tie
        (0.03125, "0.0312"),  # exactly a tie: to even
        (0.09375, "0.0938"),
        (-3, "-3"),
        (None, ""),
        ("", ""),
    ],
)
def test_cells_are_safe(value: object, cell: str) -> None:
    assert safe_cell(value) == cell


@given(st.lists(st.text(), max_size=5))
@settings(deadline=None)
def test_no_text_breaks_a_row_or_starts_a_formula(texts: list[str]) -> None:
    stream = io.StringIO(newline="")
    rows = DelimitedRows(stream, {"specimen_id": str, "source": str})
    for text in texts:
        rows.write({"specimen_id": text, "source": "end"})
    assert stream.getvalue().count("\n") == len(texts) + 1
    stream.getvalue().encode("utf-8")
    for row in list(csv.reader(io.StringIO(stream.getvalue(), newline="")))[1:]:
        assert row[1] == "end"
        assert not row[0].strip().startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_names_that_are_not_utf8_can_be_written(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"r{suffix}"
    with open_results(path, COLUMNS) as results:
        results.write({"specimen_id": os.fsdecode(b"caf\xe9")})
    assert read_back(path)[0]["specimen_id"] in ("caf?", "café")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_is_an_error_that_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    def full(self: ResultWriter, row: object) -> None:
        raise OSError(28, "No space left on device")

    results = open_results(tmp_path / f"r{suffix}", COLUMNS)
    monkeypatch.setattr(type(results), "_write", full)
    with pytest.raises(ClibdError, match="cannot be written: No space left"):
        results.write({})
    results.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder nobody can write to")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_folder_that_cannot_be_written_is_an_error_that_names_the_file(suffix: str) -> None:
    with pytest.raises(ClibdError, match=rf"/proc/r\{suffix} cannot be written"):
        open_results(Path(f"/proc/r{suffix}"), COLUMNS)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_cannot_be_begun_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    def refuse(self: Path, mode: str = "r", *_: object, **__: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ClibdError, match="cannot be written: Permission denied"):
        open_results(tmp_path / f"r{suffix}", COLUMNS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_a_killed_run_left_is_overwritten(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"r.partial{suffix}").write_text("half", encoding="utf-8")
    (tmp_path / f".r{suffix}.lock").touch()
    with open_results(tmp_path / f"r{suffix}", COLUMNS) as results:
        results.write({"specimen_id": "a"})
    assert len(read_back(tmp_path / f"r{suffix}")) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == [f"r{suffix}"]


def test_two_runs_do_not_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    with open_results(path, COLUMNS) as results:
        results.write({"specimen_id": "first"})
        with pytest.raises(ClibdError, match=r"another run of clibd is writing .*r\.csv"):
            open_results(path, COLUMNS)
        open_results(tmp_path / "r.tsv", COLUMNS).close()
        results.write({"specimen_id": "second"})
    assert [row["specimen_id"] for row in read_back(path)] == ["first", "second"]
    open_results(path, COLUMNS).close()
    assert read_back(path) == []


@pytest.mark.parametrize("letter", ["x", "ü", "蛾"])
def test_results_and_skips_with_long_names_keep_apart(tmp_path: Path, letter: str) -> None:
    stem = letter * (230 // len(letter.encode()))
    path = tmp_path / f"{stem}.csv"
    with open_results(path, COLUMNS) as results, SkipWriter(skipped_path(path)) as skips:
        results.write({"specimen_id": "a"})
        skips.write(Skip("f", "b", "why"))
    assert [row["specimen_id"] for row in read_back(path)] == ["a"]
    assert [row["specimen_id"] for row in read_back(skipped_path(path))] == ["b"]


def test_closing_twice_is_closing_once(tmp_path: Path) -> None:
    results = open_results(tmp_path / "r.csv", COLUMNS)
    results.close()
    results.close()
    results.discard()
    assert (tmp_path / "r.csv").exists()


@given(st.lists(st.tuples(st.text(), st.floats() | st.none(), st.integers(0, 9)), max_size=6))
@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_all_formats_hold_the_same_rows(
    tmp_path: Path, rows: list[tuple[str, float | None, int]]
) -> None:
    counts = set()
    for suffix in SUFFIXES:
        with open_results(tmp_path / f"r{suffix}", COLUMNS) as results:
            for row in rows:
                results.write(dict(zip(COLUMNS, row, strict=True)))
        counts.add(len(read_back(tmp_path / f"r{suffix}")))
    assert counts == {len(rows)}
