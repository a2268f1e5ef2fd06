"""Queries compared with keys, feature by feature, by exact search over embedding stores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.lineage import RANKS, Lineage
from clibd_cli.core.progress import Progress
from clibd_cli.core.records import MODALITIES, Modality
from clibd_cli.io.roles import ROLES, RoleTable
from clibd_cli.tasks.evaluation import Judged, Space
from clibd_cli.tasks.evaluation_features import STORE_COLUMNS, Feature, Specimens
from clibd_cli.tasks.evaluation_tables import Part, choose_queries
from clibd_cli.training.metrics import NONE, TOP_K

if TYPE_CHECKING:
    import numpy as np

    from clibd_cli.vectors.schema import StoreFacts

_QUERIES_A_STEP = 2048
_POINTS_A_KIND = 1500
"""Vectors of each modality in the map of the space."""


@dataclass(frozen=True, slots=True)
class Side:
    """The specimens that ask, or those that are asked.

    Attributes:
        chosen: which of the specimens, bool [specimens].
        seen: of each specimen (see `io.roles`), int [specimens]; None without a split.
        codes: of each specimen's names at each rank, int [specimens]; the same names have the
            same codes on both sides.
    """

    specimens: Specimens
    chosen: np.ndarray
    seen: np.ndarray | None
    codes: dict[str, np.ndarray]

    def features(self, names: Sequence[str]) -> dict[str, Feature]:
        """Those of the features that exist here."""
        found = {name: self.specimens.feature(name, self.chosen) for name in names}
        return {name: feature for name, feature in found.items() if feature is not None}


def read_specimens_of(
    stores: Sequence[Path], facts: StoreFacts, modalities: Sequence[Modality]
) -> Specimens:
    """All specimens of the stores that have vectors of `modalities`, with these."""
    from clibd_cli.vectors.parts import read_rows

    specimens = Specimens(facts.dim, modalities)
    for rows in read_rows(stores, STORE_COLUMNS):
        specimens.add(rows)
    return specimens


def take_sides(
    asking: Specimens, asked: Specimens, roles: RoleTable | None, part: Part | None
) -> tuple[Side, Side, dict[str, list[str]]]:
    """Queries, keys, and the names that their codes stand for.

    With a table of splits, it says who is what, and specimens also have the vector of their own
    name, where that is embedded. Without one, all are queries and all are keys.

    Raises:
        ClibdError: where nobody asks, nobody is asked, or no query has a name.
    """
    import numpy as np

    coded, names = _code([asking.lineages, asked.lineages])
    masks = [np.ones(len(s.ids), dtype=bool) for s in (asking, asked)]
    seen = None
    if roles is not None:
        role, seen = _roles_of(asking, roles)
        masks[0] = choose_queries(role, part, roles.source)
        role_of_key, _ = _roles_of(asked, roles)
        masks[1] = role_of_key == ROLES.index("key")
        asking.take_texts(np.flatnonzero(role >= 0).tolist())
        asked.take_texts(np.flatnonzero(role_of_key >= 0).tolist())
    queries = Side(asking, masks[0], seen, coded[0])
    keys = Side(asked, masks[1], None, coded[1])
    if not any((codes[masks[0]] != NONE).any() for codes in queries.codes.values()):
        raise ClibdError(
            "none of the queries has a name to compare with",
            "Embed them with --labels TABLE.",
        )
    if not masks[1].any():
        where = f" in {roles.source}" if roles else ""
        raise ClibdError(f"none of the specimens is a key{where}", "Give a store with keys.")
    return queries, keys, names


def judge_features(
    queries: Side,
    query: Feature,
    keys: Side,
    key: Feature,
    names: dict[str, list[str]],
    progress: Progress,
) -> Judged:
    """The labels of the nearest keys of each query, by cosine, exactly.

    Equally near keys come in the order of their stores. Where a query is among the keys itself,
    its own vectors are not its neighbours.
    """
    import numpy as np

    own = _own_numbers(queries.specimens, query, keys.specimens)
    numbers = np.concatenate(list(_nearest(query, key, own, progress)))
    neighbours = np.append(key.specimens, -1)[numbers]
    species = keys.codes["species"][np.unique(key.specimens)]
    return Judged(
        n=len(query.vectors),
        names=names,
        truth={rank: queries.codes[rank][query.specimens] for rank in RANKS},
        candidates={
            rank: np.append(keys.codes[rank], NONE).astype(np.int32)[neighbours] for rank in RANKS
        },
        seen=None if queries.seen is None else queries.seen[query.specimens],
        key_counts=np.bincount(species[species != NONE], minlength=len(names["species"])),
    )


def sample_space(queries: Side) -> Space:
    """Some of the queries' vectors of each modality, always the same ones, for a map."""
    import numpy as np

    drawn = np.random.default_rng(0)
    vectors, kinds, lineages = [], [], []
    for kind, feature in queries.features(MODALITIES).items():
        n = len(feature.vectors)
        rows = np.sort(drawn.permutation(n)[:_POINTS_A_KIND])
        vectors.append(feature.vectors[rows])
        kinds += [kind] * len(rows)
        lineages += [queries.specimens.lineages[i] for i in feature.specimens[rows].tolist()]
    names = {rank: [lineage.at(rank) for lineage in lineages] for rank in RANKS}
    return Space(np.concatenate(vectors), kinds, names)


def _nearest(
    query: Feature, key: Feature, own: np.ndarray, progress: Progress
) -> Iterator[np.ndarray]:
    """Rows of the nearest keys int [step, 5], best first, -1 where there are no more."""
    import numpy as np

    from clibd_cli.vectors.exact import ExactIndex

    wanted = max(TOP_K)
    overlap = np.isin(own, key.specimens).any()
    spare = int(np.bincount(key.specimens).max()) if overlap else 0
    index = ExactIndex(key.vectors)
    for start in range(0, len(query.vectors), _QUERIES_A_STEP):
        step = slice(start, start + _QUERIES_A_STEP)
        numbers, _ = index.search(query.vectors[step], wanted + spare)
        is_own = key.specimens[numbers] == own[step, None]
        others_first = np.argsort(is_own, axis=1, kind="stable")
        numbers = np.where(is_own, -1, numbers)
        numbers = np.take_along_axis(numbers, others_first, axis=1)[:, :wanted]
        missing = wanted - numbers.shape[1]
        progress.advance(len(numbers))
        yield np.pad(numbers, ((0, 0), (0, missing)), constant_values=-1)


def _own_numbers(asking: Specimens, query: Feature, asked: Specimens) -> np.ndarray:
    """The number among the keys' specimens of each query's specimen, -1 where it is none."""
    import numpy as np

    if asking is asked:
        return query.specimens
    found = [asked.number(asking.ids[number]) for number in query.specimens.tolist()]
    return np.array(found, dtype=np.int64)


def _roles_of(specimens: Specimens, roles: RoleTable) -> tuple[np.ndarray, np.ndarray]:
    import pyarrow as pa

    return roles.at(pa.array(specimens.ids, pa.string()))


def _code(
    sides: Sequence[Sequence[Lineage]],
) -> tuple[list[dict[str, np.ndarray]], dict[str, list[str]]]:
    """The names of each side's specimens as codes, and what the codes stand for."""
    import numpy as np

    coded: list[dict[str, np.ndarray]] = [{} for _ in sides]
    names: dict[str, list[str]] = {}
    for rank in RANKS:
        numbers: dict[str | None, int] = {None: NONE}
        for codes, lineages in zip(coded, sides, strict=True):
            found = [numbers.setdefault(lin.at(rank), len(numbers) - 1) for lin in lineages]
            codes[rank] = np.array(found, dtype=np.int64)
        names[rank] = [name for name in numbers if name is not None]
    return coded, names
