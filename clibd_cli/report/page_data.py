"""The rows of a page as columns of numbers and shared texts: a tenth of what objects would take.

`static/data.js` reads what is written here. Texts stand once, in `texts`, and are named by their
place; text 0 is the empty one. Numbers of four decimals are integers, ten thousand times as large.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clibd_cli.report.contents import Names, NearReference, ReportRow

LONGEST_TEXT = 300
"""Characters of an id, a name or a path that are shown; the whole text is in the results."""


class _Table:
    """Values and the places that they were first given."""

    def __init__(self) -> None:
        self.places: dict[Any, int] = {}

    def place(self, value: Any) -> int:
        return self.places.setdefault(value, len(self.places))


class _Shared:
    """The tables that rows and references share."""

    def __init__(self) -> None:
        self.texts, self.lineages, self.flag_sets = _Table(), _Table(), _Table()
        self.texts.place("")
        self.lineages.place((0, 0, 0, 0))
        self.flag_sets.place(())

    def text(self, value: str | None) -> int:
        return self.texts.place(shown(value or ""))

    def lineage(self, names: Names) -> int:
        return self.lineages.place(tuple(self.text(name) for name in names))

    def flags(self, words: Sequence[str]) -> int:
        return self.flag_sets.place(tuple(self.text(word) for word in words))


def page_data(rows: Sequence[ReportRow], pictures: Mapping[str, int]) -> dict[str, Any]:
    """`rows` as the page's script reads them.

    Args:
        pictures: the places of the pictures of paths; what is not there has none.
    """
    shared = _Shared()
    columns = _row_columns(rows, shared, pictures)
    near = [hit for row in rows for hit in row.nearest]
    starts = [0]
    for row in rows:
        starts.append(starts[-1] + len(row.nearest))
    return {
        "n": len(rows),
        "rows": columns,
        "starts": starts if near else [],
        "near": _near_columns(near, shared, pictures),
        "texts": list(shared.texts.places),
        "lineages": [place for lineage in shared.lineages.places for place in lineage],
        "flagSets": list(shared.flag_sets.places),
    }


def _row_columns(
    rows: Sequence[ReportRow], shared: _Shared, pictures: Mapping[str, int]
) -> dict[str, Any]:
    folders, files = _split_paths([row.source for row in rows])
    return {
        "id": [shown(row.specimen_id) for row in rows],
        "position": [row.position for row in rows],
        "lineage": [shared.lineage(row.names) for row in rows],
        "confidence": [_scaled(share) for row in rows for share in row.confidence],
        "nearestId": [shared.text(row.nearest_id) for row in rows],
        "nearestSpecies": [shared.text(row.nearest_species) for row in rows],
        "similarity": [_scaled(row.similarity) for row in rows],
        "identity": _sparse([_scaled(row.identity) for row in rows]),
        "overlap": _sparse([row.overlap_bp for row in rows]),
        "support": [row.n_support for row in rows],
        "evidence": [shared.text(row.evidence) for row in rows],
        "flags": [shared.flags(row.flags) for row in rows],
        "folder": [shared.text(folder) for folder in folders],
        "file": [shown(file) for file in files],
        "conflict": _sparse([shown(row.conflict, 2_000) or None for row in rows]),
        "picture": _sparse([pictures.get(row.photo or "") for row in rows]),
        "explanation": _sparse([pictures.get(row.explanation or "") for row in rows]),
    }


def _near_columns(
    near: Sequence[NearReference], shared: _Shared, pictures: Mapping[str, int]
) -> dict[str, Any]:
    return {
        "id": [shared.text(hit.key_id) for hit in near],
        "modality": [shared.text(hit.modality) for hit in near],
        "lineage": [shared.lineage(hit.names) for hit in near],
        "similarity": [_scaled(hit.similarity) for hit in near],
        "identity": _sparse([_scaled(hit.identity) for hit in near]),
        "overlap": _sparse([hit.overlap_bp for hit in near]),
        "bin": [shared.text(hit.bin_uri) for hit in near],
        "specimens": [hit.n_specimens for hit in near],
        "source": [shared.text(hit.source) for hit in near],
        "picture": _sparse([pictures.get(hit.photo or "") for hit in near]),
    }


def shown(text: str, longest: int = LONGEST_TEXT) -> str:
    """`text` as it stands in the page: cut where it is very long, without half characters."""
    cut = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return cut.encode("utf-8", "replace").decode("utf-8")


def _scaled(number: float | None) -> int | None:
    return None if number is None else round(number * 10_000)


def _sparse(values: list[Any]) -> dict[str, Any] | list[Any]:
    """A list, or, where most values are missing, those that are there by their place."""
    there = {str(i): value for i, value in enumerate(values) if value is not None}
    return there if len(there) < len(values) / 4 else values


def _split_paths(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """Folders with their last separator, and file names: few folders stand for many files."""
    cuts = [max(path.rfind("/"), path.rfind("\\")) + 1 for path in paths]
    return (
        [path[:cut] for path, cut in zip(paths, cuts, strict=True)],
        [path[cut:] for path, cut in zip(paths, cuts, strict=True)],
    )
