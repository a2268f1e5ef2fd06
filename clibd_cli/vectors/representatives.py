"""A reference library from an index: a few vectors that stand for each species and each BIN.

What comes out is small and holds neither sequences nor where they lay, so it can be given away:
of every kind of reference and every group of specimens, the vector in their middle, and then
those farthest from the ones chosen. Each keeps the names and BINs of all specimens that have it,
so that a vector which several species share still says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.core.lineage import RANKS
from clibd_cli.core.records import MODALITIES, Modality
from clibd_cli.vectors.header import KEYS, vectors_file
from clibd_cli.vectors.keys import KeyCounts, count_keys, write_keys

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_NO_GROUP = -1


def keep_representatives(folder: Path, n: Mapping[Modality, int]) -> KeyCounts:
    """Reduce the keys gathered in `folder` to at most `n` vectors a group, by modality.

    A group is a species in a BIN where both are known, else the one that is; specimens with
    neither are grouped by their deepest name, and those without any name are left out.

    Returns:
        What is left.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    keys = pq.read_table(folder / KEYS)
    kept: list[pa.Table] = []
    for modality in MODALITIES:
        rows = keys.filter(pc.equal(keys.column("modality"), modality))
        if rows.num_rows:
            kept.append(_reduce(folder, modality, rows.combine_chunks(), n[modality]))
    reduced = pa.concat_tables(kept) if kept else keys
    write_keys(reduced, folder / KEYS)
    return count_keys(reduced)


def choose_representatives(
    vectors: np.ndarray, numbers: np.ndarray, groups: np.ndarray, depths: np.ndarray, n: int
) -> np.ndarray:
    """The numbers of the vectors that stand for the groups, in rising order.

    The first of a group is its medoid: of the vectors with its most complete names, the one with
    the highest mean cosine to all its specimens. Each other is the farthest from those before it.

    Args:
        vectors: [m, dim], unit length; it may be memory-mapped.
        numbers: int [specimens], the vector of each.
        groups: int [specimens], -1 for a specimen of none.
        depths: int [specimens], how many ranks have a name.
        n: vectors a group.
    """
    import numpy as np

    in_group = groups != _NO_GROUP
    pairs, pair_of, weights = np.unique(
        groups[in_group] * len(vectors) + numbers[in_group],
        return_inverse=True,
        return_counts=True,
    )
    deepest = np.zeros(len(pairs), dtype=np.int64)
    np.maximum.at(deepest, pair_of, depths[in_group])
    pair_groups, members = np.divmod(pairs, len(vectors))
    starts = np.flatnonzero(np.diff(pair_groups, prepend=_NO_GROUP))
    chosen = [np.empty(0, dtype=np.int64)]
    for start, stop in pairwise([*starts, len(pairs)]):
        group = members[start:stop]
        if len(group) > n:
            block = np.asarray(vectors[group], dtype=np.float64)
            group = group[_spread(block, weights[start:stop], deepest[start:stop], n)]
        chosen.append(group)
    return np.unique(np.concatenate(chosen))


def _spread(vectors: np.ndarray, weights: np.ndarray, depths: np.ndarray, n: int) -> list[int]:
    """The medoid of a group's vectors [m, dim], and the n - 1 that are farthest-first from it."""
    import numpy as np

    # The sum of cosines to all specimens is one product with the sum of their vectors.
    central = vectors @ (weights @ vectors)
    central[depths < depths.max()] = -np.inf
    picked = [int(central.argmax())]
    nearest = vectors @ vectors[picked[0]]
    while len(picked) < n:
        picked.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, vectors @ vectors[picked[-1]])
    return picked


def _reduce(folder: Path, modality: Modality, rows: pa.Table, n: int) -> pa.Table:
    """Leave the representatives alone in the modality's array; the rows of their specimens.

    The vectors are numbered anew in the order of their names, which lets the table shrink.
    """
    import numpy as np
    import pyarrow as pa

    path = folder / vectors_file(modality)
    vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    numbers = rows.column("vector").to_numpy()
    groups, depths = _groups(rows)
    chosen = choose_representatives(vectors, numbers, groups, depths, n)
    rows = rows.filter(pa.array(np.isin(numbers, chosen)))
    order = _by_name(rows, chosen)
    kept = np.array(vectors[order])
    del vectors  # closes the file, which Windows would not let be replaced
    if not len(kept):
        path.unlink()
        return rows
    np.save(path, kept)
    renumbered = np.empty(int(chosen.max()) + 1, dtype=np.int64)
    renumbered[order] = np.arange(len(order))
    rows = _set(rows, "vector", pa.array(renumbered[rows.column("vector").to_numpy()]))
    return _without_traces(rows, modality).sort_by("vector")


def _by_name(rows: pa.Table, chosen: np.ndarray) -> np.ndarray:
    """`chosen` in the order of the first names and BIN of each vector's specimens."""
    import numpy as np

    columns = [*RANKS, "bin_uri", "vector"]
    named = rows.select(columns).sort_by([(column, "ascending") for column in columns])
    numbers = named.column("vector").to_numpy()
    _, first = np.unique(numbers, return_index=True)
    order: np.ndarray = numbers[np.sort(first)]
    assert len(order) == len(chosen)
    return order


def _groups(rows: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """The group of each specimen and how many ranks it has a name at, int [specimens] each."""
    import numpy as np

    known: dict[tuple[str | None, ...], int] = {}
    groups = np.empty(rows.num_rows, dtype=np.int64)
    depths = np.empty(rows.num_rows, dtype=np.int64)
    columns = [rows.column(name).to_pylist() for name in ("bin_uri", *RANKS)]
    for i, (bin_uri, *names) in enumerate(zip(*columns, strict=True)):
        named = [(rank, name) for rank, name in zip(RANKS, names, strict=True) if name]
        depths[i] = len(named)
        species = names[-1] or None
        if not bin_uri and not named:
            groups[i] = _NO_GROUP
            continue
        group = ("", species, bin_uri or None) if species or bin_uri else named[-1]
        groups[i] = known.setdefault(group, len(known))
    return groups, depths


def _without_traces(rows: pa.Table, modality: Modality) -> pa.Table:
    """The rows without sequences, without digests of contents, and without folders.

    A photo's source becomes its file's name, a record's that of the file it stood in.
    """
    import pyarrow as pa

    sources = rows.column("source").to_pylist()
    if modality != "image":
        sources = [source.rsplit("#", 1)[0] for source in sources]
    names = [source.replace("\\", "/").rsplit("/", 1)[-1] for source in sources]
    rows = _set(rows, "source", pa.array(names, pa.string()))
    rows = _set(rows, "barcode", pa.nulls(rows.num_rows, pa.string()))
    return _set(rows, "content_sha256", pa.array([""] * rows.num_rows, pa.string()))


def _set(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    place = rows.schema.get_field_index(name)
    return rows.set_column(place, rows.schema.field(name), values)
