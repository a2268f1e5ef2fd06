"""The lineage, the BIN and the ids in a row of a table, whatever its columns are called."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from clibd_cli.core.lineage import RANKS, UNLABELLED, Lineage, clean_label
from clibd_cli.io.columns import BIN, RANK_COLUMNS, TAXONOMY
from clibd_cli.io.tables import Table
from clibd_cli.io.taxonomy import lineage_of_name, lineage_of_parts


class RankColumns:
    """Reads lineages and BINs from the rows of one table.

    Where no column holds a rank, a column `taxon` or `taxonomy` is read, with a whole lineage
    (`o__…;f__…`) or a single name in it.
    """

    def __init__(self, table: Table) -> None:
        self._ranks = {rank: table.find(names) for rank, names in RANK_COLUMNS.items()}
        self._bin = table.find(BIN)
        ranked = any(column is not None for column in self._ranks.values())
        self._taxonomy = None if ranked else table.find(TAXONOMY)
        self.present = ranked or self._taxonomy is not None
        """Whether the table has any column with names of taxa."""

    def lineage(self, cells: list[str]) -> Lineage:
        """The names in a row."""
        if self._taxonomy is not None:
            return _lineage_of_cell(cells[self._taxonomy])
        return _lineage(*("" if i is None else cells[i] for i in self._ranks.values()))

    def bin_uri(self, cells: list[str]) -> str | None:
        """The BIN in a row, or None."""
        return None if self._bin is None else _label(cells[self._bin])


def id_reader(columns: list[int]) -> Callable[[list[str]], tuple[str, ...]]:
    """A function from a row to its ids, the first column's first; empty cells are left out."""

    def read(cells: list[str]) -> tuple[str, ...]:
        return tuple(filter(None, [clean_label(cells[column]) for column in columns]))

    return read


_label = lru_cache(maxsize=1 << 15)(clean_label)


# Specimens of one species share their cells: each lineage is made once.
@lru_cache(maxsize=1 << 15)
def _lineage(*names: str) -> Lineage:
    return Lineage.from_labels(dict(zip(RANKS, names, strict=True)))


@lru_cache(maxsize=1 << 15)
def _lineage_of_cell(cell: str) -> Lineage:
    if not clean_label(cell):
        return UNLABELLED
    return lineage_of_parts(cell) or lineage_of_name(cell)
