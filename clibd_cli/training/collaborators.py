"""What the training loop is given by others, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from clibd_cli.core.records import Modality

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Batch(Protocol):
    """What a step is made of; `training.feeding.StepBatch` is one."""

    @property
    def rows(self) -> dict[Modality, list[int]]:
        """The rows of the whole batch: positions in the training examples."""

    @property
    def items(self) -> dict[Modality, list[Any]]:
        """What the towers read, of this process's rows: rank, rank + world, …"""


class Plan(Protocol):
    """How an epoch is cut; `training.batches.BatchPlan` is one."""

    @property
    def steps_per_epoch(self) -> int:
        """The number of steps."""


Encode = Callable[[Modality, Sequence[Any]], "NDArray[np.float32]"]
"""Items of a modality in, unit vectors [n, dim] out."""

Feed = Callable[[int, int], Iterable[Batch]]
"""The batches of the steps from the first number up to, not including, the second."""

Validate = Callable[[Encode], dict[str, float]]
"""Measures the towers; empty where there is nothing to measure with."""


@dataclass(frozen=True, slots=True)
class TrainResult:
    """How a run ended.

    Attributes:
        step: finished steps, of `total`.
        resumed_at: the steps that an earlier call had finished; 0 for a new run.
        finished: False where `stop_at` ended it: there is more to do.
        stopped_early: whether `patience` ended it.
        best_step, value, metrics: of the best validation, whose weights the towers have where the
            run is finished; without validations (and on all processes but the first) 0, None and
            empty, and the towers have the last weights.
        loss: of the last step of this call, None where there was none.
        logit_scale: logarithm of the scale of the contrastive loss, for the card.
    """

    step: int
    total: int
    resumed_at: int
    finished: bool
    stopped_early: bool
    best_step: int
    value: float | None
    metrics: dict[str, float]
    loss: float | None
    logit_scale: float


@contextmanager
def closed(batches: Iterator[Batch]) -> Iterator[Iterator[Batch]]:
    """Lets the workers of a feed go, however the training ends."""
    try:
        yield batches
    finally:
        close = getattr(batches, "close", None)
        if close is not None:
            close()
