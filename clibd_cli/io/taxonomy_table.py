"""Results as a taxonomy table of QIIME 2, and as observation metadata of BIOM.

QIIME 2 (`qiime tools import --type 'FeatureData[Taxonomy]' --input-format TSVTaxonomyFormat`) wants
the header `Feature ID`, `Taxon` and any further columns, at least one row, and at least one taxon
with two ranks. `biom add-metadata --observation-metadata-fp … --sc-separated taxonomy` wants one
header line with a hash, and takes any other line with one for a comment.

The ranks are those that clibd names, `o__Diptera; f__Culicidae; g__Aedes; s__Aedes vexans`. Ranks
below the deepest name are left out, as by QIIME 2's own classifiers; one without a name above it is
`f__`, so that each rank stays at its level for `qiime taxa collapse`. With a kingdom, phylum or
class, all seven ranks of Greengenes are written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clibd_cli.core.lineage import RANKS
from clibd_cli.io.darwin_core import HIGHER_RANKS
from clibd_cli.io.result_rows import ResultRow

UNASSIGNED = "Unassigned"
"""What QIIME 2's classifiers write for a feature without a name."""

QIIME_COLUMNS: dict[str, type] = {"Feature ID": str, "Taxon": str, "Confidence": float}
BIOM_COLUMNS: dict[str, type] = {"#OTUID": str, "taxonomy": str, "confidence": float}


def taxonomy_row(
    row: ResultRow, columns: Mapping[str, type], higher: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """A row of the results under the three `columns` of a taxonomy table.

    The confidence is that of the deepest rank that has a name.

    Args:
        higher: names of `HIGHER_RANKS` for all specimens; some or none.
    """
    deepest = next((rank for rank in reversed(RANKS) if row.get(rank)), None)
    confidence = None if deepest is None else row.get(f"confidence_{deepest}")
    values = (row["specimen_id"], taxon_of(row, higher or {}), confidence)
    return dict(zip(columns, values, strict=True))


def taxon_of(row: ResultRow, higher: Mapping[str, str]) -> str:
    """The lineage of a row in one cell; `Unassigned` where it has no name.

    A semicolon inside a name would begin another rank, and becomes a comma.
    """
    ranks = (*HIGHER_RANKS, *RANKS) if any(higher.values()) else RANKS
    names = {**{rank: row.get(rank) for rank in RANKS}, **higher}
    named = [place for place, rank in enumerate(ranks, 1) if row.get(rank)]
    if not named:
        return UNASSIGNED
    return "; ".join(f"{rank[0]}__{_plain(names.get(rank))}" for rank in ranks[: max(named)])


def will_be_lost(feature_id: str) -> bool:
    """Whether QIIME 2 or biom would take an id for a comment, another id, or no id at all."""
    return (
        feature_id.startswith(("#", "'", "=", "+", "-", "@"))
        or '"' in feature_id
        or feature_id.lower() in _RESERVED
    )


_HEADERS = "id,sampleid,sample id,sample-id,featureid,feature id,feature-id"
_RESERVED = frozenset((*_HEADERS.split(","), "nan", "na", "n/a", "null", "none", "<na>"))
"""Ids that QIIME 2 keeps for headers, and those that pandas, by which it reads, takes for empty."""


def _plain(name: object) -> str:
    return str(name or "").replace(";", ",")
