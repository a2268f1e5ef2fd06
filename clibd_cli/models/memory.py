"""Batches that fit: where the memory does not hold one, it goes on with half as many items."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import Modality

T = TypeVar("T")

_FULL = re.compile(r"out of memory|can't allocate memory|not enough memory|ALLOC_FAILED", re.I)
"""How CUDA, MPS, torch on a CPU (Linux and macOS, Windows), and cuBLAS and its like put it."""


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error of torch means that a smaller batch could do."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and bool(_FULL.search(str(error)))


class FittingBatches:
    """Cuts items into batches, and remembers what was too much.

    Args:
        warn: told once for each modality, when batches had to become smaller.
    """

    def __init__(self, device: torch.device, warn: Callable[[str], None]) -> None:
        self._device = device
        self._warn = warn
        self._most: dict[Modality, int] = {}

    def run(
        self, modality: Modality, items: Sequence[Any], size: int, job: Callable[[Sequence[Any]], T]
    ) -> list[T]:
        """What `job` makes of the items, batch by batch: `size` at a time, or as many as fit.

        Raises:
            ClibdError: where the memory does not even hold one item.
        """
        done: list[T] = []
        known, at = self._most.get(modality), 0
        while at < len(items):
            batch = items[at : at + min(size, self._most.get(modality, size))]
            try:
                done.append(job(batch))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._most[modality] = self._half(len(batch), modality)
            else:
                at += len(batch)
                continue
            self._give_back()  # once the error, which holds the tensors of its batch, is gone
        if known is None and modality in self._most:
            self._warn(
                f"the memory ({self._device.type}) is too small for batches of {size}: went on "
                f"with {self._most[modality]} at a time (--batch-size {self._most[modality]})"
            )
        return done

    def _half(self, size: int, modality: Modality) -> int:
        if size == 1:
            raise ClibdError(
                f"the memory ({self._device.type}) is too small for the {modality} tower, even "
                "with --batch-size 1",
                "End other programs that fill it, choose --device cpu, or a smaller model "
                "(`clibd models list`).",
            ) from None
        return size // 2

    def _give_back(self) -> None:
        """What the broken batch held, and torch keeps for later, goes back to the device."""
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        elif self._device.type == "mps":
            torch.mps.empty_cache()
