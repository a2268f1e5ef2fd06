"""Features of queries and keys, from the vectors of their photos, barcodes and names.

The paper's (section 5; `bioscanclip/util/util.py` of the official code): each modality alone, the
mean of photo and barcode at unit length again, both side by side, and a key set of all together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from clibd_cli.core.lineage import RANKS, UNLABELLED, Lineage
from clibd_cli.core.records import MODALITIES, Modality

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

QUERY_FEATURES = ("image", "dna", "text", "mean", "concat")
KEY_FEATURES = (*QUERY_FEATURES, "all")

STORE_COLUMNS = ("specimen_id", "modality", "embedding", *RANKS)


class Feature(NamedTuple):
    """Vectors float32 [n, dim] at unit length, and the specimen int [n] that each belongs to."""

    vectors: np.ndarray
    specimens: np.ndarray


class Specimens:
    """Specimens of embedding stores, with at most one vector of each modality.

    Args:
        dim: width of the vectors.
        modalities: the kinds of vectors to take in.

    Attributes:
        ids: distinct, in the order of the stores.
        lineages: of each; that of the first of its rows that has one.
        repeated: rows left out because their specimen had a vector of that modality already.
    """

    def __init__(self, dim: int, modalities: Sequence[Modality] = MODALITIES) -> None:
        self.ids: list[str] = []
        self.lineages: list[Lineage] = []
        self.repeated = 0
        self._dim = dim
        self._modalities = modalities
        self._numbers: dict[str, int] = {}
        self._rows: dict[Modality, dict[int, int]] = {}
        self._vectors: dict[Modality, list[np.ndarray]] = {}

    def add(self, rows: pa.RecordBatch) -> None:
        """Take in rows of a store (`STORE_COLUMNS`)."""
        import pyarrow.compute as pc

        from clibd_cli.vectors.schema import vectors_of

        for modality in self._modalities:
            part = rows.filter(pc.equal(rows.column("modality"), modality))
            if part.num_rows:
                self._enter(modality, part)
                vectors = at_unit_length(vectors_of(part.column("embedding"), self._dim))
                self._vectors.setdefault(modality, []).append(vectors)

    def number(self, specimen_id: str) -> int:
        """The specimen's place in `ids`, or -1."""
        return self._numbers.get(specimen_id, -1)

    def take_texts(self, wanted: Iterable[int]) -> None:
        """Give the specimens `wanted` the vector of their own name, where that is embedded."""
        texts = self._rows.get("text", {})
        named = {self.lineages[number]: row for number, row in texts.items()}
        for number in wanted:
            if number not in texts and (row := named.get(self.lineages[number])) is not None:
                texts[number] = row

    def feature(self, name: str, chosen: np.ndarray) -> Feature | None:
        """A feature of those among `chosen` (bool [specimens]) that have it; None if none has.

        Args:
            name: one of `KEY_FEATURES`.
        """
        import numpy as np

        if name in ("mean", "concat"):
            return self._pair(name, chosen)
        wanted = MODALITIES if name == "all" else [m for m in MODALITIES if m == name]
        kinds = [feature for m in wanted if (feature := self._one(m, chosen)) is not None]
        if len(kinds) < (2 if name == "all" else 1):
            return None
        vectors, specimens = zip(*kinds, strict=True)
        return Feature(np.concatenate(vectors), np.concatenate(specimens))

    def _enter(self, modality: Modality, rows: pa.RecordBatch) -> None:
        row = sum(map(len, self._vectors.get(modality, [])))
        of_specimen = self._rows.setdefault(modality, {})
        columns = [rows.column(name).to_pylist() for name in ("specimen_id", *RANKS)]
        for place, (specimen_id, *names) in enumerate(zip(*columns, strict=True)):
            number = self._numbers.setdefault(specimen_id, len(self.ids))
            if number == len(self.ids):
                self.ids.append(specimen_id)
                self.lineages.append(UNLABELLED)
            if not self.lineages[number]:
                self.lineages[number] = Lineage(*names)
            self.repeated += number in of_specimen
            of_specimen.setdefault(number, row + place)

    def _one(self, modality: Modality, chosen: np.ndarray) -> Feature | None:
        """The vectors of one modality, in the order of the specimens."""
        import numpy as np

        rows = self._rows.get(modality, {})
        numbers = [number for number in sorted(rows) if chosen[number]]
        if not numbers:
            return None
        whole = np.concatenate(self._vectors[modality])
        self._vectors[modality] = [whole]
        vectors = whole[[rows[number] for number in numbers]]
        return Feature(vectors, np.array(numbers, dtype=np.int64))

    def _pair(self, name: str, chosen: np.ndarray) -> Feature | None:
        """Photo and barcode of the specimens that have both."""
        import numpy as np

        both = np.zeros_like(chosen)
        both[[n for n in self._rows.get("image", {}) if n in self._rows.get("dna", {})]] = True
        image, dna = self._one("image", chosen & both), self._one("dna", chosen & both)
        if image is None or dna is None:
            return None
        joined = (
            np.concatenate([image.vectors, dna.vectors], axis=1)
            if name == "concat"
            else image.vectors + dna.vectors
        )
        return Feature(at_unit_length(joined), image.specimens)


def at_unit_length(vectors: np.ndarray) -> np.ndarray:
    """`vectors` [n, dim] divided by their lengths, float32; a zero vector stays one."""
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: np.ndarray = (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return scaled
