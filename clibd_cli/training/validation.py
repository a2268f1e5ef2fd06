"""How good the towers are in the middle of a run: nearest keys of the validation queries.

The paper's measure (section 5; `training.metrics`): by exact cosine search, the names of the
nearest key are the answer; micro top-1 at four ranks, for seen and unseen species apart. The keys
of a kind (photos, barcodes, names) are those of the split, as in the paper; only where the split
has none of a kind, what is taught of it serves, as far as the species is known.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clibd_cli.core.ahead import default_workers, done_ahead
from clibd_cli.core.errors import ClibdError
from clibd_cli.core.lineage import RANKS
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.core.records import MODALITIES, Modality
from clibd_cli.io.names import printable
from clibd_cli.io.photos import PhotoError, load_photo
from clibd_cli.training.collaborators import Encode
from clibd_cli.training.example import Example, Examples
from clibd_cli.training.metrics import NONE, score_rank

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from clibd_cli.models.cards import AnyImageTower

ASKING: tuple[Modality, ...] = ("image", "dna")
"""Names do not ask: whoever has one needs no other."""

_ITEMS_A_CALL: dict[Modality, int] = {"image": 128, "dna": 2048, "text": 2048}
_SIMILARITIES = 1 << 24
"""Cosines that stand in memory at once: 64 MB."""


@dataclass(frozen=True, slots=True)
class _Side:
    """The examples that ask, or are asked, in one modality.

    Attributes:
        vectors: of their distinct contents, float32 [contents, dim].
        row_of: the row in `vectors` of each example, int [examples].
    """

    examples: list[Example]
    vectors: NDArray[np.float32]
    row_of: NDArray[np.int64]


def validate(
    encode: Encode,
    examples: Examples,
    modalities: Sequence[Modality],
    image_tower: AnyImageTower | None = None,
    *,
    workers: int | None = None,
    progress: Progress = SILENT,
) -> dict[str, float]:
    """Micro top-1 from 0 to 1 by name: `seen.image_to_dna.species`, `unseen.dna_to_dna.genus` …

    Photos and barcodes ask; keys are photos, barcodes, and names (`Examples.searched`). As in
    `clibd evaluate`, all queries with a name at the rank count, whether or not any key bears it;
    where not all are borne, as by barcodes of few of the photos' species, `….species.known` is
    the share among those that are. What nothing is known of is left out.

    Args:
        encode: called in this thread alone, with some of the items at a time.
        modalities: those that have a tower.
        image_tower: the card of the image tower, which says how photos are prepared.
        workers: threads that prepare photos; by default one a core.

    Raises:
        ClibdError: where a photo cannot be read any more.
    """
    queries, searched = _asked(examples, modalities)
    asking = _asking(queries, searched, modalities)
    if not asking:
        return {}
    count = default_workers() if workers is None else workers
    encoder = _Encoder(encode, image_tower, count, progress)
    key_sides = {m: encoder.side(m, _distinct(m, keys)) for m, keys in searched.items()}
    metrics: dict[str, float] = {}
    for modality in asking:
        side = encoder.side(modality, queries)
        for key_modality, key_side in key_sides.items():
            pair = f"{modality}_to_{key_modality}"
            metrics |= _scores(pair, side, key_side, _nearest(side, key_side))
    return metrics


def measured(examples: Examples, modalities: Sequence[Modality]) -> list[str]:
    """The names of what `validate` would measure, without encoding anything."""
    import numpy as np

    queries, searched = _asked(examples, modalities)
    nothing = np.zeros((0, 0), dtype=np.float32)
    names: list[str] = []
    for modality in _asking(queries, searched, modalities):
        asking = [query for query in queries if query.has(modality)]
        side = _Side(asking, nothing, np.zeros(0, dtype=np.int64))
        for key_modality, keys in searched.items():
            key_side = _Side(_distinct(key_modality, keys), nothing, side.row_of)
            first = np.zeros(len(asking), dtype=np.int64)
            names += _scores(f"{modality}_to_{key_modality}", side, key_side, first)
    return names


def _asked(
    examples: Examples, modalities: Sequence[Modality]
) -> tuple[list[Example], dict[Modality, list[Example]]]:
    """The queries, and for each kind of key what is searched."""
    queries = [query for query in examples.queries if query.seen is not None]
    searched = {m: keys for m in MODALITIES if m in modalities and (keys := examples.searched(m))}
    return queries, searched


def _asking(
    queries: Sequence[Example],
    searched: Mapping[Modality, list[Example]],
    modalities: Sequence[Modality],
) -> list[Modality]:
    """The kinds of query; none where nothing is searched."""
    asking = [m for m in ASKING if m in modalities and any(query.has(m) for query in queries)]
    return asking if searched else []


def _distinct(modality: Modality, examples: Sequence[Example]) -> list[Example]:
    """One example for each distinct content: the first, as if the others were behind it."""
    first: dict[str, Example] = {}
    for example in examples:
        first.setdefault(_content(example, modality), example)
    return list(first.values())


class _Encoder:
    """Encodes each distinct content of some examples once."""

    def __init__(
        self, encode: Encode, tower: AnyImageTower | None, workers: int, progress: Progress
    ) -> None:
        self._encode = encode
        self._tower = tower
        self._workers = workers
        self._progress = progress

    def side(self, modality: Modality, examples: Sequence[Example]) -> _Side:
        """Those of the examples that have the modality, all of them."""
        import numpy as np

        having = [example for example in examples if example.has(modality)]
        rows: dict[str, int] = {}
        row_of = [rows.setdefault(_content(e, modality), len(rows)) for e in having]
        return _Side(having, self._vectors(modality, list(rows)), np.array(row_of, dtype=np.int64))

    def _vectors(self, modality: Modality, contents: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        self._progress.begin(f"validating: {modality}", len(contents))
        size = _ITEMS_A_CALL[modality]
        parts = []
        with closing(self._items(modality, contents)) as items:
            while some := list(islice(items, size)):
                parts.append(self._encode(modality, some))
                self._progress.advance(len(some))
        return np.concatenate(parts)

    def _items(self, modality: Modality, contents: Sequence[str]) -> Generator[Any, None, None]:
        if modality == "image":
            return done_ahead(self._photo, contents, self._workers, _ITEMS_A_CALL["image"])
        return done_ahead(str, contents, 0, 0)

    def _photo(self, path: str) -> Tensor:
        from clibd_cli.models.preprocess import prepare_photo

        assert self._tower is not None
        try:
            return prepare_photo(load_photo(Path(path)), self._tower)
        except PhotoError as error:
            raise ClibdError(
                f"{printable(path)} could be read when the run began, and cannot now: {error}",
                "Bring the file back and give the same command: the run goes on from its last "
                "checkpoint.",
            ) from error


def _content(example: Example, modality: Modality) -> str:
    if modality == "text":
        return example.words
    return str(example.photo) if modality == "image" else example.barcode or ""


def _nearest(queries: _Side, keys: _Side) -> NDArray[np.int64]:
    """The key nearest to each query: positions int [queries]; of equally near ones the first."""
    import numpy as np

    step = max(1, _SIMILARITIES // len(keys.vectors))
    found = [
        (queries.vectors[start : start + step] @ keys.vectors.T).argmax(axis=1)
        for start in range(0, len(queries.vectors), step)
    ]
    nearest: NDArray[np.int64] = np.concatenate(found)[queries.row_of]
    return nearest


def _scores(pair: str, queries: _Side, keys: _Side, nearest: NDArray[np.int64]) -> dict[str, float]:
    import numpy as np

    scores: dict[str, float] = {}
    seen = np.array([query.seen for query in queries.examples], dtype=bool)
    for rank in RANKS:
        codes: dict[str | None, int] = {None: NONE}
        truth, borne = (
            np.array([codes.setdefault(e.lineage.at(rank), len(codes) - 1) for e in side.examples])
            for side in (queries, keys)
        )
        known = np.isin(truth, borne[borne != NONE])
        for name, chosen in (("seen", seen), ("unseen", ~seen)):
            label = f"{name}.{pair}.{rank}"
            scores |= _score(label, truth[chosen], borne[nearest][chosen])
            answerable = chosen & known
            if answerable.any() and (chosen & (truth != NONE) & ~known).any():
                scores |= _score(f"{label}.known", truth[answerable], borne[nearest][answerable])
    return scores


def _score(label: str, truth: NDArray[np.int64], answers: NDArray[np.int64]) -> dict[str, float]:
    share = score_rank(truth, answers[:, None], (1,)).accuracy.micro[1]
    return {} if share is None else {label: share}
