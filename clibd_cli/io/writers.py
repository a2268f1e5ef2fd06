"""Tables of results written row by row, and whole files only under the final name.

Text may come from anybody's files: cells hold no line breaks or control characters, and in CSV
and TSV no cell can start a formula. There, floats have four decimals (the binary value rounded to
the nearest, ties to even); Parquet and JSON lines keep them whole.
"""

from __future__ import annotations

import csv
import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from clibd_cli.core.atomic import atomic_path, beside, make_folder
from clibd_cli.core.errors import ClibdError
from clibd_cli.io.names import printable

ROWS_A_GROUP = 10_000
"""Rows of a Parquet file that wait in memory for their row group."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_LINE_ENDS = {code: f"\\u{code:04x}" for code in (0x85, 0x2028, 0x2029)}
"""What some readers take for the end of a line, and `json` does not escape."""

_FORMULA = ("=", "+", "-", "@")


class DelimitedRows:
    """Rows as CSV or TSV on an open text stream, such as the standard output.

    Args:
        stream: opened with `newline=""`, so that lines end with LF everywhere.
        kinds: the columns in their order, each with the type of its values.
    """

    def __init__(self, stream: IO[str], kinds: Mapping[str, type], delimiter: str = ",") -> None:
        self._stream = stream
        self._kinds = dict(kinds)
        self._writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
        self._writer.writerow(self._kinds)
        stream.flush()

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a row and pass it on at once; a column that it lacks is empty."""
        self.write_all((row,))

    def write_all(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add several rows and pass them on at once."""
        cells = ([safe_cell(value) for value in _values(row, self._kinds)] for row in rows)
        self._writer.writerows(cells)
        self._stream.flush()


class ResultWriter(ABC):
    """Writes rows into a file beside `path`, which takes that name when the writer is closed.

    For `results.csv` it is `results.partial.csv`, so that rows can be looked at as they come; one
    that a killed run has left behind is overwritten. As a context manager it closes at the end of
    the block, and removes its file where the block raises.

    Args:
        kinds: the columns in their order, each with the type of its values.

    Raises:
        ClibdError: here and in every method, where the file cannot be written; here, where
            another run is writing it.
    """

    def __init__(self, path: Path, kinds: Mapping[str, type]) -> None:
        self.path = path
        self._kinds = dict(kinds)
        self._open = True
        # Holds the lock, the slot of the final name and the open file; undone in reverse order.
        self._stack = ExitStack()
        with self._explained():
            make_folder(path.parent)
            self._partial = beside(path, inside=".partial")
            # A folder that cannot be written must not be taken for one that is locked.
            self._partial.open("ab").close()
            self._stack.enter_context(_only_writer(path))
            self._stack.enter_context(atomic_path(path, self._partial))
            if path.exists():
                # Open in Excel, or read-only: better known now than at the end of the night.
                path.open("ab").close()
            self._begin()

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a row; a column that it lacks is empty."""
        self.write_all((row,))

    def write_all(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add several rows."""
        with self._explained():
            self._write(rows)

    def close(self) -> None:
        """Finish the file and give it its name. A second call does nothing."""
        if not self._open:
            return
        with self._explained():
            self._finish()
            self._open = False
            self._stack.close()

    def discard(self) -> None:
        """Remove what has been written; a file that was there before stays."""
        if not self._open:
            return
        self._open = False
        with suppress(OSError):
            self._stack.__exit__(RuntimeError, RuntimeError("given up"), None)

    def __enter__(self) -> ResultWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    @abstractmethod
    def _begin(self) -> None:
        """Open `self._partial`; `self._stack` closes it."""

    @abstractmethod
    def _write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows."""

    def _finish(self) -> None:  # noqa: B027
        """Write what is left."""

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.discard()
            raise ClibdError(
                f"{printable(self.path)} cannot be written: {error.strerror or error}",
                "Close it where it is open, make room, or choose another name with --out.",
            ) from error


@contextmanager
def _only_writer(path: Path) -> Iterator[None]:
    """Keeps other runs from writing `path` at the same time."""
    from filelock import FileLock, Timeout

    lock = FileLock(beside(path, ".", after=".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ClibdError(
            f"another run of clibd is writing {printable(path)}",
            "Wait for it, or choose another name with --out.",
        ) from error
    try:
        yield
    finally:
        # Removed while it is held, so that nobody else's lock is; Windows does so on release.
        with suppress(OSError):
            Path(lock.lock_file).unlink()
        lock.release()


class DelimitedWriter(ResultWriter):
    """CSV or TSV; rows are in the file when `write` or `write_all` returns."""

    def __init__(self, path: Path, kinds: Mapping[str, type], delimiter: str) -> None:
        self._delimiter = delimiter
        super().__init__(path, kinds)

    def _begin(self) -> None:
        file = self._stack.enter_context(self._partial.open("w", encoding="utf-8", newline=""))
        self._rows = DelimitedRows(file, self._kinds, self._delimiter)

    def _write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._rows.write_all(rows)


class JsonLinesWriter(ResultWriter):
    """One JSON object a line; rows are in the file when `write` or `write_all` returns."""

    def _begin(self) -> None:
        opened = self._partial.open("w", encoding="utf-8", newline="")
        self._file = self._stack.enter_context(opened)

    def _write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            values = dict(zip(self._kinds, _values(row, self._kinds), strict=True))
            text = json.dumps(values, ensure_ascii=False, allow_nan=False)
            self._file.write(text.translate(_LINE_ENDS) + "\n")
        self._file.flush()


class ParquetWriter(ResultWriter):
    """Parquet, in row groups of `ROWS_A_GROUP`."""

    def _begin(self) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        types = {str: pa.string(), int: pa.int64(), float: pa.float64()}
        self._schema = pa.schema([(name, types[kind]) for name, kind in self._kinds.items()])
        self._waiting: list[Mapping[str, Any]] = []
        writer = parquet.ParquetWriter(self._partial, self._schema, compression="zstd")
        self._parquet = self._stack.enter_context(writer)

    def _write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            self._waiting.append(row)
            if len(self._waiting) == ROWS_A_GROUP:
                self._write_group()

    def _write_group(self) -> None:
        import pyarrow as pa

        arrays = [
            pa.array([_value(row.get(name), kind) for row in self._waiting], field.type)
            for (name, kind), field in zip(self._kinds.items(), self._schema, strict=True)
        ]
        self._parquet.write_table(pa.table(arrays, schema=self._schema))
        self._waiting.clear()

    def _finish(self) -> None:
        if self._waiting:
            self._write_group()


def safe_cell(value: object) -> str:
    """A value as a cell of CSV that no spreadsheet runs: text that begins like a formula gets a
    leading apostrophe. None is an empty cell."""
    if value is None:
        return ""
    if isinstance(value, float):
        text = f"{value:.4f}"
        return "0.0000" if text == "-0.0000" else text
    if isinstance(value, int):
        return str(value)
    written = str(value)
    text = _CONTROL.sub(" ", written)
    risky = text.lstrip().startswith(_FORMULA) or written.startswith(("\t", "\r"))
    return f"'{text}" if risky else text


def _values(row: Mapping[str, Any], kinds: Mapping[str, type]) -> list[Any]:
    return [_value(row.get(name), kind) for name, kind in kinds.items()]


def _value(value: Any, kind: type) -> Any:
    """`value` as a plain `kind`; None where there is none, a number that is not finite included."""
    if value is None:
        return None
    if kind is float:
        number = float(value)
        return number if math.isfinite(number) else None
    if kind is int:
        return int(value)
    # Lone surrogates, from file names that are not UTF-8, cannot be written.
    text = value if type(value) is str else str(value)
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
