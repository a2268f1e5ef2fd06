"""What every reader of clibd promises of any bytes, whoever wrote them.

It gives what it can read, skips, or one `ClibdError`; nothing is lost without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import Skip
from clibd_cli.io.inflate import BrokenInputError
from clibd_cli.io.streams import read_lines
from clibd_cli.io.tables import Row, Table
from tests.stress.mutations import damaged

Mutate = Callable[[Sequence[bytes], Random], bytes]


class BrokenPromise(Exception):  # noqa: N818
    """Rows and skips are not the inputs."""


@dataclass(frozen=True)
class Reader:
    """One kind of file.

    Attributes:
        path: where a case is written, among the files that it belongs to.
        seeds: good files.
        read: reads `path`; raises `ClibdError` for what is wrong, `BrokenPromise` for what it lost.
        mutate: makes a case of the seeds.
    """

    name: str
    path: Path
    seeds: Sequence[bytes]
    read: Callable[[Path], object]
    mutate: Mutate = damaged

    def try_case(self, case: bytes) -> None:
        """Read a case; any other exception than those that readers may raise passes."""
        self.path.write_bytes(case)
        try:
            self.read(self.path)
        except ClibdError as error:
            check_error(error)


def check_error(error: ClibdError) -> None:
    """An error says something, and can be shown."""
    if not error.message or len(error.message) > 20_000:
        raise BrokenPromise(f"an error of {len(error.message)} characters") from error
    f"{error.message} {error.hint}".encode("utf-8", "replace")


def promise(kept: bool, what: str) -> None:
    if not kept:
        raise BrokenPromise(what)


def lines_of(path: Path) -> tuple[list[str], bool]:
    """The lines of a text, and whether it broke off."""
    lines: list[str] = []
    try:
        lines.extend(line for line in read_lines(path))
    except BrokenInputError:
        return lines, True
    return lines, False


def rows_of(lines: Sequence[str], name: str) -> list[Row | Skip]:
    """The rows of a table; each line is one's, or blank."""
    found = list(Table(iter(lines), name))
    places = [row.line if isinstance(row, Row) else _place(row) for row in found]
    promise(places == sorted(set(places)), "lines out of order")
    first = next(i for i, line in enumerate(lines, 1) if line.strip())
    ends = [*places[1:], len(lines) + 1] if places else []
    owned = set(places)
    for row, start, end in zip(found, places, ends, strict=True):
        if isinstance(row, Row) and '"' in lines[start - 1]:
            owned |= set(range(start, end))  # a cell may go on over lines
    begins = first + 1
    if '"' in lines[first - 1]:  # so may a name in the header
        begins = places[0] if places else len(lines) + 1
    for number in range(begins, len(lines) + 1):
        blank = not lines[number - 1].translate(_MARKS).strip()
        promise(number in owned or blank, f"line {number} is nobody's")
    return found


_MARKS = {ord(mark): None for mark in '\t,;|"'}


def _place(skip: Skip) -> int:
    return int(skip.source.rsplit(" ", 1)[1])
