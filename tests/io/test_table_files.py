"""Tables opened to be read back, some rows at a time."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import Skip
from clibd_cli.io.table_files import ParquetTable, TextTable
from clibd_cli.io.tables import Row


def test_cells_of_text_are_as_they_were_meant(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text('Specimen ID\tGenus\n\'=a\t"A ""b"""\n\'quoted\'\t"odd\n1\n', "utf-8")
    table = TextTable(path)
    assert (table.columns, table.delimiter) == (["specimen_id", "genus"], "\t")
    assert list(table) == [
        Row(2, ["=a", 'A "b"']),
        Row(3, ["'quoted'", '"odd']),
        Row(4, ["1", ""]),
    ]


def test_a_bad_line_is_a_skip(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,genus\na,b\na,b,c\n", encoding="utf-8")
    assert [isinstance(row, Skip) for row in TextTable(path)] == [False, True]


def test_parquet_comes_in_batches_of_chosen_columns(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    n = 40_000
    columns = {"Key ID": list(range(n)), "x": [None] * n, "Genus": ["A"] * n}
    pq.write_table(pa.table(columns), path)
    table = ParquetTable(path)
    assert table.columns == ["key_id", "x", "genus"]
    batches = list(table.batches({"genus": 2, "id": 0}))
    assert len(batches) > 2
    assert sum(batch.num_rows for batch in batches) == n
    assert batches[0].schema.names == ["genus", "id"]
    assert batches[0].to_pylist()[1] == {"genus": "A", "id": 1}


def test_of_two_columns_with_one_name_the_first_one_counts(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]), path)
    (batch,) = ParquetTable(path).batches({"a": 0})
    assert batch.to_pylist() == [{"a": 1}]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": list(range(50_000))}), path, compression="zstd")
    raw = bytearray(path.read_bytes())
    raw[4:400] = bytes(396)
    path.write_bytes(raw)
    with pytest.raises(ClibdError, match=r"t\.parquet cannot be read as a table"):
        list(ParquetTable(path).batches({"a": 0}))
    path.write_bytes(b"PAR1")
    with pytest.raises(ClibdError, match=r"t\.parquet cannot be read as a table"):
        ParquetTable(path)
