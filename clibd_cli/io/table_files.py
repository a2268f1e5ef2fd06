"""Tables on the disk, opened to be read back: rows of text, or batches of Parquet.

A table may be longer than memory, and has the columns that somebody left in it: so its columns are
known before its rows, under their normal names, and some rows are held at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.core.bombs import BombGuard
from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import Skip
from clibd_cli.io.columns import normal_name
from clibd_cli.io.names import StrPath, printable
from clibd_cli.io.streams import read_lines
from clibd_cli.io.tables import Row, Table

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_A_BATCH = 16_384

_SAFE = re.compile(r"^'(?=[\s=+\-@])")
_SAFE_ARROW = r"^'([\s\p{Z}=+\-@])"
"""The apostrophe that `writers.safe_cell` puts before what a spreadsheet would run."""


class TextTable:
    """A table of delimited text; iterating gives its rows once, with cells as they were meant.

    What `writers` does to a cell is undone: the apostrophe before what a spreadsheet would run, and
    quotes in a table with tabs (which `Table` takes for text).

    Attributes:
        columns: their normal names.

    Raises:
        ClibdError: where there is no header line.
    """

    def __init__(self, path: StrPath) -> None:
        self._table = Table(read_lines(path), printable(path))
        self.columns = [normal_name(column) for column in self._table.columns]
        self.delimiter = self._table.delimiter
        self._meant = _from_tabs if self.delimiter == "\t" else _from_safe

    def __iter__(self) -> Iterator[Row | Skip]:
        for row in self._table:
            yield row if isinstance(row, Skip) else Row(row.line, [*map(self._meant, row.cells)])


class ParquetTable:
    """A Parquet file; columns of lists and the like are passed over.

    Attributes:
        columns: their normal names.

    Raises:
        ClibdError: where it is none, or says that it holds far more than it can.
    """

    def __init__(self, path: Path) -> None:
        from pyarrow import parquet, types

        self._path = path
        with explained(path), parquet.ParquetFile(path) as file:
            plain = [field for field in file.schema_arrow if not types.is_nested(field.type)]
            self._guard = BombGuard(printable(path), path.stat().st_size)
            self._guard.expect(file.metadata.num_rows * len(plain))
        self._names = [field.name for field in plain]
        self._texts = [field.name for field in plain if types.is_string(field.type)]
        self.columns = [normal_name(name) for name in self._names]

    def batches(self, chosen: Mapping[str, int]) -> Iterator[pa.RecordBatch]:
        """Columns, by their positions and under the names that are given, some rows at a time.

        Raises:
            ClibdError: where the file is damaged.
        """
        import pyarrow as pa
        from pyarrow import parquet

        wanted = {name: self._names[at] for name, at in chosen.items()}
        opened = partial(parquet.ParquetFile, self._path, read_dictionary=self._texts)
        with explained(self._path), opened() as file:
            missing = file.metadata.num_rows
            for batch in file.iter_batches(_ROWS_A_BATCH, columns=[*wanted.values()]):
                batch.validate(full=True)  # texts are UTF-8
                missing -= batch.num_rows
                there = batch.schema.names  # of two columns with one name, the first one counts
                found = (batch.column(there.index(name)) for name in wanted.values())
                arrays = [
                    self._guard.texts(array) if pa.types.is_dictionary(array.type) else array
                    for array in found
                ]
                yield pa.RecordBatch.from_arrays(arrays, [*wanted])
            if missing:  # one bit of the footer, which has no checksum, can empty a table
                raise pa.ArrowInvalid(f"{missing:,} of its rows are missing")


@contextmanager
def explained(path: StrPath) -> Iterator[None]:
    """Tells in a sentence what is wrong with a table where Arrow or the disk gives up.

    Raises:
        ClibdError: naming `path`.
    """
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ClibdError(
            f"{printable(path)} cannot be read as a table: {reason}", "Write it again."
        ) from error


def meant_cells(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of text without the apostrophes of `writers.safe_cell`."""
    import pyarrow.compute as pc

    return pc.replace_substring_regex(column, _SAFE_ARROW, r"\1")


def _from_safe(cell: str) -> str:
    return _SAFE.sub("", cell) if cell.startswith("'") else cell


def _from_tabs(cell: str) -> str:
    if len(cell) > 1 and cell.startswith('"') and cell.endswith('"'):
        cell = cell[1:-1].replace('""', '"')
    return _from_safe(cell)
