"""Tables of results as they are read again: row by row, by the names of the columns.

`classify` may write more columns than a reader knows, a lab may have dropped some in a spreadsheet,
and a table may be longer than memory: so columns are looked up by name, missing ones are None, and
one row is held at a time.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.lineage import RANKS, clean_text
from clibd_cli.core.records import Skip
from clibd_cli.io.columns import normal_name
from clibd_cli.io.names import StrPath, printable, shorten
from clibd_cli.io.results import FLOAT_COLUMNS, INT_COLUMNS
from clibd_cli.io.streams import BrokenInputError, check_readable, first_line, read_lines
from clibd_cli.io.table_files import ParquetTable, TextTable
from clibd_cli.io.tables import Row

ResultRow = Mapping[str, Any]
"""Cells by column: text, a finite number in the columns that hold numbers, or None."""

SUFFIXES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson")


class ResultRows:
    """The rows of a table of results, once, in their order; a `Skip` where one is unusable.

    A row needs a `specimen_id` that no row before it has. Of the ids, 8 bytes each are kept.

    Attributes:
        name: the file, printable.
        columns: the names of its columns, in lower case with underscores.
    """

    def __init__(
        self, name: str, columns: Sequence[str], cells: Iterator[tuple[str, ResultRow | Skip]]
    ) -> None:
        self.name = name
        self.columns = tuple(columns)
        self._cells = cells
        self._seen: set[int] = set()
        _check_columns(name, self.columns)

    def __iter__(self) -> Iterator[ResultRow | Skip]:
        for place, cells in self._cells:
            yield cells if isinstance(cells, Skip) else self._checked(place, cells)

    def _checked(self, place: str, cells: ResultRow) -> ResultRow | Skip:
        row: dict[str, Any] = {}
        for name, value in cells.items():
            read = _reader(name)
            try:
                row[name] = read(value)
            except (ValueError, TypeError, OverflowError):
                return Skip(place, _text(cells.get("specimen_id")) or "", _no_number(name, value))
        specimen_id = row.get("specimen_id")
        if specimen_id is None:
            return Skip(place, "", "the row has no specimen_id")
        digest = _digest(specimen_id)
        if digest in self._seen:
            return Skip(place, specimen_id, "an earlier row has the same specimen_id")
        self._seen.add(digest)
        return row


def open_result_rows(path: StrPath) -> ResultRows:
    """Open a table that `classify` wrote: .csv, .tsv, .parquet or .jsonl.

    Raises:
        UsageError: for another suffix.
        ClibdError: where the file is missing, cannot be read, or is no table of results.
    """
    suffix, name = Path(path).suffix.lower(), printable(path)
    if suffix not in SUFFIXES:
        raise UsageError(
            f"results cannot be read from {name}", "Name a .csv, .tsv, .parquet or .jsonl file."
        )
    check_readable([path])
    if suffix == ".parquet":
        return _open_parquet(Path(path), name)
    if suffix in (".jsonl", ".ndjson"):
        return _open_json_lines(path, name)
    return _open_delimited(path, name)


def _check_columns(name: str, columns: tuple[str, ...]) -> None:
    if "specimen_id" in columns and any(rank in columns for rank in RANKS):
        return
    hits = "query_id" in columns
    what = "hits of `clibd search`" if hits else f"columns {shorten(list(columns), len(columns))}"
    raise ClibdError(
        f"{name} is no table of results: it has {what if columns else 'no columns'}",
        "Give a table that `clibd classify --out` wrote: specimen_id, order, family, genus, "
        "species and more.",
    )


def _open_delimited(path: StrPath, name: str) -> ResultRows:
    table = TextTable(path)

    def cells() -> Iterator[tuple[str, ResultRow | Skip]]:
        rows = iter(table)
        while True:
            try:
                row = next(rows, None)
            except BrokenInputError as error:
                yield name, Skip(name, "", f"{error.message}; rows from there on are lost")
                return
            if row is None:
                return
            if isinstance(row, Row):
                yield f"{name}#line {row.line}", _named(table.columns, row.cells)
            else:
                yield row.source, row

    return ResultRows(name, table.columns, cells())


def _named(columns: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    # Of two columns with one name, the first one counts.
    return dict(reversed(list(zip(columns, cells, strict=True))))


def _open_json_lines(path: StrPath, name: str) -> ResultRows:
    first, lines = first_line(read_lines(path))
    if first is None:  # nobody could be named, and JSON lines have no header
        return ResultRows(name, ("specimen_id", *RANKS), iter(()))
    begins = _object(first)
    if begins is None:
        raise ClibdError(f"{name} is no table of results: its first line is no JSON object")

    def cells() -> Iterator[tuple[str, ResultRow | Skip]]:
        for number, line in enumerate(lines, 1):
            place, values = f"{name}#line {number}", _object(line)
            if values is not None:
                yield place, {normal_name(key): value for key, value in values.items()}
            elif line.strip():
                yield place, Skip(place, "", "the line is no JSON object")

    return ResultRows(name, [normal_name(key) for key in begins], cells())


def _object(line: str) -> dict[str, Any] | None:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


def _open_parquet(path: Path, name: str) -> ResultRows:
    table = ParquetTable(path)
    chosen = {column: table.columns.index(column) for column in table.columns}

    def cells() -> Iterator[tuple[str, ResultRow | Skip]]:
        rows = (row for batch in table.batches(chosen) for row in batch.to_pylist())
        for number, row in enumerate(rows, 1):
            yield f"{name}#row {number}", row

    return ResultRows(name, table.columns, cells())


def _reader(column: str) -> Callable[[Any], Any]:
    return read_number if column in FLOAT_COLUMNS else _int if column in INT_COLUMNS else _text


def _text(value: object) -> str | None:
    if value is None:
        return None
    text = clean_text(str(value))
    return text.encode("utf-8", "replace").decode("utf-8") or None


def read_number(value: object) -> float | None:
    """A cell as a number; None where it is empty, or not finite.

    Raises:
        ValueError, TypeError: where it is none.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    # Spreadsheets of half of Europe write 0,98.
    number = float(value.replace(",", ".") if isinstance(value, str) else value)  # type: ignore[arg-type]
    return number if math.isfinite(number) else None


def _int(value: object) -> int | None:
    number = read_number(value)
    return None if number is None else round(number)


def _no_number(column: str, value: object) -> str:
    return f"{column} is no number: {clean_text(str(value))[:60]!r}"


def _digest(text: str) -> int:
    from hashlib import blake2b

    return int.from_bytes(blake2b(text.encode("utf-8"), digest_size=8).digest(), "big")
