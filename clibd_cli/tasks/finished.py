"""What a store holds already, so that a second run does only what is missing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.lineage import RANKS, Lineage
from clibd_cli.core.records import Modality, Specimen
from clibd_cli.vectors.parts import read_rows
from clibd_cli.vectors.schema import strengths_of, vectors_of
from clibd_cli.vectors.spill import VectorSpill

_COLUMNS = ("specimen_id", *RANKS, "bin_uri", "content_sha256")


class FinishedRows:
    """The rows of one modality in a store, each known by its specimen id.

    Their vectors are put into `vectors`, so that the same content is not encoded again.
    """

    def __init__(self, store: Path, modality: Modality, dim: int, vectors: VectorSpill) -> None:
        import pyarrow.compute as pc

        self._store = store
        self._rows: dict[str, bytes] = {}
        for batch in read_rows([store], (*_COLUMNS, "modality", "embedding", "strength")):
            rows = batch.filter(pc.equal(batch.column("modality"), modality))
            digests = rows.column("content_sha256").to_pylist()
            vectors.add(digests, vectors_of(rows.column("embedding"), dim), strengths_of(rows))
            for values in zip(*(rows.column(name).to_pylist() for name in _COLUMNS), strict=True):
                self._rows[values[0]] = _fingerprint(values)
        self._unvisited = len(self._rows)

    @property
    def unvisited(self) -> int:
        """How many rows no specimen of this run has asked for."""
        return self._unvisited

    def has(self, specimen: Specimen, digest: str) -> bool:
        """Whether the store has the row of `specimen`.

        Raises:
            ClibdError: where it has a row of that id with other content or labels: the store
                would otherwise be silently out of date.
        """
        there = self._rows.get(specimen.specimen_id)
        if there is None:
            return False
        if there != _fingerprint(_values(specimen, digest)):
            raise ClibdError(
                f"{self._store} holds {specimen.specimen_id!r} already, with other content or "
                f"labels than in {specimen.source}",
                "--overwrite makes the store anew; another --out keeps both "
                "(build-index takes several stores).",
            )
        self._unvisited -= 1
        return True


def _values(specimen: Specimen, digest: str) -> tuple[str | None, ...]:
    lineage: Lineage = specimen.lineage
    ranks = (lineage.at(rank) for rank in RANKS)
    return (specimen.specimen_id, *ranks, specimen.bin_uri, digest)


def _fingerprint(values: Iterable[str | None]) -> bytes:
    text = "\x1f".join("\x1e" if value is None else value for value in values)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
