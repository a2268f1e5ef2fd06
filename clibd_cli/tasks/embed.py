"""`clibd embed`: photos, barcodes and names to an embedding store."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.core.ahead import default_workers
from clibd_cli.core.errors import UsageError
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.core.records import Modality, Skip, Specimen
from clibd_cli.io.names import printable
from clibd_cli.tasks.encoding import DistinctEncoder, Ready, read_ahead
from clibd_cli.tasks.finished import FinishedRows
from clibd_cli.tasks.inputs import (
    Inputs,
    check_inputs,
    count_specimens,
    read_label_tables,
    read_specimens,
)
from clibd_cli.tasks.loading import open_model
from clibd_cli.tasks.runlog import input_facts, write_run_log
from clibd_cli.tasks.windows import Shard, windows
from clibd_cli.vectors.schema import StoreFacts, to_table
from clibd_cli.vectors.spill import VectorSpill
from clibd_cli.vectors.store import StoreWriter

if TYPE_CHECKING:
    from clibd_cli.io.results import SkipWriter
    from clibd_cli.models.model import ClibdModel

ROWS_A_PART: dict[Modality, int] = {"image": 256, "dna": 2048, "text": 2048}
"""A part is what a crash can cost: a minute or two of an ordinary CPU."""

SKIPPED = "_skipped.csv"
RUN_LOG = "_run.json"
"""Parquet tools pass over names with an underscore in front."""


@dataclass(frozen=True, slots=True)
class EmbedSummary:
    """What an `embed` did.

    Attributes:
        n: rows of the store that belong to the inputs, old and new.
        resumed: how many of them were there before.
        encoded: how many went through the model; the rest repeats the content of others.
        unvisited: rows of the store that belong to none of the inputs.
        rate: specimens a second, reading and writing included.
    """

    store: str
    model: str
    fingerprint: str
    device: str
    precision: str
    n: int
    resumed: int
    encoded: int
    skipped: int
    unvisited: int
    seconds: float
    rate: float


def embed(
    inputs: Inputs,
    out: str | Path | None = None,
    *,
    model: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    batch_size: int | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    shard: Shard | None = None,
    command: str = "",
    progress: Progress = SILENT,
) -> EmbedSummary:
    """Embed `inputs` into the store `out` (by default named after the first input).

    A store that is there already is continued: only missing rows are computed, and the result
    is that of an uninterrupted run.

    Raises:
        ClibdError: where an input cannot be read at all, the model lacks a tower, or the store
            is of another model or out of date. Single bad records are skipped and counted.
    """
    if not inputs.modalities:
        raise UsageError("nothing to embed", "Give --dna FILE, --photos FOLDER or --text FILE.")
    from clibd_cli.io.results import SkipWriter

    check_inputs(inputs)
    started = time.monotonic()
    folder = store_folder(Path(out or default_store(inputs.first)), shard)
    loaded = open_model(model, device, precision, inputs.modalities, progress)
    facts = StoreFacts(loaded.card.name, loaded.fingerprint, loaded.dim)
    reading = default_workers() if workers is None else workers
    with (
        StoreWriter(folder, facts, overwrite, command) as writer,
        SkipWriter(folder / SKIPPED) as skips,
    ):
        run = _Run(inputs, loaded, writer, skips, shard, progress)
        for modality in inputs.modalities:
            run.embed(modality, batch_size or loaded.batch_size(modality), reading)
        seconds = time.monotonic() - started
        done = EmbedSummary(
            store=str(folder),
            model=loaded.card.name,
            fingerprint=loaded.fingerprint,
            device=str(loaded.device),
            precision=loaded.precision,
            n=run.new + run.resumed,
            resumed=run.resumed,
            encoded=run.encoded,
            skipped=run.skipped,
            unvisited=run.unvisited,
            seconds=seconds,
            rate=run.new / seconds if seconds else 0.0,
        )
        skips.close()  # the checksums of a finished store are those of its list of skips, too
        write_run_log(folder / RUN_LOG, command, {**asdict(done), **input_facts(inputs)})
        writer.finish()
    if not done.n:
        progress.warn(f"none of the inputs can be used: {folder / SKIPPED} tells why")
    if done.unvisited:
        progress.warn(
            f"{folder} also holds {done.unvisited:,} specimens that are not among these inputs"
        )
    return done


def default_store(first_input: str) -> Path:
    """`samples.embeddings` in the working folder, for `plates/samples.fasta.gz`."""
    if first_input == "-":
        return Path("stdin.embeddings")
    # Parquet tools take no names that are not UTF-8.
    name = printable(Path(first_input).resolve().name)
    while (stem := Path(name)).suffix.lower() in _SUFFIXES:
        name = stem.stem
    return Path(f"{name}.embeddings")


def store_folder(out: Path, shard: Shard | None) -> Path:
    """Where a shard's rows go: a store of its own inside `out`."""
    return out if shard is None else out / shard.name


_SUFFIXES = {
    *(".gz", ".zst", ".zstd", ".fasta", ".fa", ".fas", ".fna", ".tsv", ".csv", ".txt"),
    *(".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp"),
}


class _Run:
    """One run over the inputs: the counts, and the steps of each modality."""

    def __init__(
        self,
        inputs: Inputs,
        model: ClibdModel,
        writer: StoreWriter,
        skips: SkipWriter,
        shard: Shard | None,
        progress: Progress,
    ) -> None:
        self._inputs = inputs
        self._model = model
        self._writer = writer
        self._skips = skips
        self._shard = shard
        self._progress = progress
        self._labels = read_label_tables(inputs, progress.warn)
        self.new = self.resumed = self.encoded = self.skipped = self.unvisited = 0

    def embed(self, modality: Modality, batch_size: int, workers: int) -> None:
        """Embed what the inputs have of `modality`, window by window, a part a window."""
        folder = self._writer.folder
        with VectorSpill(self._model.dim, folder) as vectors:
            finished = FinishedRows(folder, modality, self._model.dim, vectors)
            encoder = DistinctEncoder(self._model, modality, batch_size, vectors)
            records = read_ahead(
                self._model,
                modality,
                self._records(modality),
                known=vectors,
                workers=workers,
                ahead=2 * batch_size + workers,
            )
            missing = self._missing(records, finished)
            for window in windows(missing, ROWS_A_PART[modality]):
                done = encoder.encode(window)
                facts = self._writer.facts
                self._writer.write(
                    to_table(done.specimens, done.digests, done.vectors, facts, done.strengths)
                )
                self.new += len(done.specimens)
            self.encoded += encoder.encoded
            self.unvisited += finished.unvisited

    def _records(self, modality: Modality) -> Iterable[Specimen | Skip]:
        total = None
        if self._progress.live:
            total = count_specimens(self._inputs, modality)
            if total is not None and self._shard is not None:
                total = len(range(self._shard.i - 1, total, self._shard.n))
        self._progress.begin(f"embedding {_PLURAL[modality]}", total)
        records = read_specimens(self._inputs, modality, self._labels, self._progress.warn)
        return records if self._shard is None else self._shard.take(records)

    def _missing(self, records: Iterable[Ready | Skip], finished: FinishedRows) -> Iterator[Ready]:
        """The specimens that the store lacks; skips and finished ones are counted on the way."""
        for record in records:
            self._progress.advance()
            if isinstance(record, Skip):
                self.skipped += 1
                self._skips.write(record)
            elif finished.has(record.specimen, record.digest):
                self.resumed += 1
            else:
                yield record


_PLURAL: dict[Modality, str] = {"image": "photos", "dna": "barcodes", "text": "names"}
