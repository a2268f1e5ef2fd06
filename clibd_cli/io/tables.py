"""Delimited tables, row by row: the delimiter from the header line, a bad line is a skip.

Tab-separated tables are read without quoting, as BOLD writes them (a cell may begin with a quote
that nothing closes); comma, semicolon and pipe with it. A tab-separated header in quotes, as R
writes it, switches quoting on.

Programs differ in what they do at the end of a line: empty cells beyond the header's are dropped,
and one missing cell is an empty one. R gives its row names no header; they are dropped.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import Skip
from clibd_cli.io.columns import normal_name

MAX_ROW = 500_000
"""Characters of a line beyond which it is no row of a table (see `streams.MAX_LINE`)."""

MAX_ROW_LINES = 50
"""Lines that one quoted row may go on for; beyond, its quote is taken for a stray one."""


class Row(NamedTuple):
    """One row: the number of its first line in the file, from 1, and its cells as they stand."""

    line: int
    cells: list[str]


class Table:
    """A table whose header has been read; iterating gives its rows once.

    Args:
        lines: the text of the table, such as `streams.read_lines` gives it.
        name: the file, for messages and the sources of skips.

    Raises:
        ClibdError: where there is no header line.
    """

    def __init__(self, lines: Iterator[str], name: str) -> None:
        self.name = name
        self._lines = _Replay(lines)
        header = next((line for line in self._lines if line.strip()), None)
        if header is None:
            raise ClibdError(f"{name} is empty", "Give a table with a header line.")
        header = header[:MAX_ROW]
        self.delimiter = sniff_delimiter(header)
        self._quoted = self.delimiter != "\t" or header.startswith('"')
        more: list[str] = []
        cells = self._unquoted(header, more) if self._quoted else None
        if cells is None:
            self._lines.push_back(more)
        self.columns = [c.strip() for c in cells or header.split(self.delimiter)]
        self._normal = [normal_name(column) for column in self.columns]

    def find(self, aliases: Sequence[str]) -> int | None:
        """The position of the first column that bears one of `aliases`, the first alias first."""
        return next(iter(self.find_all(aliases)), None)

    def find_all(self, aliases: Sequence[str]) -> list[int]:
        """The positions of all columns that bear one of `aliases`, in the order of the aliases."""
        return [self._normal.index(alias) for alias in aliases if alias in self._normal]

    def describe(self) -> str:
        """The columns found, shortened, for error messages."""
        shown = [column if len(column) <= 30 else column[:27] + "..." for column in self.columns]
        more = f" and {len(shown) - 30} more" if len(shown) > 30 else ""
        return ", ".join(name or "(no name)" for name in shown[:30]) + more

    def __iter__(self) -> Iterator[Row | Skip]:
        lines = self._lines
        row_names: bool | None = None
        for line in lines:
            number = lines.number
            if len(line) > MAX_ROW:
                yield self._skip(number, f"the line is longer than {MAX_ROW:,} characters")
                continue
            cells, more = self._cells(line)
            if cells is None:
                lines.push_back(more)
                yield self._skip(number, "a quote is opened and not closed")
                continue
            if not any(cell.strip() for cell in cells):
                continue
            if row_names is None:
                row_names = self._begin_with_row_names(cells)
            fitted = self._fitted(cells, row_names)
            if fitted is not None:
                yield Row(number, fitted)
            else:
                lines.push_back(more)
                width = len(self.columns)
                yield self._skip(number, f"{len(cells)} cells where the header has {width}")

    def _begin_with_row_names(self, first: list[str]) -> bool:
        """Whether rows have one cell more than the header, before its first column.

        The first row has, and the second one bears it out: a single such row is rather a line
        with a stray delimiter, for which the good ones must not be misread.
        """
        width = len(self.columns)
        if len(first) != width + 1 or not first[-1].strip():
            return False
        line = next(self._lines, None)
        if line is None:
            return True
        second, more = self._cells(line)
        self._lines.push_back([line, *more])
        return second is not None and (not any(second) or len(second) == width + 1)

    def _fitted(self, cells: list[str], row_names: bool) -> list[str] | None:
        """`cells` in the header's width, or None where they do not fit it."""
        width = len(self.columns)
        if row_names:
            return cells[1:] if len(cells) == width + 1 else None
        if len(cells) == width:
            return cells
        if len(cells) == width - 1:
            return [*cells, ""]
        if len(cells) < width or any(cell.strip() for cell in cells[width:]):
            return None
        return cells[:width]

    def _cells(self, line: str) -> tuple[list[str] | None, list[str]]:
        """The cells of the row that begins with `line`, and the further lines that it takes.

        None for the cells where a quote does not close.
        """
        more: list[str] = []
        if self._quoted and '"' in line:
            return self._unquoted(line, more), more
        return line.split(self.delimiter), more

    def _skip(self, number: int, reason: str) -> Skip:
        return Skip(f"{self.name}#line {number}", "", reason)

    def _unquoted(self, line: str, more: list[str]) -> list[str] | None:
        """The cells of the row that begins with `line`, or None where its quotes do not close.

        Lines that the row takes beyond its first are put into `more`.
        """
        open_at_end = False

        def feed() -> Iterator[str]:
            nonlocal open_at_end
            yield line + "\n"
            # The reader asks for another line only while a quote is open.
            while len(more) < MAX_ROW_LINES and (following := next(self._lines, None)) is not None:
                more.append(following)
                yield following + "\n"
            open_at_end = True

        try:
            cells = next(csv.reader(feed(), delimiter=self.delimiter))
        except csv.Error:
            return None
        return None if open_at_end else cells


class _Replay:
    """Lines that know their number, and of which some can be given back to be read again."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: deque[str] = deque()
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self.number += 1
        return line

    def push_back(self, lines: list[str]) -> None:
        """Read `lines`, which were the last ones, again."""
        self._again.extendleft(reversed(lines))
        self.number -= len(lines)


def sniff_delimiter(header: str) -> str:
    """The delimiter of a header line: a tab where there is one, else the commonest of `,;|`."""
    if "\t" in header:
        return "\t"
    return max(",;|", key=header.count)
