"""Who is taught, searched and asked, by one table of splits or several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.lineage import RANKS, Lineage
from clibd_cli.core.progress import Progress
from clibd_cli.io.names import StrPath, printable, shorten
from clibd_cli.training.example import KEY, TRAIN, VAL, Example, original_id

if TYPE_CHECKING:
    import numpy as np

_USED = (TRAIN, KEY, VAL)


def divide(
    examples: Sequence[Example], splits: Sequence[StrPath], progress: Progress
) -> list[Example]:
    """The examples that the tables of splits let be used, each with its split; all without one.

    A copy (`id#2`) that no table names goes where its original goes.

    Raises:
        ClibdError: where no example is in the tables, or one has two splits.
    """
    if not splits:
        return list(examples)
    from clibd_cli.io.roles import NEITHER, ROLES, SEEN

    ids = [example.specimen_id for example in examples]
    roles, seen = _look_up(ids, splits)
    missing = [name for name, role in zip(ids, roles, strict=True) if role < 0]
    where = ", ".join(printable(path) for path in splits)
    if ids and len(missing) == len(ids):
        raise ClibdError(
            f"none of the {len(ids):,} specimens is in {where}, such as {shorten(missing, 1)}",
            "Make the table with `clibd split` from the same files.",
        )
    if missing:
        shown = shorten(missing, len(missing))
        progress.warn(
            f"{len(missing):,} of {len(ids):,} specimens are not in {where} and are not used: "
            + shown
        )
    return [
        replace(example, split=ROLES[role], seen=None if taught == NEITHER else taught == SEEN)
        for example, role, taught in zip(examples, roles.tolist(), seen.tolist(), strict=True)
        if role >= 0 and ROLES[role] in _USED
    ]


def _look_up(ids: Sequence[str], splits: Sequence[StrPath]) -> tuple[np.ndarray, np.ndarray]:
    """Position in `ROLES` (-1: in no table) and seen of each id, int [ids] each."""
    import numpy as np
    import pyarrow as pa

    from clibd_cli.io.roles import NEITHER, read_roles

    names = pa.array(ids, pa.string())
    originals = pa.array([original_id(name) for name in ids], pa.string())
    roles = np.full(len(ids), -1)
    seen = np.full(len(ids), NEITHER)
    for path in splits:
        table = read_roles(path)
        role, taught = table.at(names)
        role_of_original, taught_of_original = table.at(originals)
        role, taught = (
            np.where(role < 0, role_of_original, role),
            np.where(role < 0, taught_of_original, taught),
        )
        twice = (roles >= 0) & (role >= 0) & (roles != role)
        if twice.any():
            shown = [ids[i] for i in np.flatnonzero(twice)[:3]]
            raise ClibdError(
                f"{int(twice.sum()):,} specimens have another split in {table.source} than in "
                f"the table before it: {shorten(shown, int(twice.sum()))}",
                "Make one table of all files: `clibd split BARCODES PHOTOS --out splits.csv`.",
            )
        new = (roles < 0) & (role >= 0)
        roles, seen = np.where(new, role, roles), np.where(new, taught, seen)
    return roles, seen


def without_repeats(examples: Iterable[Example]) -> list[Example]:
    """One example for each distinct barcode that is taught or searched; others stay as they are.

    Queries stay, too: scores are shares of specimens, as those of `clibd evaluate`.

    Of several lineages of a barcode the most complete ones count, of these the commonest; the
    first example that bears it stands for all.
    """
    same: dict[tuple[str | None, str], list[Example]] = {}
    kept: list[Example] = []
    for example in examples:
        if example.barcode is None or example.split == VAL:
            kept.append(example)
            continue
        key = (example.split, example.barcode.strip("N"))
        same.setdefault(key, []).append(example)
    return [*(_speaker(group) for group in same.values()), *kept]


def _speaker(group: Sequence[Example]) -> Example:
    if len(group) == 1:
        return group[0]
    counts = Counter(example.lineage for example in group)
    best = max(counts, key=lambda lineage: (*_completeness(lineage), counts[lineage]))
    bins = [example.bin_uri for example in group if example.bin_uri]
    first = next(example for example in group if example.lineage == best)
    return replace(first, bin_uri=first.bin_uri or next(iter(bins), None))


def _completeness(lineage: Lineage) -> tuple[int, int]:
    """How deep a lineage goes, and how many names it has."""
    deepest = lineage.deepest
    return (
        -1 if deepest is None else RANKS.index(deepest),
        sum(lineage.at(rank) is not None for rank in RANKS),
    )


def warn_of_taught_queries(
    train: Iterable[Example], queries: Iterable[Example], progress: Progress
) -> None:
    """Say so where species that pass for unseen are taught by another kind of input."""
    unseen = {e.lineage.species for e in queries if e.seen is False and e.lineage.species}
    taught = {e.lineage.species for e in train if e.lineage.species}
    if both := sorted(_named(unseen & taught)):
        progress.warn(
            f"{len(both):,} species are unseen in one table and taught by another "
            f"({shorten(both, len(both))}): for scores that hold, make one table of all files"
        )


def _named(names: Iterable[str | None]) -> Iterator[str]:
    return (name for name in names if name)
