"""Stores: whole parts, one model, one writer, readable by any Parquet tool."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from clibd_cli.core.errors import ClibdError
from clibd_cli.vectors.parts import common_facts, count_rows, find_stores, part_paths, read_rows
from clibd_cli.vectors.schema import strengths_of, to_table, vectors_of
from clibd_cli.vectors.store import StoreWriter
from clibd_cli.vectors.sums import SUMS
from tests.vectors.made import FACTS, specimens, unit_vectors, write_store

COLUMNS = [
    *("specimen_id", "modality", "embedding", "order", "family", "genus", "species"),
    *("bin_uri", "barcode", "source", "content_sha256", "strength"),
]


def test_the_columns_are_the_promised_ones(tmp_path: Path) -> None:
    write_store(tmp_path / "s", specimens(3), unit_vectors(3))
    schema = pq.read_schema(part_paths(tmp_path / "s")[0])
    assert schema.names == COLUMNS
    assert str(schema.field("embedding").type) == "fixed_size_list<element: float>[16]"
    metadata = {key.decode() for key in schema.metadata}
    assert metadata >= {
        "clibd.format_version",
        "clibd.model",
        "clibd.fingerprint",
        "clibd.tool_version",
    }


def test_any_parquet_tool_reads_the_folder(tmp_path: Path) -> None:
    store = write_store(tmp_path / "s", specimens(3), unit_vectors(3))
    (store / "_skipped.csv").write_text("source,specimen_id,reason\n")
    assert ds.dataset(store).to_table().num_rows == 3


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_vectors_come_back(tmp_path: Path, dtype: str) -> None:
    vectors = unit_vectors(5)
    store = write_store(tmp_path / "s", specimens(5), vectors, replace(FACTS, dtype=dtype))
    (rows,) = read_rows([store])
    back = vectors_of(rows.column("embedding"), 16)
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, vectors, atol=1e-3 if dtype == "float16" else 0)
    assert common_facts([store]).dtype == dtype


def test_strengths_come_back_and_may_be_unknown(tmp_path: Path) -> None:
    strengths = np.array([0.5, np.nan, 8.0])
    with StoreWriter(tmp_path / "s", FACTS) as store:
        store.write(to_table(specimens(3), ["x"] * 3, unit_vectors(3), FACTS, strengths))
        store.finish()
    (rows,) = read_rows([tmp_path / "s"])
    assert rows.column("strength").to_pylist() == [0.5, None, 8.0]
    np.testing.assert_array_equal(strengths_of(rows), strengths)


def test_a_part_without_strengths_is_of_an_older_clibd(tmp_path: Path) -> None:
    store = write_store(tmp_path / "s", specimens(2), unit_vectors(2))
    (part,) = part_paths(store)
    pq.write_table(pq.read_table(part).drop_columns(["strength"]), part)
    (store / SUMS).unlink()
    assert common_facts([store]) == FACTS
    (rows,) = read_rows([store], ["specimen_id", "strength"])
    assert np.isnan(strengths_of(rows)).all()


def test_parts_are_numbered_on(tmp_path: Path) -> None:
    write_store(tmp_path / "s", specimens(2), unit_vectors(2))
    write_store(tmp_path / "s", specimens(2, first=2), unit_vectors(2))
    assert [p.name for p in part_paths(tmp_path / "s")] == [
        "part-000000.parquet",
        "part-000001.parquet",
    ]
    assert count_rows([tmp_path / "s"]) == 4


def test_another_model_is_refused(tmp_path: Path) -> None:
    write_store(tmp_path / "s", specimens(2), unit_vectors(2))
    other = replace(FACTS, model="other", fingerprint="b" * 64)
    with pytest.raises(ClibdError, match="cannot mix"):
        StoreWriter(tmp_path / "s", other)
    with StoreWriter(tmp_path / "s", other, overwrite=True):
        assert part_paths(tmp_path / "s") == []


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    with (
        StoreWriter(tmp_path / "s", FACTS),
        pytest.raises(ClibdError, match="another run of clibd"),
    ):
        StoreWriter(tmp_path / "s", FACTS)
    StoreWriter(tmp_path / "s", FACTS).close()


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("dear")
    with pytest.raises(ClibdError, match="other files"):
        StoreWriter(tmp_path, FACTS)


def test_half_written_parts_are_swept_and_never_read(tmp_path: Path) -> None:
    store = write_store(tmp_path / "s", specimens(2), unit_vectors(2))
    torn = store / ".part-000001.99.partial.parquet"
    torn.write_bytes(b"PAR1 torn")
    assert count_rows([store]) == 2
    StoreWriter(store, FACTS).close()
    assert not torn.exists()


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    store = write_store(tmp_path / "s", specimens(50), unit_vectors(50))
    part = part_paths(store)[0]
    raw = bytearray(part.read_bytes())
    raw[len(raw) // 3] ^= 4
    part.write_bytes(raw)
    with pytest.raises(ClibdError, match="part-000000"):
        list(read_rows([store]))


def test_a_failure_while_writing_leaves_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", fail)
    with StoreWriter(tmp_path / "s", FACTS) as store, pytest.raises(OSError, match="No space"):
        store.write(to_table(specimens(1), ["0" * 64], unit_vectors(1), FACTS))
    assert [p for p in (tmp_path / "s").iterdir() if "part" in p.name] == []


def test_stores_are_found_below_a_folder(tmp_path: Path) -> None:
    for name in ("all/shard-1-of-2", "all/shard-2-of-2", "other"):
        write_store(tmp_path / name, specimens(1), unit_vectors(1))
    assert find_stores(tmp_path / "all") == [
        tmp_path / "all" / "shard-1-of-2",
        tmp_path / "all" / "shard-2-of-2",
    ]
    assert len(find_stores(tmp_path)) == 3


def test_stores_of_different_models_do_not_mix(tmp_path: Path) -> None:
    write_store(tmp_path / "a", specimens(1), unit_vectors(1))
    write_store(tmp_path / "b", specimens(1), unit_vectors(1), replace(FACTS, fingerprint="b" * 64))
    with pytest.raises(ClibdError, match="cannot mix"):
        common_facts([tmp_path / "a", tmp_path / "b"])


def test_a_foreign_parquet_file_is_no_store(tmp_path: Path) -> None:
    import pyarrow as pa

    pq.write_table(pa.table({"x": [1]}), tmp_path / "part-000000.parquet")
    with pytest.raises(ClibdError, match="not an embedding store"):
        common_facts([tmp_path])
