"""A table of splits, as `clibd split` writes it: who asks, who is asked, who taught the model.

Splits of other makers are understood by the words in their names: BIOSCAN-5M's `test_unseen`,
the official BIOSCAN-1M file's `seen_keys`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.lineage import clean_label
from clibd_cli.io.columnar import read_columns
from clibd_cli.io.columns import IDS
from clibd_cli.io.names import StrPath, printable, shorten
from clibd_cli.io.predictions import clean_ids, repeated_ids

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

Role = Literal["key", "train", "val", "test", "other"]
ROLES: tuple[Role, ...] = ("key", "train", "val", "test", "other")

SEEN, UNSEEN, NEITHER = 1, 0, -1

_WORDS: tuple[tuple[str, Role], ...] = (
    ("key", "key"),
    ("train", "train"),
    ("val", "val"),
    ("test", "test"),
    ("quer", "test"),
)
_TRUTHS = {"true": SEEN, "1": SEEN, "yes": SEEN, "false": UNSEEN, "0": UNSEEN, "no": UNSEEN}


@dataclass(frozen=True, slots=True)
class RoleTable:
    """What each specimen is for.

    Attributes:
        ids: distinct.
        roles: positions in `ROLES`, int [n].
        seen: whether the species is among the taught ones: `SEEN`, `UNSEEN` or `NEITHER`, int [n].
        species: names or None, for counting keys.
    """

    source: str
    ids: pa.Array
    roles: np.ndarray
    seen: np.ndarray
    species: pa.Array

    def at(self, ids: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        """Roles and seen of `ids`, int [n] each; -1 and `NEITHER` for those not in the table."""
        import numpy as np
        import pyarrow.compute as pc

        rows = pc.fill_null(pc.index_in(ids, value_set=self.ids), -1).to_numpy()
        return np.append(self.roles, -1)[rows], np.append(self.seen, NEITHER)[rows]


def read_roles(path: StrPath) -> RoleTable:
    """Read a table with the columns `specimen_id`, `split` and, if there, `seen` and `species`.

    Without a column `seen`, a split is of unseen species where its name says so.

    Raises:
        ClibdError: where ids or splits are missing, or an id has two rows.
    """
    import pyarrow as pa

    source = printable(path)
    table, _ = read_columns(path, lambda columns: _choose(columns, source))
    ids = clean_ids(table.column("id"))
    table, ids = table.filter(ids.is_valid()), ids.drop_null().combine_chunks()
    if repeated := repeated_ids(ids):
        shown = shorten(repeated, len(repeated))
        raise ClibdError(f"{source} has ids more than once: {shown}", "Keep one row a specimen.")
    split = table.column("split")
    seen = table.column("seen") if "seen" in table.column_names else None
    species = pa.nulls(len(ids), pa.string())
    if "species" in table.column_names:
        species = _mapped(table.column("species"), clean_label, pa.string())
    return RoleTable(
        source,
        ids,
        _mapped(split, lambda name: ROLES.index(role_of(name or "")), pa.int64()).to_numpy(),
        _mapped(split if seen is None else seen, _seen_of_split if seen is None else _seen,
                pa.int64()).to_numpy(),
        species,
    )  # fmt: skip


def role_of(split: str) -> Role:
    """What the name of a split says: `key_unseen` is a key, `no_split_and_seen_train` teaches."""
    lower = split.lower()
    return next((role for word, role in _WORDS if word in lower), "other")


def _choose(columns: list[str], source: str) -> dict[str, int]:
    ids = [columns.index(alias) for alias in IDS if alias in columns]
    if not ids or "split" not in columns:
        raise ClibdError(
            f"{source} lacks a column specimen_id or split; it has "
            f"{shorten(columns, len(columns)) or 'none'}",
            "Make such a table with `clibd split`.",
        )
    wanted = [name for name in ("split", "seen", "species") if name in columns]
    return {"id": ids[0]} | {name: columns.index(name) for name in wanted}


def _seen(cell: str | None) -> int:
    return _TRUTHS.get((cell or "").strip().lower(), NEITHER)


def _seen_of_split(name: str | None) -> int:
    return UNSEEN if "unseen" in (name or "").lower() else SEEN


def _mapped(
    column: pa.ChunkedArray, function: Callable[[Any], object], kind: pa.DataType
) -> pa.Array:
    """`function` of each cell, called once for each distinct one."""
    import pyarrow as pa

    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    values = pa.array([function(value) for value in encoded.dictionary.to_pylist()], kind)
    return values.take(encoded.indices)
