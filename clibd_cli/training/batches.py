"""Which examples meet in which step: a function of the seed and the step's number alone.

No generator keeps a state, so a resumed run, and any number of processes, see the same batches.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import MODALITIES, Modality
from clibd_cli.training.example import Example, Examples

if TYPE_CHECKING:
    import numpy as np

    from clibd_cli.training.settings_fields import Pairs

_MAIN, _PHOTOS, _PARTNERS = range(3)
"""Streams of chance that must not be the same."""


class BatchPlan:
    """The batches of a run.

    By specimen, an epoch is one pass over the examples. By taxon, it is one pass over the
    barcodes; photos come from a stream of their own that goes round as often as it must (each
    photo once before any comes again), and each photo brings one barcode of its species along,
    where there is any. Without barcodes, an epoch is one pass over the photos.

    Args:
        batch_size: the most examples (by taxon: barcodes, without the photos' own) in a step. All
            steps of an epoch are of the same size, or one less.
        image_batch_size: photos in a step, by taxon; as many as barcodes if None.
        modalities: what may be in the batches.

    Attributes:
        steps_per_epoch: at least 1.
        photos_per_step: the most there may be.

    Raises:
        ClibdError: where no example has any of the modalities.
    """

    def __init__(
        self,
        examples: Examples,
        pairs: Pairs,
        batch_size: int,
        image_batch_size: int | None,
        modalities: Sequence[Modality],
        seed: int,
    ) -> None:
        self._train = examples.train
        self._by_taxon = pairs == "taxon"
        self._modalities = tuple(m for m in MODALITIES if m in modalities)
        self._seed = seed
        photos, barcodes = (
            [i for i, e in enumerate(self._train) if m in self._modalities and e.has(m)]
            for m in ("image", "dna")
        )
        if self._by_taxon:
            main, self._photos = (barcodes, photos) if barcodes else (photos, [])
        else:
            main, self._photos = sorted({*photos, *barcodes}), []
        if not main:
            raise ClibdError(
                f"no training specimen has any of {', '.join(self._modalities)}",
                "Give photos or barcodes, and towers for them.",
            )
        self._main = main
        self._image_batch_size = min(image_batch_size or batch_size, len(self._photos))
        if self._by_taxon and not barcodes and image_batch_size:
            batch_size = image_batch_size
        self.steps_per_epoch = math.ceil(len(main) / batch_size)
        self.photos_per_step = (
            self._image_batch_size if self._photos else min(batch_size, len(photos))
        )
        self._of_species = _by_species(self._train, barcodes) if self._photos else {}
        self._shuffled = lru_cache(maxsize=4)(self._shuffle)

    def rows(self, epoch: int, step: int) -> dict[Modality, list[int]]:
        """The rows of each modality in a step: positions in the training examples.

        Args:
            epoch, step: from 0; `step` is that within the epoch.

        Returns:
            Every modality of the plan, also where it has no row. By taxon, names stand once, by
            the first row that bears them.
        """
        if not 0 <= step < self.steps_per_epoch:
            raise IndexError(f"step {step} of {self.steps_per_epoch}")
        n, parts = len(self._main), self.steps_per_epoch
        start, end = step * n // parts, (step + 1) * n // parts
        order = self._shuffled(_MAIN, epoch, n)
        chosen = [self._main[i] for i in order[start:end]]
        if not self._photos:
            rows = {m: [i for i in chosen if self._train[i].has(m)] for m in self._modalities}
            if self._by_taxon and "text" in rows:
                rows["text"] = self._distinct_names(chosen)
            return rows
        photos = self._next_photos(epoch * parts + step)
        barcodes = list(dict.fromkeys([*chosen, *self._partners(photos, epoch, step)]))
        by_kind: dict[Modality, list[int]] = {
            "image": photos,
            "dna": barcodes,
            "text": self._distinct_names([*photos, *barcodes]),
        }
        return {modality: by_kind[modality] for modality in self._modalities}

    def _next_photos(self, step: int) -> list[int]:
        """The photos of the run's step `step`; none twice, also where a new round begins."""
        n, size = len(self._photos), self._image_batch_size
        places = range(step * size, (step + 1) * size)
        found = (self._photos[self._shuffled(_PHOTOS, at // n, n)[at % n]] for at in places)
        return list(dict.fromkeys(found))

    def _partners(self, photos: Iterable[int], epoch: int, step: int) -> list[int]:
        """For each photo a barcode of its species, drawn anew in each step."""
        import numpy as np

        known = [
            barcodes
            for photo in photos
            if (barcodes := self._of_species.get(self._train[photo].lineage.species))
        ]
        draws = np.random.default_rng([self._seed, _PARTNERS, epoch, step]).random(len(known))
        return [
            barcodes[int(draw * len(barcodes))] for barcodes, draw in zip(known, draws, strict=True)
        ]

    def _distinct_names(self, rows: Iterable[int]) -> list[int]:
        first: dict[str, int] = {}
        for row in rows:
            if self._train[row].has("text"):
                first.setdefault(self._train[row].words, row)
        return list(first.values())

    def _shuffle(self, stream: int, turn: int, n: int) -> np.ndarray:
        import numpy as np

        return np.random.default_rng([self._seed, stream, turn]).permutation(n)


def _by_species(train: Sequence[Example], barcodes: Iterable[int]) -> dict[str | None, list[int]]:
    """The barcodes of each named species."""
    of_species: dict[str | None, list[int]] = {}
    for row in barcodes:
        if species := train[row].lineage.species:
            of_species.setdefault(species, []).append(row)
    return of_species
