"""Tables of labels: what specimens and photos are called, found by any of their ids.

A row may name a specimen (process id, sample id ...), a photo (a path or a bare file name), or
both. A photo is found by the end of its path: a row with `plate1/A01.jpg` labels
`photos/plate1/A01.jpg`, but never `photos/plate2/A01.jpg`.
"""

from __future__ import annotations

import os
import posixpath
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.lineage import Lineage, clean_text
from clibd_cli.core.records import Skip
from clibd_cli.io.columns import FILES, IDS, RANK_COLUMNS, SPECIMEN, TAXONOMY
from clibd_cli.io.names import StrPath, Warn, ignore, printable, shorten
from clibd_cli.io.ranks import RankColumns, id_reader
from clibd_cli.io.streams import read_lines
from clibd_cli.io.tables import Table

_PROCESS_ID = re.compile(r"[A-Z]{3,8}\d{1,7}-\d\d(?![A-Za-z0-9])")
_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}$")


@dataclass(frozen=True, slots=True)
class Label:
    """What a table says of a specimen or a photo.

    Attributes:
        specimen_id: the specimen's name, which a photo or barcode takes over; None where the
            table has no column for it.
    """

    specimen_id: str | None
    lineage: Lineage
    bin_uri: str | None


class LabelTable:
    """Labels by id and by file; `source` names the tables they came from."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._by_id: dict[str, Label] = {}
        self._by_file: dict[str, Label | None] = {}
        self.conflicts: list[str] = []
        self.ambiguous: list[str] = []

    def add(self, ids: Sequence[str], files: Sequence[str], label: Label) -> None:
        """Enter one row under all its names.

        An id that has a label keeps it, and what another row adds without contradicting it is
        added; a file name with two labels loses both.
        """
        for name in ids:
            key = _normal(name)
            known = self._by_id.setdefault(key, label)
            if known != label:
                self._by_id[key] = self._settled(name, known, label)
        for name in files:
            path = _file_key(name)
            if not self._enter_file(path, label):
                self.ambiguous.append(name)
            if (stem := _without_suffix(path)) != path:
                self._enter_file(stem, label)

    def _enter_file(self, key: str, label: Label) -> bool:
        known = self._by_file.setdefault(key, label)
        if known != label:
            self._by_file[key] = None
        return known == label

    def _settled(self, name: str, known: Label, other: Label) -> Label:
        if not known.lineage.agrees_with(other.lineage) or (
            known.bin_uri and other.bin_uri and known.bin_uri != other.bin_uri
        ):
            self.conflicts.append(name)
            return known
        # A second row may only say more: BOLD has one for each marker, one of them without a BIN.
        lineage = known.lineage.completed_by(other.lineage)
        return replace(known, lineage=lineage, bin_uri=known.bin_uri or other.bin_uri)

    def __len__(self) -> int:
        return len(self._by_id) + len(self._by_file)

    def find(self, *candidates: str) -> Label | None:
        """The label of the first candidate that an id column or a file column holds."""
        for name in candidates:
            label = self._by_id.get(_normal(name)) or self._by_file.get(_file_key(name))
            if label:
                return label
        return None

    def find_photo(self, path: StrPath, repeated: frozenset[str] = frozenset()) -> Label | None:
        """The label of the photo at `path` (absolute), by the longest end of it that is known.

        Each end is tried as a file with and without its suffix, then as an id. Bare names in
        `repeated` belong to several photos and are no key, unless they are ids. Last, a BOLD
        process id at the start of the name is tried (`CRALA12112-21.1024px.jpg`).
        """
        end = ""
        for end in _ends(_file_key(printable(path))):
            stem = _without_suffix(end)
            bare = "/" not in end
            if not (bare and end in repeated):
                label = self._by_file.get(end) or self._by_file.get(stem)
                if label:
                    return label
            label = self._by_id.get(end) or self._by_id.get(stem)
            if label:
                return label
        process_id = _PROCESS_ID.match(end)
        return self._by_id.get(process_id[0]) if process_id else None

    @property
    def knows_ids(self) -> bool:
        """Whether any row has an id, so that a barcode may be found."""
        return bool(self._by_id)

    def knows_id(self, name: str) -> bool:
        """Whether a row has this id."""
        return _normal(name) in self._by_id

    def knows_file(self, bare_name: str) -> bool:
        """Whether a row names a photo by this bare file name alone."""
        name = _file_key(bare_name)
        return name in self._by_file or _without_suffix(name) in self._by_file


def read_labels(tables: StrPath | Sequence[StrPath], warn: Warn = ignore) -> LabelTable:
    """Read one table of labels, or several as one.

    Args:
        warn: told once of bad lines, of ids with two labels, and of ambiguous file names.

    Raises:
        ClibdError: where a table cannot be read whole, or has no id or no rank column.
    """
    paths = [tables] if isinstance(tables, (str, os.PathLike)) else list(tables)
    labels = LabelTable(", ".join(printable(path) for path in paths))
    bad = [skip for path in paths for skip in _enter(path, labels)]
    if bad:
        shown = shorten([f"{skip.source}: {skip.reason}" for skip in bad[:3]], len(bad), 300)
        warn(f"lines of labels that cannot be read: {len(bad):,} ({shown})")
    for names, what in (
        (labels.conflicts, "ids with two labels, the first is used"),
        (labels.ambiguous, "file names with two labels, none is used"),
    ):
        distinct = list(dict.fromkeys(names))
        if distinct:
            shown = shorten(distinct, len(distinct))
            warn(f"{labels.source}: {what}: {len(distinct):,} ({shown})")
    return labels


def _enter(path: StrPath, labels: LabelTable) -> Iterator[Skip]:
    """Put the rows of a table into `labels`; what cannot be read is given back."""
    table = Table(read_lines(path), printable(path))
    ids, files = table.find_all(IDS), table.find_all(FILES)
    own = table.find_all(SPECIMEN)
    ranks = RankColumns(table)
    if not (ids or files) or not ranks.present:
        raise _no_labels(table, "ranks" if ids or files else "ids")
    ids_of, files_of, own_of = id_reader(ids), id_reader(files), id_reader(own)
    for row in table:
        if isinstance(row, Skip):
            yield row
            continue
        cells = row.cells
        specimen_id = next(iter(own_of(cells)), None)
        label = Label(specimen_id, ranks.lineage(cells), ranks.bin_uri(cells))
        labels.add(ids_of(cells), files_of(cells), label)


def _no_labels(table: Table, what: str) -> ClibdError:
    wanted = {
        "ids": [*IDS, *FILES],
        "ranks": [*(name for names in RANK_COLUMNS.values() for name in names), *TAXONOMY],
    }
    return ClibdError(
        f"{table.name} has no column with {what} ({', '.join(wanted[what])}). "
        f"Columns found: {table.describe()}",
        "Rename the columns, or give another table of labels.",
    )


class Unmatched:
    """Counts the records that a table of labels does not know, to say so once."""

    def __init__(self, labels: LabelTable | None, what: str) -> None:
        self._source = labels.source if labels is not None else ""
        self._what = what
        self._total = 0
        self._missing = 0
        self._examples: list[str] = []

    def count(self, name: str, label: Label | None) -> None:
        """One more record was looked up."""
        self._total += 1
        if label is None:
            self._missing += 1
            if len(self._examples) < 3:
                self._examples.append(name)

    def report(self, warn: Warn) -> None:
        """Say how many were not found, where there is a table to find them in."""
        if self._missing and self._source:
            shown = shorten(self._examples, self._missing)
            warn(
                f"{self._missing:,} of {self._total:,} {self._what} are not in {self._source}: "
                + shown
            )


def _normal(name: str) -> str:
    # macOS gives accents in file names in their decomposed form.
    return unicodedata.normalize("NFC", clean_text(name))


def _file_key(name: str) -> str:
    """A path as a key: forward slashes, no root, no leading `.` and `..`."""
    parts = posixpath.normpath(_normal(name).replace("\\", "/")).split("/")
    return "/".join(part for part in parts if part not in ("", ".", ".."))


def _without_suffix(path: str) -> str:
    # Only what looks like a suffix: `sample.1` and `sample.2` are two samples.
    return _SUFFIX.sub("", path)


def _ends(path: str) -> Iterator[str]:
    """`a/b/c`, `b/c`, `c`."""
    parts = path.split("/")
    return ("/".join(parts[start:]) for start in range(len(parts)))
