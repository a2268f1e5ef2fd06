"""Batches made ready ahead of the training step: photos decoded and varied in threads.

What a batch holds depends on the seed, the step and the example alone, never on the number of
threads or processes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from zlib import crc32

from clibd_cli.core.ahead import default_workers, done_ahead
from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import MODALITIES, Modality
from clibd_cli.io.names import printable
from clibd_cli.io.photos import PhotoError, load_photo
from clibd_cli.training.augment_barcodes import augment_barcode
from clibd_cli.training.batches import BatchPlan
from clibd_cli.training.example import Example, Examples

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from clibd_cli.models.cards import AnyImageTower, AnyTower
    from clibd_cli.training.settings_fields import TrainSettings

_STEPS_AHEAD = 2
_PHOTOS_AHEAD = 1024
"""The most prepared photos that wait in memory: 0.6 GB at 224 pixels."""


@dataclass(frozen=True, slots=True)
class StepBatch:
    """What one process computes in one step.

    Attributes:
        step: of the whole run, from 0.
        rows: of each modality, positions in the training examples, of the whole batch.
        items: this process's share of them, `rows[m][rank::world]`, prepared: photos as float32
            tensors [3, side, side], barcodes and names as text.
    """

    step: int
    epoch: int
    rows: dict[Modality, list[int]]
    items: dict[Modality, list[Any]]


def feed(
    plan: BatchPlan,
    examples: Examples,
    settings: TrainSettings,
    towers: Mapping[Modality, AnyTower],
    start_step: int,
    end_step: int,
    rank: int = 0,
    world: int = 1,
) -> Iterator[StepBatch]:
    """The batches of the steps from `start_step` to before `end_step` of the run, in order.

    They are prepared early, up to two steps and 1024 photos, by `settings.workers` threads. Close
    the iterator to stop them.

    Args:
        towers: the cards of the towers; that of the image tower says what a photo must be.

    Raises:
        ClibdError: where a photo cannot be read any more, naming it. (Those that never could are
            left out by `examples.read_examples`.)
    """
    workers = default_workers() if settings.workers is None else settings.workers
    maker = _Maker(examples, settings, towers)
    begun: deque[StepBatch] = deque()

    def jobs() -> Iterator[Callable[[], Any]]:
        for step in range(start_step, end_step):
            epoch, place = divmod(step, plan.steps_per_epoch)
            rows = plan.rows(epoch, place)
            share = {modality: found[rank::world] for modality, found in rows.items()}
            begun.append(StepBatch(step, epoch, rows, {}))
            yield partial(maker.texts, share, epoch, step)
            for row in share.get("image", ()):
                yield partial(maker.photo, row, epoch, step)

    most = _STEPS_AHEAD * (1 + plan.photos_per_step // world)
    with closing(done_ahead(_do, jobs(), workers, min(most, _PHOTOS_AHEAD))) as done:
        for texts in done:
            batch = begun.popleft()
            batch.items.update(texts)
            if "image" in batch.rows:
                n = len(batch.rows["image"][rank::world])
                batch.items["image"] = [next(done) for _ in range(n)]
            yield batch


def _do(job: Callable[[], Any]) -> Any:
    return job()


class _Maker:
    """Prepares items; may be asked by several threads at once."""

    def __init__(
        self, examples: Examples, settings: TrainSettings, towers: Mapping[Modality, AnyTower]
    ) -> None:
        self._train = examples.train
        self._settings = settings
        self._image_tower: AnyImageTower | None = towers.get("image")  # type: ignore[assignment]

    def texts(
        self, rows: Mapping[Modality, list[int]], epoch: int, step: int
    ) -> dict[Modality, list[str]]:
        """The barcodes and names of a step."""
        made: dict[Modality, list[str]] = {}
        if "dna" in rows:
            made["dna"] = [self._barcode(self._train[row], epoch, step) for row in rows["dna"]]
        if "text" in rows:
            made["text"] = [self._train[row].words for row in rows["text"]]
        return made

    def photo(self, row: int, epoch: int, step: int) -> Tensor:
        """A photo, decoded and varied."""
        from clibd_cli.training.augment_photos import augment_photo

        example = self._train[row]
        assert example.photo is not None
        assert self._image_tower is not None
        try:
            image = load_photo(example.photo)
        except PhotoError as error:
            raise ClibdError(
                f"{printable(example.photo)} could be read when the run began, and cannot now: "
                f"{error}",
                "Bring the file back and give the same command: the run goes on from its last "
                "checkpoint.",
            ) from error
        rng = self._chance(example, "image", epoch, step)
        return augment_photo(image, rng, self._image_tower, self._settings)

    def _barcode(self, example: Example, epoch: int, step: int) -> str:
        assert example.barcode is not None
        if not self._settings.barcode_augmentation:
            return example.barcode
        rng = self._chance(example, "dna", epoch, step)
        return augment_barcode(example.barcode, rng, self._settings)

    def _chance(
        self, example: Example, modality: Modality, epoch: int, step: int
    ) -> np.random.Generator:
        """Chance that is the example's own in this step: photos may come again in an epoch."""
        import numpy as np

        name = crc32(example.specimen_id.encode("utf-8", "surrogatepass"))
        seed = [self._settings.seed, epoch, step, name, MODALITIES.index(modality)]
        return np.random.default_rng(seed)
