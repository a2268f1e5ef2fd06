"""The table from the vectors of an index to the specimens behind them."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clibd_cli.core.lineage import RANKS, Lineage
from clibd_cli.core.records import Hit, Modality

if TYPE_CHECKING:
    import pyarrow as pa

KEY_COLUMNS = ("specimen_id", *RANKS, "bin_uri", "source")
_CACHED = 65_536


def keys_schema() -> pa.Schema:
    """The columns of `keys.parquet`: one row a specimen, ordered by modality and vector."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("modality", pa.string(), nullable=False),
            pa.field("vector", pa.int64(), nullable=False),
            pa.field("specimen_id", pa.string(), nullable=False),
            *(pa.field(name, pa.string()) for name in (*RANKS, "bin_uri", "barcode")),
            pa.field("source", pa.string(), nullable=False),
            pa.field("content_sha256", pa.string(), nullable=False),
        ]
    )


class KeyTable:
    """The specimens of one modality's vectors.

    Args:
        rows: with `vector` and `KEY_COLUMNS`, ordered by `vector`, none missing from 0 on.
    """

    def __init__(self, modality: Modality, rows: pa.Table) -> None:
        import numpy as np

        self._modality = modality
        self._rows = rows
        vectors = rows.column("vector").to_numpy()
        count = int(vectors[-1]) + 1 if len(vectors) else 0
        self._starts = np.searchsorted(vectors, np.arange(count + 1))
        self._describe = lru_cache(maxsize=_CACHED)(self._describe_uncached)

    def hit(self, vector: int, similarity: float) -> Hit:
        """What a search found: the key `vector` and the specimens that share it."""
        return Hit(vector, self._modality, similarity, *self._describe(vector))

    def _describe_uncached(self, vector: int) -> tuple[Any, ...]:
        start, stop = int(self._starts[vector]), int(self._starts[vector + 1])
        rows = self._rows.slice(start, stop - start).to_pylist()
        lineages = [Lineage(*(row[rank] for rank in RANKS)) for row in rows]
        labels = _by_weight(lineages)
        commonest = labels[0][0]
        row = rows[lineages.index(commonest)]
        return row["specimen_id"], commonest, row["bin_uri"], row["source"], labels


def _by_weight(lineages: list[Lineage]) -> tuple[tuple[Lineage, int], ...]:
    """Distinct lineages with their counts: the deepest named first, then the commonest."""
    counts = Counter(lineages)
    depth = {None: 0} | {rank: i + 1 for i, rank in enumerate(RANKS)}
    ranked = sorted(counts.items(), key=lambda item: (-depth[item[0].deepest], -item[1]))
    return tuple(ranked)


def read_key_tables(path: Path, modalities: tuple[Modality, ...]) -> dict[Modality, KeyTable]:
    """The key tables of an index, without the barcodes."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["modality", "vector", *KEY_COLUMNS])
    return {
        modality: KeyTable(
            modality, table.filter(pc.equal(table.column("modality"), modality)).combine_chunks()
        )
        for modality in modalities
    }
