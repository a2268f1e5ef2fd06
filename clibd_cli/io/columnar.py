"""Chosen columns of a whole table at once, for tables that are measured rather than streamed.

Reads what `io.results` writes and what labs have: CSV and TSV (any encoding and compression that
`streams` knows), Parquet and JSON lines. All cells are text; what is not there is null.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.core.records import Skip
from clibd_cli.io.columns import normal_name
from clibd_cli.io.names import StrPath
from clibd_cli.io.streams import check_readable
from clibd_cli.io.table_files import ParquetTable, TextTable, explained, meant_cells

if TYPE_CHECKING:
    import pyarrow as pa

Choose = Callable[[list[str]], Mapping[str, int]]
"""From the normal names of a table's columns to the positions of the wanted ones.

It raises `ClibdError` where a column is missing; at least two must be chosen.
"""

_ROWS_A_CHUNK = 65_536
_MOST_BYTES = 1 << 30
_LINE_END = re.compile(rb"[\r\n]")
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")


def read_columns(path: StrPath, choose: Choose) -> tuple[pa.Table, int]:
    """The columns that `choose` picks, as text, and the number of lines that could not be read.

    Raises:
        ClibdError: where the file is missing or no table, or by `choose`.
    """
    check_readable([path])
    suffix = Path(path).suffix.lower()
    if suffix == ".parquet":
        return _read_parquet(Path(path), choose), 0
    if suffix in (".jsonl", ".ndjson"):
        return _read_json_lines(Path(path), choose), 0
    return _read_text(path, choose)


def _read_text(path: StrPath, choose: Choose) -> tuple[pa.Table, int]:
    import pyarrow as pa

    table = TextTable(path)
    chosen = choose(table.columns)
    if (plain := _plain_text(path)) is not None:
        with suppress(pa.ArrowException):
            return _read_plain(plain, table, chosen)
    schema = pa.schema([(name, pa.string()) for name in chosen])
    unreadable = 0
    waiting: list[tuple[str, ...]] = []
    chunks: list[pa.RecordBatch] = []
    pick = itemgetter(*chosen.values())
    for row in table:
        if isinstance(row, Skip):
            unreadable += 1
            continue
        waiting.append(pick(row.cells))
        if len(waiting) == _ROWS_A_CHUNK:
            chunks.append(_batch(waiting, schema))
            waiting.clear()
    chunks.append(_batch(waiting, schema))
    return pa.Table.from_batches(chunks, schema=schema), unreadable


def _plain_text(path: StrPath) -> bytes | None:
    """The bytes of a table that needs no care: a file without quotes, not compressed."""
    file = Path(path)
    if not file.is_file() or file.stat().st_size > _MOST_BYTES:  # a pipe, or more than memory
        return None
    text = file.read_bytes()
    return None if b'"' in text or b"\0" in text or text.startswith(_COMPRESSED) else text


def _read_plain(text: bytes, table: TextTable, chosen: Mapping[str, int]) -> tuple[pa.Table, int]:
    """What `_read_text` gives, several times faster, from UTF-8 whose first line is the header.

    Raises:
        ArrowException: where it is anything else, lines of another length included.
    """
    import pyarrow as pa
    from pyarrow import csv

    names = [str(i) for i in range(len(table.columns))]
    first = _LINE_END.split(text[:4096].removeprefix(codecs.BOM_UTF8), maxsplit=1)[0]
    if not first.strip():
        raise pa.ArrowInvalid("the header comes later")
    read = csv.read_csv(
        pa.BufferReader(text),
        csv.ReadOptions(column_names=names, skip_rows=1),
        csv.ParseOptions(delimiter=table.delimiter, quote_char=False),
        csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            include_columns=[names[i] for i in chosen.values()],
        ),
    )
    return pa.table([meant_cells(column) for column in read.columns], names=list(chosen)), 0


def _batch(rows: list[tuple[str, ...]], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    columns: Iterator[tuple[str, ...]] = zip(*rows, strict=True)
    arrays = [pa.array(column, pa.string()) for column in columns]
    return pa.RecordBatch.from_arrays(arrays or [[]] * len(schema), schema=schema)


def _read_parquet(path: Path, choose: Choose) -> pa.Table:
    import pyarrow as pa

    table = ParquetTable(path)
    chosen = choose(table.columns)
    schema = pa.schema([(name, pa.string()) for name in chosen])
    with explained(path):
        read = [pa.Table.from_batches([batch]).cast(schema) for batch in table.batches(chosen)]
        return pa.concat_tables([schema.empty_table(), *read])


def _read_json_lines(path: Path, choose: Choose) -> pa.Table:
    import pyarrow as pa
    from pyarrow import json

    with explained(path):
        table = json.read_json(path)
        chosen = choose([normal_name(name) for name in table.column_names])
        schema = pa.schema([(name, pa.string()) for name in chosen])
        return table.select(list(chosen.values())).rename_columns(list(chosen)).cast(schema)
