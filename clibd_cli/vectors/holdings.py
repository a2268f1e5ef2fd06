"""All references of one kind, laid out to be compared with each other.

An index keeps one row for a specimen whatever became of its label; who looks for mistakes needs
every row as it was given, so stores are read here once more, into memory but for the vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.core.lineage import RANKS, Lineage
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.core.records import MODALITIES, Modality
from clibd_cli.vectors.gather import STORE_COLUMNS
from clibd_cli.vectors.header import KEYS, check_file, read_header
from clibd_cli.vectors.keys import damaged_keys, read_keys
from clibd_cli.vectors.opening import open_vectors
from clibd_cli.vectors.parts import common_facts, count_rows, read_rows, refuse_unfinished
from clibd_cli.vectors.schema import vectors_of
from clibd_cli.vectors.unique import UniqueVectors

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_LABELS = ("specimen_id", "content_sha256", *RANKS, "bin_uri")
_COLUMNS = (*_LABELS, "barcode", "source")


@dataclass(slots=True)
class Holdings:
    """The references of one modality; all lists have one entry a reference.

    Attributes:
        numbers: int64 [references], the row of `vectors` that each reference has.
        vectors: [distinct, dim], unit length, mostly memory-mapped.
        barcodes: cleaned; empty for photos, and where a compact library keeps none.
    """

    modality: Modality
    vectors: np.ndarray
    numbers: np.ndarray
    ids: list[str] = field(default_factory=list)
    lineages: list[Lineage] = field(default_factory=list)
    bins: list[str | None] = field(default_factory=list)
    barcodes: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)

    def rows_of_vectors(self) -> list[list[int]]:
        """The references that have each vector, in their order."""
        rows: list[list[int]] = [[] for _ in range(len(self.vectors))]
        for row, number in enumerate(self.numbers.tolist()):
            rows[number].append(row)
        return rows


def holdings_of_stores(
    stores: Sequence[Path], scratch: Path, progress: Progress = SILENT
) -> list[Holdings]:
    """The references in `stores`, by modality; their distinct vectors lie in `scratch`.

    A specimen that is there again with the same content and the same label counts once.

    Raises:
        ClibdError: where a store is damaged or unfinished, or two are of different models.
    """
    import pyarrow.compute as pc

    refuse_unfinished(stores)
    facts = common_facts(stores)
    gathered: dict[Modality, _Gathered] = {}
    progress.begin("reading references", count_rows(stores))
    for rows in read_rows(stores, STORE_COLUMNS):
        for modality in MODALITIES:
            part = rows.filter(pc.equal(rows.column("modality"), modality))
            if not part.num_rows:
                continue
            if modality not in gathered:
                path = scratch / f"{modality}.npy"
                gathered[modality] = _Gathered(UniqueVectors(path, facts.dim, facts.dtype), path)
            gathered[modality].add(part, facts.dim)
        progress.advance(rows.num_rows)
    return [gathered[m].finish(m) for m in MODALITIES if m in gathered]


def holdings_of_index(folder: Path) -> list[Holdings]:
    """The references of an index, by modality.

    Raises:
        ClibdError: where a file of the index is missing or damaged.
    """
    import pyarrow.compute as pc

    header = read_header(folder)
    path = check_file(folder, header, KEYS)
    keys = read_keys(path)
    found = []
    for modality in header.modalities:
        rows = keys.filter(pc.equal(keys.column("modality"), modality))
        numbers, vectors = rows.column("vector").to_numpy(), open_vectors(folder, header, modality)
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(vectors):
            raise damaged_keys(path, f"it names {modality} vectors that are not there")
        held = Holdings(modality, vectors, numbers)
        _append(held, rows.select(list(_COLUMNS)), {})
        found.append(held)
    return found


class _Gathered:
    """The references of one modality while they are read."""

    def __init__(self, array: UniqueVectors, path: Path) -> None:
        import numpy as np

        self._array = array
        self._path = path
        self._seen: set[tuple[str | None, ...]] = set()
        self._numbers: list[np.ndarray] = []
        self._known: dict[tuple[str | None, ...], Lineage] = {}
        self._held = Holdings("dna", np.empty((0, 0)), np.empty(0, np.int64))

    def add(self, rows: pa.RecordBatch, dim: int) -> None:
        """Take in the rows that are new."""
        import pyarrow as pa

        columns = [rows.column(name).to_pylist() for name in _LABELS]
        fresh = []
        for row in zip(*columns, strict=True):
            fresh.append(row not in self._seen)
            self._seen.add(row)
        rows = rows.filter(pa.array(fresh, pa.bool_()))
        self._numbers.append(self._array.number(vectors_of(rows.column("embedding"), dim)))
        _append(self._held, rows.select(list(_COLUMNS)), self._known)

    def finish(self, modality: Modality) -> Holdings:
        """The references, with their vectors mapped from the disk."""
        import numpy as np

        self._array.close()
        self._held.modality = modality
        self._held.numbers = np.concatenate(self._numbers)
        self._held.vectors = np.load(self._path, mmap_mode="r", allow_pickle=False)
        return self._held


def _append(
    held: Holdings,
    rows: pa.RecordBatch | pa.Table,
    known: dict[tuple[str | None, ...], Lineage],
) -> None:
    """Add rows with `_COLUMNS`; equal lineages are one object."""
    names = [rows.column(rank).to_pylist() for rank in RANKS]
    for lineage in zip(*names, strict=True):
        held.lineages.append(known.setdefault(lineage, Lineage(*lineage)))
    held.ids += rows.column("specimen_id").to_pylist()
    held.digests += rows.column("content_sha256").to_pylist()
    held.bins += [uri or None for uri in rows.column("bin_uri").to_pylist()]
    held.barcodes += [text or "" for text in rows.column("barcode").to_pylist()]
    held.sources += rows.column("source").to_pylist()
