"""Taxonomic names as texts to embed: lines of words, or a table with rank columns."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from clibd_cli.core.lineage import Lineage, clean_text
from clibd_cli.core.records import Skip, Specimen
from clibd_cli.io.names import StrPath, UniqueIds, Warn, ignore, printable
from clibd_cli.io.ranks import RankColumns
from clibd_cli.io.streams import BrokenInputError, first_line, read_lines
from clibd_cli.io.tables import Table
from clibd_cli.io.taxonomy import lineage_of_words

MAX_TEXT = 1_000
"""Characters of a line beyond which it is no name; the text encoder reads 20 tokens."""

_LIKE_A_FILE = re.compile(r"\.(txt|tsv|csv|tab|gz|zst)$", re.IGNORECASE)


def read_taxa(path_or_text: StrPath, warn: Warn = ignore) -> Iterator[Specimen | Skip]:
    """The names in a file (`-` is the standard input), or the name that is given itself.

    A line such as "Lepidoptera Noctuidae Xestia Xestia c-nigrum" stays as it is, but for white
    space; its first three words are order, family and genus, `not_classified` where nobody knows.
    The rows of a table with rank columns become `Lineage.as_text()`. The id is the text; a text
    that comes again is told apart as `text#2`.

    Raises:
        ClibdError: where a file is missing or no text.
    """
    if _is_text(path_or_text):
        lines: Iterator[str] = iter([os.fspath(path_or_text)])
        shown = "text"
    else:
        lines = read_lines(path_or_text)
        shown = "stdin" if os.fspath(path_or_text) == "-" else printable(path_or_text)
    ids = UniqueIds()
    empty = True
    try:
        for record in _parsed(lines, shown):
            empty = False
            if isinstance(record, Skip):
                yield record
            else:
                content, lineage, source = record
                yield Specimen(ids.take(content), "text", content, source, lineage)
    except BrokenInputError as error:
        yield Skip(shown, "", f"{error.message}; names from there on are lost")
    else:
        if empty:
            yield Skip(shown, "", "no names")
    ids.report("names", warn)


def _is_text(given: StrPath) -> bool:
    """Whether `given` is a name rather than a file."""
    if not isinstance(given, str) or given == "-":
        return False
    if not given.strip():
        return True
    try:
        if Path(given).exists():
            return False
    except (OSError, ValueError):  # longer than a file name may be
        return True
    return not (_LIKE_A_FILE.search(given) or "/" in given or "\\" in given)


_Text = tuple[str, Lineage, str]


def _parsed(lines: Iterator[str], name: str) -> Iterator[_Text | Skip]:
    first, rest = first_line(lines)
    if first is None:
        return iter(())
    if RankColumns(Table(iter([first]), name)).present:
        return _rows(Table(rest, name))
    return _words(rest, name)


def _words(lines: Iterable[str], name: str) -> Iterator[_Text | Skip]:
    for number, line in enumerate(lines, 1):
        text, source = clean_text(line), f"{name}#line {number}"
        if len(text) > MAX_TEXT:
            yield Skip(source, "", f"the line is longer than {MAX_TEXT:,} characters")
        elif text:
            yield text, lineage_of_words(text), source


def _rows(table: Table) -> Iterator[_Text | Skip]:
    ranks = RankColumns(table)
    for row in table:
        if isinstance(row, Skip):
            yield row
            continue
        lineage, source = ranks.lineage(row.cells), f"{table.name}#line {row.line}"
        if lineage:
            yield lineage.as_text(), lineage, source
        else:
            yield Skip(source, "", "the row names no taxon")
