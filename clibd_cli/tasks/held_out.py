"""Calibrating a model with photos that it has not seen, before anybody builds an index with it.

The taught specimens are made the references of an index, and the photos that were kept back are
asked, as `build-index --calibrate-with` asks the specimens that it is given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from clibd_cli.calibration.curves import PER_SPECIES, Calibration
from clibd_cli.calibration.fitting import LEAST, Left
from clibd_cli.core.ahead import default_workers
from clibd_cli.core.lineage import Lineage
from clibd_cli.core.progress import Progress
from clibd_cli.core.records import Modality, Specimen
from clibd_cli.io.names import printable
from clibd_cli.tasks.calibrating import calibrate_index
from clibd_cli.tasks.embed import ROWS_A_PART
from clibd_cli.tasks.encoding import DistinctEncoder, Ready, read_ahead
from clibd_cli.tasks.windows import windows
from clibd_cli.training.example import Example
from clibd_cli.vectors.builder import BuildPlan, build_index
from clibd_cli.vectors.schema import StoreFacts, to_table
from clibd_cli.vectors.spill import VectorSpill
from clibd_cli.vectors.store import StoreWriter

if TYPE_CHECKING:
    from clibd_cli.models.model import ClibdModel

REPRESENTATIVES: dict[Modality, int] = {"image": 5, "dna": 1}
"""Of each species and BIN in the libraries that are calibrated besides; as in clibd-mini's."""

_KEYS: tuple[Modality, ...] = ("image", "dna")


def kinds_of(held: Sequence[Example], taught: Iterable[Example]) -> dict[Left, int]:
    """How many of the photos that were kept back can be asked, by what `taught` lacks of them.

    Of a species, only so many count as are asked.
    """
    lineages = [example.lineage for example in taught]
    species = {lineage.species for lineage in lineages}
    genera = {lineage.genus for lineage in lineages if lineage.genus}
    kinds: dict[Left, int] = {"specimen": 0, "species": 0, "genus": 0}
    counted: Counter[str | None] = Counter()
    for lineage in (example.lineage for example in held):
        counted[lineage.species] += 1
        if lineage.species and counted[lineage.species] <= PER_SPECIES:
            kinds[_lacking(lineage, species, genera)] += 1
    return kinds


def _lacking(lineage: Lineage, species: Container[str | None], genera: Container[str]) -> Left:
    if lineage.species in species:
        return "specimen"
    return "species" if (lineage.genus or "") in genera else "genus"


def are_enough(held: Sequence[Example], taught: Sequence[Example]) -> bool:
    """Whether calibrations of `held` among `taught` are to be had, for any kind of references."""
    of_kind = [[e for e in taught if e.has(modality)] for modality in _KEYS]
    kinds = [kinds_of(held, keys) for keys in (*of_kind, taught)]
    return any(min(one["specimen"], one["species"]) >= LEAST for one in kinds)


def calibrate_photos(
    model: ClibdModel,
    taught: Sequence[Example],
    held: Sequence[Example],
    scratch: Path,
    workers: int | None,
    progress: Progress,
) -> list[Calibration]:
    """How likely the names of photos are right, among all references and among a few of each.

    Args:
        taught: the references, photos and, where the model reads them, barcodes.
        held: photos with a species that neither this model nor the one that it began in has seen.
        scratch: a folder with room for the vectors, in which nothing stays.
    """
    count = default_workers() if workers is None else workers
    with TemporaryDirectory(dir=scratch) as name:
        here = Path(name)
        kinds = [modality for modality in _KEYS if modality in model.card.modalities]
        _embed(model, {m: _records(taught, m) for m in kinds}, here / "taught", count, progress)
        _embed(model, {"image": _records(held, "image")}, here / "held", count, progress)
        build_index([here / "held"], here / "asked", BuildPlan("exact"))
        found: list[Calibration] = []
        for few in (None, REPRESENTATIVES):
            plan = BuildPlan("exact", representatives=few)
            build_index([here / "taught"], here / "index", plan)
            found += calibrate_index(
                here / "index", here / "asked", held_out=True, progress=progress
            )
        return found


def _records(examples: Iterable[Example], modality: Modality) -> list[Specimen]:
    return [
        Specimen(
            example.specimen_id,
            modality,
            str(example.photo) if modality == "image" else example.barcode or "",
            printable(example.photo or ""),
            example.lineage,
            example.bin_uri,
        )
        for example in examples
        if example.has(modality)
    ]


def _embed(
    model: ClibdModel,
    records: dict[Modality, list[Specimen]],
    folder: Path,
    workers: int,
    progress: Progress,
) -> None:
    """Write a store of the records that can be read."""
    facts = StoreFacts(model.card.name, model.fingerprint, model.dim)
    with StoreWriter(folder, facts) as writer:
        for modality, specimens in records.items():
            if not specimens:
                continue
            progress.begin(f"calibrating: {modality}", len(specimens))
            with VectorSpill(model.dim, folder) as vectors:
                ready = _ready(model, modality, specimens, vectors, workers, progress)
                encoder = DistinctEncoder(model, modality, model.batch_size(modality), vectors)
                for window in windows(ready, ROWS_A_PART[modality]):
                    done = encoder.encode(window)
                    writer.write(
                        to_table(done.specimens, done.digests, done.vectors, facts, done.strengths)
                    )
        writer.finish()


def _ready(
    model: ClibdModel,
    modality: Modality,
    specimens: Sequence[Specimen],
    vectors: VectorSpill,
    workers: int,
    progress: Progress,
) -> Iterator[Ready]:
    ahead = 2 * model.batch_size(modality) + workers
    for record in read_ahead(model, modality, specimens, vectors, workers, ahead):
        progress.advance()
        if isinstance(record, Ready):
            yield record
