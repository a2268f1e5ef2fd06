"""From specimens to vectors: read ahead, encode each distinct content once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clibd_cli.core.ahead import done_ahead
from clibd_cli.core.digest import sha256_text
from clibd_cli.core.records import Modality, Skip, Specimen

if TYPE_CHECKING:
    import numpy as np

    from clibd_cli.models.model import ClibdModel
    from clibd_cli.vectors.spill import VectorSpill


@dataclass(frozen=True, slots=True)
class Ready:
    """A specimen whose content has been read.

    Attributes:
        digest: SHA-256 of the content (the file's bytes, the barcode, the text).
        item: what the model encodes; None where the digest was known already.
    """

    specimen: Specimen
    digest: str
    item: Any


@dataclass(frozen=True, slots=True)
class Window:
    """A run of specimens.

    Attributes:
        digests: of their contents.
        vectors: float32 [n, dim], unit length.
        strengths: float32 [n], how long the vectors were before.
    """

    specimens: list[Specimen]
    digests: list[str]
    vectors: np.ndarray
    strengths: np.ndarray


def read_ahead(
    model: ClibdModel,
    modality: Modality,
    records: Iterable[Specimen | Skip],
    known: VectorSpill,
    workers: int,
    ahead: int,
    look: bool = False,
) -> Iterator[Ready | Skip]:
    """Read and prepare each specimen's content; photos in `workers` threads, `ahead` early.

    Photos whose digest is in `known` are not decoded.

    Args:
        look: whether photos with next to nothing in them are marked.
    """
    if modality != "image":
        return done_ahead(_ready_text, records, workers=0, most=0)
    read = _photo_reader(model, known, look)
    return done_ahead(read, records, workers, most=ahead)


def _ready_text(record: Specimen | Skip) -> Ready | Skip:
    if isinstance(record, Skip):
        return record
    return Ready(record, sha256_text(record.content), record.content)


def _photo_reader(
    model: ClibdModel, known: VectorSpill, look: bool
) -> Callable[[Specimen | Skip], Ready | Skip]:
    from clibd_cli.io.photo_content import is_near_empty
    from clibd_cli.io.photos import PhotoError, decode_photo, read_photo

    empty: set[str] = set()  # a photo that comes again is not decoded again

    def read(record: Specimen | Skip) -> Ready | Skip:
        if isinstance(record, Skip):
            return record
        try:
            photo = read_photo(Path(record.content))
            item = None
            if photo.sha256 not in known:
                pixels = decode_photo(photo, model.photo_side)
                item = model.prepare_photo(pixels)
                if look and is_near_empty(pixels):
                    empty.add(photo.sha256)
        except PhotoError as error:
            return Skip(record.source, record.specimen_id, str(error))
        if photo.sha256 in empty:
            record = replace(record, near_empty=True)
        return Ready(record, photo.sha256, item)

    return read


class DistinctEncoder:
    """Encodes each distinct content of one modality once, in batches of `batch_size`.

    Args:
        vectors: of all contents seen so far, each with its strength; new ones are added.
    """

    def __init__(
        self, model: ClibdModel, modality: Modality, batch_size: int, vectors: VectorSpill
    ) -> None:
        self._model = model
        self._modality = modality
        self._batch_size = batch_size
        self._vectors = vectors
        self._waiting: dict[str, Any] = {}
        self.encoded = 0

    def encode(self, window: Iterable[Ready]) -> Window:
        """The vectors of a window. What shares a batch depends on the window alone, so that a
        resumed run computes the same bytes as an uninterrupted one."""
        specimens: list[Specimen] = []
        digests: list[str] = []
        for ready in window:
            specimens.append(ready.specimen)
            digests.append(ready.digest)
            if ready.digest not in self._vectors and ready.digest not in self._waiting:
                self._waiting[ready.digest] = ready.item
                if len(self._waiting) == self._batch_size:
                    self._flush()
        self._flush()
        return Window(specimens, digests, *self._vectors.get(digests))

    def _flush(self) -> None:
        if self._waiting:
            vectors, strengths = self._model.encode_with_strength(
                self._modality, list(self._waiting.values()), self._batch_size
            )
            self._vectors.add(list(self._waiting), vectors, strengths)
            self.encoded += len(self._waiting)
            self._waiting.clear()
