"""The table from the vectors of an index to the specimens behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.lineage import RANKS, Lineage
from clibd_cli.core.records import MODALITIES, Hit, Modality
from clibd_cli.vectors.schema import STRENGTH

if TYPE_CHECKING:
    import numpy as np
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
            pa.field(STRENGTH, pa.float32()),
        ]
    )


@dataclass(frozen=True, slots=True)
class KeyCounts:
    """What a table of keys holds.

    Attributes:
        vectors, specimens: of each modality that it has.
        labelled: specimens that have a name at any rank.
    """

    vectors: dict[Modality, int]
    specimens: dict[Modality, int]
    labelled: int


def count_keys(keys: pa.Table) -> KeyCounts:
    """Count what is in a table of `keys_schema`."""
    found = keys.group_by("modality").aggregate([("vector", "max"), ("vector", "count")])
    counted = {row["modality"]: row for row in found.to_pylist()}
    held = [modality for modality in MODALITIES if modality in counted]
    return KeyCounts(
        vectors={modality: counted[modality]["vector_max"] + 1 for modality in held},
        specimens={modality: counted[modality]["vector_count"] for modality in held},
        labelled=keys.num_rows - sum(_unnamed(rows) for rows in keys.to_batches()),
    )


def _unnamed(rows: pa.RecordBatch) -> int:
    """How many rows have no name at any rank."""
    import pyarrow.compute as pc

    nameless = pc.is_null(rows.column(RANKS[0]))
    for rank in RANKS[1:]:
        nameless = pc.and_(nameless, pc.is_null(rows.column(rank)))
    total = pc.sum(nameless).as_py()
    return int(total or 0)


def write_keys(keys: pa.Table, path: Path) -> None:
    """Write a table of `keys_schema`, ids that begin alike without what they share."""
    import pyarrow.parquet as pq

    pq.write_table(
        keys,
        path,
        compression="zstd",
        compression_level=9,
        use_dictionary=["modality", *RANKS, "bin_uri", "source"],
        column_encoding={"specimen_id": "DELTA_BYTE_ARRAY", "vector": "DELTA_BINARY_PACKED"},
        write_page_checksum=True,
    )


class KeyTable:
    """The specimens of one modality's vectors.

    Args:
        rows: with `vector` and `KEY_COLUMNS`, and `barcode` where that is wanted, ordered by
            `vector`, none missing from 0 on.
    """

    def __init__(self, modality: Modality, rows: pa.Table) -> None:
        import numpy as np

        self._modality = modality
        self._rows = rows
        vectors = rows.column("vector").to_numpy()
        count = int(vectors[-1]) + 1 if len(vectors) else 0
        self._vectors = vectors
        self._starts = np.searchsorted(vectors, np.arange(count + 1))
        self._codes: dict[str, tuple[dict[str, int], np.ndarray]] = {}
        self._described: dict[int, _Description] = {}
        self._barcodes: dict[int, str | None] = {}

    @property
    def has_barcodes(self) -> bool:
        """Whether the barcodes were read, and there are any."""
        if "barcode" not in self._rows.column_names:
            return False
        barcodes = self._rows.column("barcode")
        return bool(barcodes.null_count < len(barcodes))

    def barcode(self, vector: int) -> str | None:
        """The barcode of the first specimen with this vector, where barcodes were read."""
        if vector in self._barcodes:
            return self._barcodes[vector]
        barcode: str | None = self._rows.column("barcode")[int(self._starts[vector])].as_py()
        return barcode

    def barcodes(self) -> Iterator[str]:
        """One barcode a vector, where there is one, in an order that wanders over all keys."""
        count = len(self._starts) - 1
        stride = max(1, int(count * 0.618))
        while gcd(stride, count) != 1:
            stride += 1
        for i in range(count):
            if barcode := self.barcode(i * stride % count):
                yield barcode

    def __len__(self) -> int:
        return len(self._starts) - 1

    def species(self) -> set[tuple[str, str]]:
        """The species that have specimens here, each with its genus, where both are named."""
        rows = self._rows.select(["species", "genus"]).group_by(["species", "genus"]).aggregate([])
        pairs = zip(rows["species"].to_pylist(), rows["genus"].to_pylist(), strict=True)
        return {(species, genus) for species, genus in pairs if species and genus}

    def vectors_named(self, rank: str, name: str) -> np.ndarray:
        """The numbers of the vectors that no specimen is left of without those of that name."""
        import numpy as np

        if rank not in self._codes:
            encoded = self._rows.column(rank).combine_chunks().dictionary_encode()
            names = {text: code for code, text in enumerate(encoded.dictionary.to_pylist())}
            codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            self._codes[rank] = names, codes
        names, codes = self._codes[rank]
        rows = np.flatnonzero(codes == names.get(name, -2))
        vectors, counts = np.unique(self._vectors[rows], return_counts=True)
        named_only: np.ndarray = vectors[counts == np.diff(self._starts)[vectors]]
        return named_only

    def hit(self, vector: int, similarity: float) -> Hit:
        """What a search found: the key `vector` and the specimens that share it."""
        if vector not in self._described:
            self.look_up([vector])
        return Hit(vector, self._modality, similarity, *self._described[vector])

    def look_up(self, vectors: Iterable[int]) -> None:
        """Read the specimens of many vectors at once, for the calls of `hit` and `barcode` that
        follow: one by one, that takes twenty times as long."""
        import numpy as np

        missing = sorted(set(vectors) - self._described.keys())
        if not missing:
            return
        if len(self._described) + len(missing) > _CACHED:
            self._described.clear()
            self._barcodes.clear()
        spans = [np.arange(self._starts[v], self._starts[v + 1]) for v in missing]
        found = self._rows.select(KEY_COLUMNS).take(np.concatenate(spans))
        rows = zip(*(column.to_pylist() for column in found.columns), strict=True)
        for vector, span in zip(missing, spans, strict=True):
            self._described[vector] = _describe(list(islice(rows, len(span))))
        if "barcode" in self._rows.column_names:
            first = self._rows.column("barcode").take(self._starts[missing])
            self._barcodes.update(zip(missing, first.to_pylist(), strict=True))


_Description = tuple[str, Lineage, str | None, str, tuple[tuple[Lineage, int], ...]]
"""What a `Hit` says of the specimens behind a vector."""


def _describe(rows: Sequence[tuple[Any, ...]]) -> _Description:
    """What there is to say of the specimens of one vector, as rows of `KEY_COLUMNS`."""
    lineages = [Lineage(*row[1:5]) for row in rows]
    labels = _by_weight(lineages)
    commonest = labels[0][0]
    specimen_id, *_, bin_uri, source = rows[lineages.index(commonest)]
    return specimen_id, commonest, bin_uri, source, labels


def _by_weight(lineages: list[Lineage]) -> tuple[tuple[Lineage, int], ...]:
    """Distinct lineages with their counts: the deepest named first, then the commonest."""
    if len(lineages) == 1:
        return ((lineages[0], 1),)
    counts = Counter(lineages)
    depth = {None: 0} | {rank: i + 1 for i, rank in enumerate(RANKS)}
    ranked = sorted(counts.items(), key=lambda item: (-depth[item[0].deepest], -item[1]))
    return tuple(ranked)


def read_keys(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """`keys.parquet`, or some of its columns, with the types of `keys_schema`.

    An older clibd wrote none for `strength`, which is then left out.

    Raises:
        ClibdError: where it is no such table.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            there = file.schema_arrow.names
            wanted = [n for n in columns or keys_schema().names if n != STRENGTH or n in there]
            rows = file.read(wanted)
        rows.validate(full=True)  # texts are UTF-8
        return rows.select(wanted).cast(pa.schema([keys_schema().field(n) for n in wanted]))
    except (pa.ArrowException, OSError, UnicodeDecodeError, KeyError) as error:
        raise damaged_keys(path, str(error).splitlines()[0]) from error


def damaged_keys(path: Path, why: str) -> ClibdError:
    """The error for a table of keys that cannot be used."""
    return ClibdError(f"{path} is damaged: {why}", "Build the index anew.")


def read_key_tables(
    path: Path, vectors: Mapping[Modality, int], barcodes: bool = False
) -> dict[Modality, KeyTable]:
    """The key tables of an index, without the barcodes unless those are wanted.

    Args:
        vectors: of which modalities, and how many vectors each has.

    Raises:
        ClibdError: where they are no table of keys of so many vectors.
    """
    import pyarrow.compute as pc

    columns = ["modality", "vector", *KEY_COLUMNS, *(["barcode"] if barcodes else [])]
    table = read_keys(path, columns)
    tables = {}
    for modality, count in vectors.items():
        rows = table.filter(pc.equal(table.column("modality"), modality)).combine_chunks()
        if not _are_in_order(rows.column("vector").to_numpy(), count):
            raise damaged_keys(path, f"its {modality} keys are not those of {count:,} vectors")
        tables[modality] = KeyTable(modality, rows)
    return tables


def _are_in_order(numbers: np.ndarray, count: int) -> bool:
    """Whether they go from 0 to `count` - 1, each once or several times."""
    import numpy as np

    steps = np.diff(numbers, prepend=-1, append=count)
    ends = len(numbers) > 0 and steps[0] == steps[-1] == 1
    return bool(ends and ((steps == 0) | (steps == 1)).all())


def read_strengths(path: Path, modality: Modality, count: int) -> np.ndarray:
    """The strength of each of the `count` vectors of a modality; NaN where it is unknown."""
    import numpy as np
    import pyarrow.compute as pc

    strengths = np.full(count, np.nan, dtype=np.float32)
    rows = read_keys(path, ["modality", "vector", STRENGTH])
    if STRENGTH in rows.column_names:
        rows = rows.filter(pc.equal(rows["modality"], modality))
        strengths[rows["vector"].to_numpy()] = rows[STRENGTH].to_numpy()
    return strengths
