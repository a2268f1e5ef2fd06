"""Small files that would unpack to gigabytes are refused before they do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clibd_cli.core import bombs
from clibd_cli.core.errors import ClibdError
from clibd_cli.io.columnar import read_columns
from clibd_cli.io.result_rows import open_result_rows
from clibd_cli.vectors.parts import common_facts, part_paths, read_rows
from clibd_cli.vectors.schema import MAX_DIM, store_schema
from clibd_cli.vectors.sums import SUMS
from tests.vectors.made import FACTS, specimens, unit_vectors, write_store


def repeated(text: str, rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([text]))


def write(path: Path, columns: dict[str, pa.Array]) -> Path:
    # Texts stay in the dictionary, however long they are.
    options = {"store_schema": False, "dictionary_pagesize_limit": 1 << 28}
    pq.write_table(pa.table(columns), path, compression="zstd", **options)
    return path


@pytest.mark.parametrize(
    ("length", "rows", "says"),
    [(200_000, 20_000, "decompression bomb"), (2_000_000, 10, "a cell of 2,000,000 characters")],
)
def test_a_table_that_repeats_a_long_text(
    tmp_path: Path, length: int, rows: int, says: str
) -> None:
    columns = {"specimen_id": repeated("x" * length, rows), "order": repeated("Diptera", rows)}
    path = write(tmp_path / "r.parquet", columns)
    assert path.stat().st_size < 1_000
    with pytest.raises(ClibdError, match=says):
        list(open_result_rows(path))
    with pytest.raises(ClibdError, match=says):
        read_columns(path, lambda names: {name: names.index(name) for name in names})


def test_a_table_of_more_rows_than_it_can_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bombs, "BOMB_BYTES", 1 << 20)
    columns = {"specimen_id": repeated("a", 1_000_000), "order": repeated("Diptera", 1_000_000)}
    with pytest.raises(ClibdError, match="decompression bomb"):
        open_result_rows(write(tmp_path / "r.parquet", columns))


def test_long_tables_that_are_no_bombs_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bombs, "BOMB_BYTES", 1 << 16)
    ids = pa.array([f"s{i}" for i in range(30_000)])
    path = write(tmp_path / "r.parquet", {"specimen_id": ids, "order": repeated("Diptera", 30_000)})
    assert len(list(open_result_rows(path))) == 30_000


def test_columns_of_lists_are_passed_over(tmp_path: Path) -> None:
    columns = {"specimen_id": pa.array(["a"]), "order": pa.array(["Diptera"])}
    path = write(tmp_path / "r.parquet", columns | {"x": pa.array([[1] * 100_000])})
    (row,) = open_result_rows(path)
    assert set(row) == {"specimen_id", "order"}


def test_a_store_that_repeats_a_long_text(tmp_path: Path) -> None:
    store = write_store(tmp_path / "s", specimens(2), unit_vectors(2))
    (store / SUMS).unlink()
    (part,) = part_paths(store)
    rows = pq.read_table(part)
    at = rows.schema.get_field_index("source")
    long = pa.array(["x" * 2_000_000] * 2)
    pq.write_table(rows.set_column(at, rows.schema.field(at), long), part, compression="zstd")
    with pytest.raises(ClibdError, match=r"part-000000.*a cell of 2,000,000 characters"):
        list(read_rows([store]))


def test_a_store_of_absurd_width(tmp_path: Path) -> None:
    schema = store_schema(replace(FACTS, dim=MAX_DIM + 1))
    pq.write_table(schema.empty_table(), tmp_path / "part-000000.parquet")
    with pytest.raises(ClibdError, match="16,385 wide"):
        common_facts([tmp_path])
