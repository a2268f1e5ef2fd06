"""An index folder, opened: queries in, hits out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import Hit, Modality
from clibd_cli.vectors.exact import ExactIndex
from clibd_cli.vectors.header import KEYS, IndexHeader, check_file, read_header
from clibd_cli.vectors.hnsw import hnsw_available
from clibd_cli.vectors.keys import KeyTable, read_key_tables, read_strengths
from clibd_cli.vectors.opening import open_graph, open_vectors
from clibd_cli.vectors.protocol import VectorIndex

if TYPE_CHECKING:
    import numpy as np

    Nearest = dict[Modality, tuple[np.ndarray, np.ndarray]]
    """The nearest keys of n queries: for each kind of keys their numbers, int64 [n, k], and their
    cosine similarities, float32 [n, k], best first."""


class ReferenceIndex:
    """The unique vectors of the references and the specimens behind them.

    Attributes:
        header: what `index.json` says.
        notes: what the user should know about how it was opened.
    """

    def __init__(
        self,
        folder: Path,
        keys: Sequence[Modality] | None = None,
        barcodes: bool = False,
        search: bool = True,
    ) -> None:
        """Open the index in `folder` for the modalities in `keys` (all that it has if None).

        Args:
            barcodes: whether the keys' barcodes are wanted too, about 700 bytes each.
            search: whether the vectors are wanted; `hits` needs none.

        Raises:
            ClibdError: where a file is missing, damaged or of another shape than the header says,
                or a modality is asked for that the index does not have.
        """
        self.folder = folder
        self.header = read_header(folder)
        self.notes: list[str] = []
        wanted = _wanted(self.header, keys, folder)
        path = check_file(folder, self.header, KEYS)
        vectors = {modality: self.header.keys[modality].vectors for modality in wanted}
        self._tables: dict[Modality, KeyTable] = read_key_tables(path, vectors, barcodes)
        self._searchers = {modality: self._open(modality) for modality in wanted if search}

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The kinds of keys that are searched."""
        return tuple(self._tables)

    @property
    def has_barcodes(self) -> bool:
        """Whether barcodes were asked for, and the index holds some."""
        return "dna" in self._tables and self._tables["dna"].has_barcodes

    def barcodes(self) -> Iterator[str]:
        """The barcodes behind the keys of modality `dna`, spread over all of them."""
        return self._tables["dna"].barcodes()

    def barcode(self, vector: int) -> str | None:
        """The barcode behind a key of modality `dna`; None where the index holds none."""
        return self._tables["dna"].barcode(vector)

    def table(self, modality: Modality) -> KeyTable:
        """The specimens behind the keys of a modality that is searched."""
        return self._tables[modality]

    def vectors(self, modality: Modality) -> np.ndarray:
        """The unique vectors [n, dim] of a modality, memory-mapped."""
        return open_vectors(self.folder, self.header, modality)

    def strengths(self, modality: Modality) -> np.ndarray:
        """How long each vector of a modality was before it got unit length; NaN where unknown."""
        return read_strengths(self.folder / KEYS, modality, len(self._tables[modality]))

    def search(
        self, queries: np.ndarray, k: int, at_least: Mapping[Modality, int] | None = None
    ) -> list[list[Hit]]:
        """The `k` nearest keys of each query over all opened modalities, best first.

        Args:
            queries: float32 [n, dim], unit length.
            at_least: keys of a modality that come back even if others are nearer.
        """
        return self.hits(self.nearest(queries, k, at_least), k, at_least)

    def nearest(
        self, queries: np.ndarray, k: int, at_least: Mapping[Modality, int] | None = None
    ) -> Nearest:
        """The first half of `search`: the numbers of the keys, without the specimens behind them.

        Raises:
            ValueError: where the index was opened without its vectors.
        """
        if not self._searchers:
            raise ValueError("this index was opened without its vectors")
        wanted = at_least or {}
        return {
            modality: searcher.search(queries, max(k, wanted.get(modality, 0)))
            for modality, searcher in self._searchers.items()
        }

    def hits(
        self, nearest: Nearest, k: int, at_least: Mapping[Modality, int] | None = None
    ) -> list[list[Hit]]:
        """The second half of `search`: for each query the specimens behind its nearest keys."""
        count = len(next(iter(nearest.values()))[0])
        found: list[list[Hit]] = [[] for _ in range(count)]
        for modality, (numbers, similarities) in nearest.items():
            table = self._tables[modality]
            table.look_up(numbers.ravel().tolist())
            cosines = similarities.clip(-1.0, 1.0)  # rounding may leave 1.0000001
            rows = zip(found, numbers.tolist(), cosines.tolist(), strict=True)
            for hits, row_numbers, row_cosines in rows:
                hits.extend(map(table.hit, row_numbers, row_cosines))
        for hits in found:
            hits.sort(key=lambda hit: -hit.similarity)
        return [nearest_of(hits, k, at_least or {}) for hits in found]

    def _open(self, modality: Modality) -> VectorIndex:
        if self.header.keys[modality].kind == "hnsw":
            if hnsw_available():
                return open_graph(self.folder, self.header, modality)
            self.notes.append(
                "hnswlib is not installed, so the search is exact and slower "
                '(`pip install "clibd[hnsw]"`)'
            )
        return ExactIndex(open_vectors(self.folder, self.header, modality))


def nearest_of(hits: list[Hit], k: int, at_least: Mapping[Modality, int]) -> list[Hit]:
    """The first `k`, and after them those of a modality that are wanted all the same.

    Args:
        hits: best first.
        at_least: how many of a modality are wanted, even if others are nearer.
    """
    kept = hits[:k]
    if at_least:
        missing = {m: n - sum(hit.modality == m for hit in kept) for m, n in at_least.items()}
        for hit in hits[k:]:
            if missing.get(hit.modality, 0) > 0:
                missing[hit.modality] -= 1
                kept.append(hit)
    return kept


def _wanted(
    header: IndexHeader, keys: Sequence[Modality] | None, folder: Path
) -> tuple[Modality, ...]:
    missing = [m for m in keys or () if m not in header.keys]
    if missing:
        raise ClibdError(
            f"{folder} has no {missing[0]} keys, only {', '.join(header.modalities)}",
            "Choose others with --keys, or add such references with `clibd build-index --add`.",
        )
    return tuple(m for m in header.modalities if keys is None or m in keys)
