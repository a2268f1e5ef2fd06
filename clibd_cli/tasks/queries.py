"""Queries on their way to an index: embedded on the spot, or read from a store."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.core.ahead import default_workers, done_ahead
from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.core.records import Modality, Skip, Specimen
from clibd_cli.tasks.aligning import Align
from clibd_cli.tasks.encoding import DistinctEncoder, Ready, read_ahead
from clibd_cli.tasks.finding import Finder, Found, Searched
from clibd_cli.tasks.inputs import Inputs, count_specimens, read_label_tables, read_specimens
from clibd_cli.tasks.loading import open_model_of
from clibd_cli.tasks.stored_queries import stored_specimen
from clibd_cli.tasks.strands import turned
from clibd_cli.tasks.windows import windows
from clibd_cli.vectors.index import ReferenceIndex
from clibd_cli.vectors.parts import (
    common_facts,
    count_rows,
    find_stores,
    read_rows,
    refuse_unfinished,
)
from clibd_cli.vectors.schema import strengths_of, vectors_of
from clibd_cli.vectors.spill import VectorSpill

if TYPE_CHECKING:
    import numpy as np

    from clibd_cli.io.labels import LabelTable
    from clibd_cli.models.model import ClibdModel

_QUERIES_A_WINDOW: dict[Modality, int] = {"image": 32, "dna": 512, "text": 512}


def open_searcher(
    index: Path,
    keys: Sequence[Modality] | None,
    k: int,
    *,
    device: str,
    precision: str,
    batch_size: int | None,
    workers: int | None,
    progress: Progress,
    align: Align = "never",
    towers: Sequence[Modality] = (),
) -> Searcher:
    """Open `index` for the kinds of references in `keys` (all that it has if None).

    Args:
        towers: of the model, that will be needed whatever the queries need.

    The index is opened before any model, since that is cheap and fails early.

    Raises:
        ClibdError: where it is missing, damaged, or lacks such references.
    """
    if k < 1:
        raise UsageError(f"k is {k}, and must be 1 or more", "Ask for at least one neighbour.")
    opened = ReferenceIndex(index, keys, barcodes=align != "never")
    for note in opened.notes:
        progress.warn(note)
    return Searcher(
        Finder(opened, k, align),
        device=device,
        precision=precision,
        batch_size=batch_size,
        workers=workers,
        progress=progress,
        towers=towers,
    )


class Searcher:
    """Looks up queries of all kinds in one index, with the model that the index was made with.

    Attributes:
        finder: looks up and aligns what a search found.
        index: the opened index.
    """

    def __init__(
        self,
        finder: Finder,
        *,
        device: str,
        precision: str,
        batch_size: int | None,
        workers: int | None,
        progress: Progress,
        towers: Sequence[Modality] = (),
    ) -> None:
        self.finder = finder
        self.index = finder.index
        self._towers = towers
        self._device = device
        self._precision = precision
        self._batch_size = batch_size
        self._workers = default_workers() if workers is None else workers
        self._progress = progress
        self._model: ClibdModel | None = None
        self._labels: dict[tuple[str, ...], LabelTable | None] = {}

    def embed_and_search(self, inputs: Inputs, modality: Modality) -> Iterator[Found | Skip]:
        """The neighbours of everything that `inputs` has of `modality`, in input order."""
        with closing(self.searched(inputs, modality)) as searched:
            yield from self._counted(chain.from_iterable(map(self.finder.found, searched)))

    def searched(self, inputs: Inputs, modality: Modality) -> Generator[Searched, None, None]:
        """The first half of `embed_and_search`: windows of queries, as the embedding has them."""
        model = self.open_model(inputs.modalities)
        batch_size = self._batch_size or model.batch_size(modality)
        total = count_specimens(inputs, modality) if self._progress.live else None
        self._progress.begin("searching", total)
        records = self._turned(
            read_specimens(inputs, modality, self._labels_of(inputs), self._progress.warn)
        )
        with VectorSpill(model.dim, None) as vectors:
            encoder = DistinctEncoder(model, modality, batch_size, vectors)
            ahead = 2 * batch_size + self._workers
            ready = read_ahead(model, modality, records, vectors, self._workers, ahead, look=True)
            read = map(list, windows(ready, _QUERIES_A_WINDOW[modality]))
            # One window is encoded and searched while the one before it is aligned and named.
            searched = done_ahead(partial(self._encoded, encoder), read, workers=1, most=1)
            with closing(searched):
                yield from searched

    @property
    def computed_on(self) -> dict[str, str]:
        """The device and precision of the encoder, as asked for where none was needed."""
        if self._model is None:
            return {"device": self._device, "precision": self._precision}
        return {"device": str(self._model.device), "precision": self._model.precision}

    def photo_ids(self, inputs: Inputs) -> frozenset[str]:
        """What the photos among the inputs are called; none is opened for that."""
        photos = read_specimens(inputs, "image", self._labels_of(inputs), SILENT.warn)
        return frozenset(photo.specimen_id for photo in photos if isinstance(photo, Specimen))

    def search_stores(self, folder: Path) -> Iterator[Found]:
        """The neighbours of the specimens in an embedding store, or in all below `folder`.

        Raises:
            ClibdError: where they were embedded with another model than the index.
        """
        stores = find_stores(folder)
        refuse_unfinished(stores)
        facts = common_facts(stores)
        header = self.index.header
        if facts.fingerprint != header.model_fingerprint:
            raise ClibdError(
                f"{folder} was embedded with {facts.model} ({facts.fingerprint[:12]}), the index "
                f"with {header.model} ({header.model_fingerprint[:12]})",
                f"Embed it with --model {header.model}.",
            )
        self._progress.begin("searching", count_rows(stores))
        for rows in read_rows(stores):
            stored = rows.drop_columns(["embedding"]).to_pylist()
            specimens = [turned(stored_specimen(row), self.finder.strand) for row in stored]
            vectors = vectors_of(rows.column("embedding"), facts.dim)
            none: list[Skip | None] = [None] * len(specimens)
            window = self._searched(none, specimens, vectors, strengths_of(rows))
            found = self._counted(self.finder.found(window))
            yield from (one for one in found if isinstance(one, Found))

    def _encoded(self, encoder: DistinctEncoder, window: Sequence[Ready | Skip]) -> Searched:
        """A window of queries with their nearest keys, as the embedding has them."""
        done = encoder.encode(record for record in window if isinstance(record, Ready))
        skips = [record if isinstance(record, Skip) else None for record in window]
        return self._searched(skips, done.specimens, done.vectors, done.strengths)

    def _searched(
        self,
        skips: Sequence[Skip | None],
        specimens: Sequence[Specimen],
        vectors: np.ndarray,
        strengths: np.ndarray,
    ) -> Searched:
        nearest = self.index.nearest(vectors, self.finder.k, self.finder.at_least)
        return Searched(skips, specimens, vectors, strengths, nearest)

    def _counted(self, found: Iterable[Found | Skip]) -> Iterator[Found | Skip]:
        for one in found:
            self._progress.advance()
            yield one

    def _turned(self, records: Iterator[Specimen | Skip]) -> Iterator[Specimen | Skip]:
        """The records, their barcodes on the strand of the references."""
        for record in records:
            yield record if isinstance(record, Skip) else turned(record, self.finder.strand)

    def _labels_of(self, inputs: Inputs) -> LabelTable | None:
        """The tables of labels, read once for all modalities of the inputs."""
        names = tuple(inputs.labels)
        if names not in self._labels:
            self._labels[names] = read_label_tables(inputs, self._progress.warn)
        return self._labels[names]

    def open_model(self, modalities: Sequence[Modality] = ()) -> ClibdModel:
        """The model that the index was made with, opened once, with the towers first asked for."""
        if self._model is None:
            header = self.index.header
            self._model = open_model_of(
                header.model,
                header.model_fingerprint,
                self._device,
                self._precision,
                tuple(dict.fromkeys((*self._towers, *modalities))),
                self._progress,
            )
        return self._model
