"""Columns of names as numbers: each distinct cell is cleaned once, equal names get equal codes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clibd_cli.core.lineage import Lineage, clean_label

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

NO_NAME = -1
"""The code of a cell without a name."""

_EPITHET = re.compile(r"[a-zà-ÿ]{2,}(?:-[a-zà-ÿ]+)*")

_Cells = tuple["np.ndarray", list[str | None]]
"""Codes int [rows], and the distinct cells that they stand for."""


@dataclass(frozen=True, slots=True)
class Codes:
    """Names as numbers.

    Attributes:
        codes: int, of any shape: positions in `names`, or `NO_NAME`.
        names: distinct.
    """

    codes: np.ndarray
    names: list[str]


def code_column(column: pa.ChunkedArray) -> Codes:
    """The cleaned names of a column (`core.lineage.clean_label`), codes int [rows]."""
    codes, cells = _distinct(column)
    return _recoded(codes, [clean_label(cell) for cell in cells])


def code_species(genus: pa.ChunkedArray | None, species: pa.ChunkedArray) -> tuple[Codes, Codes]:
    """The cleaned genera and species of the rows, codes int [rows] each.

    The rules are those of `Lineage.from_labels`, but a measure must not fill in names: genera come
    from the species' names only where there is no column of genera, and only what looks like an
    epithet is joined to its genus.
    """
    import numpy as np

    s_codes, s_cells = _distinct(species)
    g_codes, g_cells = _distinct(genus) if genus is not None else (np.zeros_like(s_codes), [None])
    width = max(len(s_cells), 1)
    pairs, codes = np.unique(g_codes.astype(np.int64) * width + s_codes, return_inverse=True)
    cleaned = [
        _clean_pair(g_cells[pair // width], s_cells[pair % width], genus is None)
        for pair in pairs.tolist()
    ]
    return _recoded(codes, [g for g, _ in cleaned]), _recoded(codes, [s for _, s in cleaned])


def side_by_side(columns: Mapping[int, Codes]) -> Codes:
    """Columns as one array int [rows, positions]; a position that is not there has no names.

    Args:
        columns: by their positions, which count from 1; not empty.
    """
    import numpy as np

    numbers: dict[str, int] = {}
    rows = len(next(iter(columns.values())).codes)
    stack = np.full((rows, max(columns)), NO_NAME, dtype=np.int64)
    for position, column in sorted(columns.items()):
        stack[:, position - 1] = _renumbered(column, numbers)
    return Codes(stack, list(numbers))


def in_common(tables: Sequence[Codes]) -> tuple[list[np.ndarray], list[str]]:
    """The codes of each of `tables` as positions in one list of names."""
    numbers: dict[str, int] = {}
    return [_renumbered(table, numbers) for table in tables], list(numbers)


def _renumbered(table: Codes, numbers: dict[str, int]) -> np.ndarray:
    """The codes by `numbers`, which takes up new names."""
    import numpy as np

    new = [numbers.setdefault(name, len(numbers)) for name in table.names]
    renumbered: np.ndarray = np.array([*new, NO_NAME], dtype=np.int64)[table.codes]
    return renumbered


def _distinct(column: pa.ChunkedArray) -> _Cells:
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    return encoded.indices.to_numpy(zero_copy_only=False), encoded.dictionary.to_pylist()


def _recoded(codes: np.ndarray, names: list[str | None]) -> Codes:
    """By name instead of by cell: equal names become one, and None becomes `NO_NAME`."""
    import numpy as np

    numbers: dict[str, int] = {}
    new = [NO_NAME if name is None else numbers.setdefault(name, len(numbers)) for name in names]
    return Codes(np.array(new, dtype=np.int64)[codes], list(numbers))


def _clean_pair(
    genus: str | None, species: str | None, without_genera: bool
) -> tuple[str | None, str | None]:
    lineage = Lineage.from_labels({"genus": genus, "species": species})
    whole, written = lineage.species, clean_label(species)
    if whole and written and whole != written and not _EPITHET.fullmatch(written):
        whole = written
    return (lineage.genus if without_genera else clean_label(genus)), whole
