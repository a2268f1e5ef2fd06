"""Predictions beside the truth: which row answers for which specimen, and which specimens count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.lineage import RANKS
from clibd_cli.io.roles import ROLES, Role, RoleTable
from clibd_cli.tasks.evaluation import Judged
from clibd_cli.training.metrics import NONE

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from clibd_cli.io.predictions import NameTable

Part = Literal["test", "val", "all"]
"""Which queries of a split are measured."""

_ASKING: dict[Part | None, list[tuple[Role, ...]]] = {
    "test": [("test",)],
    "val": [("val",)],
    "all": [("test", "val")],
    None: [("test",), ("val",), ("other",)],
}
"""The roles that ask; where nobody has the first ones, the next are tried."""


def judge_tables(
    predictions: NameTable, truth: NameTable, roles: RoleTable | None, part: Part | None
) -> tuple[Judged, dict[str, int]]:
    """The specimens of `truth` as queries, and counts of what did not fit.

    A specimen without a prediction has no candidates, so it is wrong; predictions without truth
    are left out.

    Args:
        part: see `choose_queries`.

    Raises:
        ClibdError: where the tables have no specimen or no rank in common, or none is a query.
    """
    import pyarrow.compute as pc

    ids, chosen, seen, counts = _queries(truth, roles, part)
    rows = pc.fill_null(pc.index_in(ids, value_set=predictions.ids), -1).to_numpy()
    matched = pc.is_in(predictions.ids, value_set=truth.ids)
    if not (rows >= 0).any():
        raise _nothing_in_common(predictions, truth)
    counts["without_prediction"] = int((rows < 0).sum())
    counts["without_truth"] = len(matched) - (pc.sum(matched).as_py() or 0)
    counts["unreadable"] = predictions.unreadable + truth.unreadable
    judged = _judged(predictions, truth, rows, chosen, seen, roles)
    if not judged.names:
        raise ClibdError(
            f"{predictions.source} and {truth.source} have no rank in common: "
            f"{', '.join(predictions.ranks)} and {', '.join(truth.ranks)}",
            f"Name the columns {', '.join(RANKS)}.",
        )
    return judged, {name: count for name, count in counts.items() if count}


def _queries(
    truth: NameTable, roles: RoleTable | None, part: Part | None
) -> tuple[pa.Array, np.ndarray, np.ndarray | None, dict[str, int]]:
    """The specimens that count: their ids, whether each row of `truth` does, seen, and counts."""
    import numpy as np
    import pyarrow as pa

    if not len(truth.ids):
        raise ClibdError(f"{truth.source} has no specimens", "Give a table with true names.")
    if roles is None:
        return truth.ids, np.ones(len(truth.ids), dtype=bool), None, {}
    role, seen = roles.at(truth.ids)
    chosen = choose_queries(role, part, roles.source)
    counts = {
        "not_in_split": int((role < 0).sum()),
        "not_queries": int((~chosen & (role >= 0)).sum()),
        "neither_seen_nor_unseen": int((seen[chosen] < 0).sum()),
    }
    return truth.ids.filter(pa.array(chosen)), chosen, seen[chosen], counts


def choose_queries(roles: np.ndarray, part: Part | None, source: str) -> np.ndarray:
    """Which specimens ask, bool [n].

    Args:
        roles: positions in `io.roles.ROLES`, or -1.
        part: `test`, `val` or both (`all`); None is test, or validation where there is no test,
            or what is neither key nor training where there is none of the two.

    Raises:
        ClibdError: where no specimen asks.
    """
    for wanted in _ASKING[part]:
        chosen: np.ndarray = sum(roles == ROLES.index(role) for role in wanted) > 0
        if chosen.any():
            return chosen
    raise ClibdError(
        f"none of the specimens is a {part or 'test'} query in {source}",
        "Is it the split of these specimens? Its ids must be theirs.",
    )


def _judged(
    predictions: NameTable,
    truth: NameTable,
    rows: np.ndarray,
    chosen: np.ndarray,
    seen: np.ndarray | None,
    roles: RoleTable | None,
) -> Judged:
    from clibd_cli.io.name_codes import in_common

    names, true, given = {}, {}, {}
    for rank in RANKS:
        if rank in truth.ranks and rank in predictions.ranks:
            both = [truth.ranks[rank], predictions.ranks[rank]]
            (true_codes, codes), names[rank] = in_common(both)
            true[rank] = true_codes[chosen, 0]
            given[rank] = codes[rows]
            given[rank][rows < 0] = NONE
    key_counts = count_keys(roles, names["species"]) if roles and "species" in names else None
    return Judged(len(rows), names, true, given, seen, key_counts)


def count_keys(roles: RoleTable, names: list[str]) -> np.ndarray:
    """How many keys each species has, int [names]."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    keys = roles.species.filter(pa.array(roles.roles == ROLES.index("key")))
    counted = pc.value_counts(keys.drop_null())
    found = dict(zip(*(counted.field(i).to_pylist() for i in range(2)), strict=True))
    return np.array([found.get(name, 0) for name in names], dtype=np.int64)


def _nothing_in_common(predictions: NameTable, truth: NameTable) -> ClibdError:
    def first(table: NameTable) -> str:
        return f"{table.source} has {table.ids[0].as_py()}" if len(table.ids) else "none"

    return ClibdError(
        f"no specimen of {truth.source} is in {predictions.source}: {first(truth)}, "
        f"{first(predictions)}",
        "Both need the same ids in their columns specimen_id.",
    )
