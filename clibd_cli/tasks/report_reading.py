"""What a report is made of, read back from the files that `classify` leaves beside each other.

Only the table of results has to be there, with ids and at least one rank. Columns are found by
name; those that are missing are empty.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.lineage import RANKS
from clibd_cli.io.columnar import read_columns
from clibd_cli.io.columns import IDS
from clibd_cli.io.names import printable
from clibd_cli.io.result_rows import read_number
from clibd_cli.io.table_files import ParquetTable
from clibd_cli.report.contents import Counts, Names, NearReference, ReportRow, SkippedInput
from clibd_cli.report.flags import gravity, split_flags

if TYPE_CHECKING:
    import pyarrow as pa

_ID = "specimen_id"
_QUERY_IDS = (_ID, "query_id")
_OPTIONAL = (
    *(f"confidence_{rank}" for rank in RANKS),
    *("nearest_id", "nearest_species", "nearest_similarity", "identity", "overlap_bp"),
    *("n_support", "evidence", "flags", "source", "conflict", "explanation"),
)
_HIT_COLUMNS = (
    *("position", "key_id", "key_modality", "similarity", "identity", "overlap_bp", *RANKS),
    *("bin_uri", "n_specimens", "source"),
)
_MOST_NEAR = 10
_LONGEST_LOG = 10_000_000


class Results:
    """A table of results, of which single rows can be taken.

    Raises:
        ClibdError: where it is missing, no table, or has no ids or no ranks.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._table, self.unreadable = read_columns(path, self._choose)
        self.n = self._table.num_rows

    def _choose(self, columns: list[str]) -> Mapping[str, int]:
        names = printable(self.path)
        found = next((columns.index(alias) for alias in IDS if alias in columns), None)
        if found is None or not any(rank in columns for rank in RANKS):
            raise ClibdError(
                f"{names} holds no results: it needs the columns specimen_id and "
                f"{', '.join(RANKS)}",
                "Give a table that `clibd classify` has written.",
            )
        there = {name: columns.index(name) for name in (*RANKS, *_OPTIONAL) if name in columns}
        return {_ID: found, **there}

    def counts(self, skipped: Sequence[SkippedInput]) -> Counts:
        """What there is in the whole table."""
        flags: Counter[str] = Counter()
        flagged = 0
        for cell, n in self._values("flags").items():
            words = split_flags(cell)
            flags.update(dict.fromkeys(words, n))
            flagged += n if words else 0
        return Counts(
            n=self.n,
            named=tuple(self._filled(rank) for rank in RANKS),
            flagged=flagged,
            flags=dict(sorted(flags.items())),
            evidence=dict(sorted(self._values("evidence").items())),
            skipped=dict(Counter(skip.reason for skip in skipped).most_common()),
        )

    def in_order(self, most: int) -> list[int]:
        """The places of the first `most` rows: flagged ones first, the gravest flags first."""
        import numpy as np

        if "flags" not in self._table.column_names:
            return list(range(min(most, self.n)))
        coded = self._table["flags"].fill_null("").combine_chunks().dictionary_encode()
        words = [gravity(split_flags(cell)) for cell in coded.dictionary.to_pylist()]
        if not words:
            return []
        order = np.argsort(np.asarray(words)[coded.indices.to_numpy()], kind="stable")
        return [int(place) for place in order[:most]]

    def rows(
        self, places: Sequence[int], near: Mapping[str, tuple[NearReference, ...]]
    ) -> list[ReportRow]:
        """The rows at `places`, in that order, each with its nearest references."""
        taken = self._table.take(_indices(places)).to_pylist()
        folder = self.path.parent
        return [
            _row(cells, place + 1, near, folder) for place, cells in zip(places, taken, strict=True)
        ]

    def ids(self, places: Sequence[int]) -> list[str]:
        """The ids of the rows at `places`."""
        return [cell or "" for cell in self._table[_ID].take(_indices(places)).to_pylist()]

    def _filled(self, name: str) -> int:
        import pyarrow.compute as pc

        if name not in self._table.column_names:
            return 0
        cells = pc.utf8_trim_whitespace(self._table[name].fill_null(""))
        return int(pc.sum(pc.not_equal(cells, "")).as_py() or 0)

    def _values(self, name: str) -> dict[str, int]:
        """How often each value of a column occurs; empty ones are left out."""
        if name not in self._table.column_names:
            return {}
        pairs = self._table[name].value_counts().to_pylist()
        return {pair["values"]: pair["counts"] for pair in pairs if pair["values"]}


def read_near(path: Path, ids: Sequence[str]) -> dict[str, tuple[NearReference, ...]]:
    """The nearest references of the specimens `ids`, the best first, from RESULTS.hits.parquet.

    Raises:
        ClibdError: where it cannot be read, or has no ids.
    """
    found: dict[str, list[tuple[float, NearReference]]] = {}
    for cells in _hits_of(path, ids):
        hits = found.setdefault(_text(cells, _ID), [])
        if len(hits) < _MOST_NEAR:
            hits.append((_number(cells.get("position")) or 0.0, _near(cells)))
    return {
        name: tuple(hit for _, hit in sorted(hits, key=lambda pair: pair[0]))
        for name, hits in found.items()
    }


def _hits_of(path: Path, ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = pa.array(list(ids), pa.string())
    table = ParquetTable(path)
    columns = table.columns
    key = next((columns.index(name) for name in _QUERY_IDS if name in columns), None)
    if key is None or "key_id" not in columns:
        raise ClibdError(f"{printable(path)} holds no references", "Classify again.")
    there = {name: columns.index(name) for name in _HIT_COLUMNS if name in columns}
    for batch in table.batches({_ID: key, **there}):
        yield from batch.filter(pc.is_in(batch[_ID].cast(pa.string()), wanted)).to_pylist()


def read_skipped(path: Path) -> list[SkippedInput]:
    """The inputs that were skipped, from RESULTS.skipped.csv.

    Raises:
        ClibdError: where it cannot be read.
    """

    def choose(columns: list[str]) -> Mapping[str, int]:
        if "source" not in columns or "reason" not in columns:
            raise ClibdError(f"{printable(path)} lists no skipped inputs", "Classify again.")
        return {n: columns.index(n) for n in ("source", _ID, "reason") if n in columns}

    table, _ = read_columns(path, choose)
    return [
        SkippedInput(row["source"] or "", row.get(_ID) or "", row["reason"] or "")
        for row in table.to_pylist()
    ]


def read_log(path: Path) -> dict[str, Any]:
    """The run log of the results.

    Raises:
        ClibdError: where it cannot be read.
    """
    try:
        if path.stat().st_size > _LONGEST_LOG:
            raise ValueError("it is too long")
        log = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ClibdError(f"{printable(path)} cannot be read: {error}", "Classify again.") from error
    return log if isinstance(log, dict) else {}


def _row(
    cells: Mapping[str, str | None],
    position: int,
    near: Mapping[str, tuple[NearReference, ...]],
    folder: Path,
) -> ReportRow:
    """A row of the table in `folder`, from which the paths of explanations start."""
    name, source = _text(cells, _ID), _text(cells, "source")
    order, family, genus, species = (_number(cells.get(f"confidence_{rank}")) for rank in RANKS)
    evidence, explanation = _text(cells, "evidence"), _text(cells, "explanation")
    return ReportRow(
        position=position,
        specimen_id=name,
        names=_names(cells),
        confidence=(order, family, genus, species),
        nearest_id=_text(cells, "nearest_id"),
        nearest_species=_text(cells, "nearest_species"),
        similarity=_number(cells.get("nearest_similarity")),
        identity=_number(cells.get("identity")),
        overlap_bp=_whole(cells.get("overlap_bp")),
        n_support=_whole(cells.get("n_support")),
        evidence=evidence,
        flags=split_flags(cells.get("flags")),
        source=source,
        conflict=_text(cells, "conflict"),
        photo=source if source and ("image" in evidence or not evidence) else None,
        explanation=str(folder / explanation) if explanation else None,
        nearest=near.get(name, ()),
    )


def _near(cells: Mapping[str, Any]) -> NearReference:
    modality, source = _text(cells, "key_modality"), _text(cells, "source")
    return NearReference(
        key_id=_text(cells, "key_id"),
        modality=modality,
        names=_names(cells),
        similarity=_number(cells.get("similarity")),
        identity=_number(cells.get("identity")),
        overlap_bp=_whole(cells.get("overlap_bp")),
        bin_uri=_text(cells, "bin_uri") or None,
        n_specimens=_whole(cells.get("n_specimens")),
        source=source,
        photo=source if source and modality == "image" else None,
    )


def _names(cells: Mapping[str, Any]) -> Names:
    order, family, genus, species = (_text(cells, rank).strip() or None for rank in RANKS)
    return order, family, genus, species


def _text(cells: Mapping[str, Any], name: str) -> str:
    value = cells.get(name)
    return "" if value is None else str(value)


def _number(value: object) -> float | None:
    """A cell as a number; None where it is none, or not finite."""
    with suppress(ValueError, TypeError):
        return read_number(value)
    return None


def _whole(value: object) -> int | None:
    number = _number(value)
    return None if number is None else round(number)


def _indices(places: Sequence[int]) -> pa.Array:
    import pyarrow as pa

    return pa.array(places, pa.int64())
