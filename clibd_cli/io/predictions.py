"""Tables that name specimens: what somebody predicted, and what is true.

A table has a column of ids (`specimen_id` or another that `columns` knows; else one of photo files,
whose suffix does not count) and a column for each rank. Predictions may hold more candidates than
one, best first, in either of two forms:

* wide: `species`, `species_2`, `species_3` and so on, and the same at any other rank;
* long: several rows a specimen, with a column `position` that counts from 1. This is what
  `clibd search --out hits.csv` writes.

Only the first five are kept: no measure looks further.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unicodedata import normalize

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.lineage import RANKS
from clibd_cli.io.columnar import read_columns
from clibd_cli.io.columns import FILES, IDS, RANK_COLUMNS
from clibd_cli.io.name_codes import NO_NAME, Codes, code_column, code_species, side_by_side
from clibd_cli.io.names import StrPath, printable, shorten

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_ID_COLUMNS = ("query_id", *IDS)
"""`clibd search` calls the specimen `query_id`."""

_ID, _FILE, _POSITION = "id", "file", "position"
_KEPT = 5
_WIDE = re.compile(rf"({'|'.join(RANKS)})_[1-{_KEPT}]")
_SUFFIX = r"\.[A-Za-z][A-Za-z0-9]{1,4}$"


@dataclass(frozen=True, slots=True)
class NameTable:
    """What a table calls its specimens.

    Attributes:
        ids: distinct strings [n], in the order of the table.
        ranks: for each rank that the table has, codes int [n, candidates], best first.
        unreadable: lines with too few or too many cells, or without an id.
    """

    source: str
    ids: pa.Array
    ranks: dict[str, Codes]
    unreadable: int


def read_truth(path: StrPath) -> NameTable:
    """Read a table of true names: one row a specimen.

    Raises:
        ClibdError: where it has no ids, no ranks, or an id twice.
    """
    return _read(path, several=False)


def read_predictions(path: StrPath) -> NameTable:
    """Read a table of predicted names, in any of the forms above.

    Raises:
        ClibdError: where it has no ids, no ranks, an id twice without a `position`, or a
            position twice or not a number from 1.
    """
    return _read(path, several=True)


def clean_ids(column: pa.ChunkedArray, files: bool = False) -> pa.ChunkedArray:
    """Ids as they are compared: on one line, composed accents, null where empty.

    Args:
        files: they are paths of photos: forward slashes, no suffix, as in the ids of photos.
    """
    import pyarrow.compute as pc

    spaced = pc.replace_substring_regex(column, r"[\s\pZ\p{Cc}]+", " ")
    composed = _composed(pc.utf8_trim_whitespace(spaced))
    if files:
        slashes = pc.replace_substring(composed, "\\", "/")
        stripped = pc.replace_substring_regex(slashes, _SUFFIX, "")
        composed = pc.replace_substring_regex(stripped, r"^(\./)+", "")
    return pc.if_else(pc.equal(composed, ""), None, composed)


def _composed(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts with composed accents. (pyarrow 25, the last for Python 3.10, takes them apart.)"""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pc.all(pc.string_is_ascii(texts)).as_py() is not False:
        return texts
    values = (None if text is None else normalize("NFC", text) for text in texts.to_pylist())
    return pa.chunked_array([pa.array(values, pa.string())])


def _read(path: StrPath, several: bool) -> NameTable:
    source = printable(path)
    table, unreadable = read_columns(path, lambda columns: _choose(columns, several, source))
    ids = clean_ids(table.column(0), files=_FILE in table.column_names)
    rows = table.drop_columns([table.column_names[0]])
    unreadable += _named_nobody(rows, ids)
    rows, ids = rows.filter(ids.is_valid()), ids.drop_null().combine_chunks()
    coded = _coded(rows)
    if repeated := repeated_ids(ids):
        if _POSITION not in rows.column_names:
            raise _repeated(repeated, source, several)
        ids, coded = _from_long(source, ids, rows.column(_POSITION), coded)
    return NameTable(source, ids, coded, unreadable)


def _choose(columns: list[str], several: bool, source: str) -> dict[str, int]:
    """The columns of ids (the first one), names and positions among those of a table."""
    chosen: dict[str, int] = {}
    for alias in (*_ID_COLUMNS, *FILES):
        if alias in columns:
            chosen[_FILE if alias in FILES else _ID] = columns.index(alias)
            break
    for rank, aliases in RANK_COLUMNS.items():
        for alias in (*aliases, f"{rank}_1"):
            if alias in columns:
                chosen.setdefault(f"{rank}_1", columns.index(alias))
    if several:
        wide = {name: i for i, name in enumerate(columns) if _WIDE.fullmatch(name)}
        chosen |= {name: i for name, i in wide.items() if name not in chosen}
        if _POSITION in columns:
            chosen[_POSITION] = columns.index(_POSITION)
    has_id = _ID in chosen or _FILE in chosen
    if not has_id or not any(name.startswith(RANKS) for name in chosen):
        what = "names (order, family, genus, species)" if has_id else "ids (specimen_id)"
        shown = shorten(columns, len(columns)) or "none"
        raise ClibdError(
            f"{source} has no column with {what}; it has {shown}", "Rename its columns."
        )
    return chosen


def _named_nobody(rows: pa.Table, ids: pa.ChunkedArray) -> int:
    """How many rows have a name but no id; spreadsheets end in blank rows, which do not count."""
    nameless = rows.filter(ids.is_null()).to_pylist()
    return sum(any(cell and cell.strip() for cell in row.values()) for row in nameless)


def _coded(rows: pa.Table) -> dict[str, Codes]:
    """The names at each rank, codes int [rows, candidates]."""
    columns: dict[str, dict[int, Codes]] = {rank: {} for rank in RANKS}
    present = [name for name in rows.column_names if name != _POSITION]
    has_genera = any(name.startswith("genus") for name in present)
    for name in present:
        rank, number = name.split("_")
        position = int(number)
        if rank == "species":
            genus = f"genus_{number}"
            found = code_species(rows[genus] if genus in present else None, rows[name])
            columns["species"][position] = found[1]
            if genus in present or not has_genera:
                columns["genus"][position] = found[0]
        elif rank != "genus" or f"species_{number}" not in present:
            columns[rank][position] = code_column(rows[name])
    return {rank: side_by_side(found) for rank, found in columns.items() if found}


def _from_long(
    source: str, ids: pa.Array, column: pa.ChunkedArray, coded: dict[str, Codes]
) -> tuple[pa.Array, dict[str, Codes]]:
    """One row a specimen, from one row a candidate."""
    import numpy as np

    encoded = ids.dictionary_encode()
    position = _positions(column, source)
    kept = position < _KEPT
    specimen = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)[kept]
    position = position[kept]
    width = int(position.max(initial=0)) + 1
    places, times = np.unique(specimen * width + position, return_counts=True)
    if len(places) < len(specimen):
        twice = int(places[times > 1][0])
        raise ClibdError(
            f"{source} has position {twice % width + 1} of "
            f"{encoded.dictionary[twice // width].as_py()} more than once",
            "Give one table for each kind of query, with each position once.",
        )
    ranks: dict[str, Codes] = {}
    for rank, names in coded.items():
        codes = np.full((len(encoded.dictionary), width), NO_NAME, dtype=np.int64)
        codes[specimen, position] = names.codes[kept, 0]
        ranks[rank] = Codes(codes, names.names)
    return encoded.dictionary, ranks


def _positions(column: pa.ChunkedArray, source: str) -> np.ndarray:
    """Positions from 0, int [rows]."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        numbers = pc.cast(pc.utf8_trim_whitespace(column), pa.int64()).combine_chunks()
    except pa.ArrowInvalid as error:
        raise ClibdError(f"{source} has a position that is no number: {error}") from error
    if numbers.null_count or (len(numbers) and pc.min(numbers).as_py() < 1):
        raise ClibdError(f"{source} has a position below 1 or none", "Count positions from 1.")
    found: np.ndarray = numbers.to_numpy(zero_copy_only=False) - 1
    return found


def _repeated(ids: list[str], source: str, several: bool) -> ClibdError:
    how = (
        "Candidates of one specimen need a column `position`, or columns such as species_2."
        if several
        else "Keep one row a specimen."
    )
    shown = shorten(ids, len(ids))
    return ClibdError(f"{source} has {len(ids):,} specimen ids more than once: {shown}", how)


def repeated_ids(ids: pa.Array) -> list[str]:
    """The ids that come more than once."""
    import pyarrow.compute as pc

    counts = pc.value_counts(ids)
    more = counts.filter(pc.greater(counts.field("counts"), 1))
    repeated: Iterable[str] = more.field("values").to_pylist()
    return list(repeated)
