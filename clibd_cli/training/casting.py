"""Towers that compute in another number format than their weights are kept in.

bf16 means weights and activations cast to it, while the optimiser moves float32 weights: on CPUs
that compute in bf16, this is several times faster than autocast, which casts weights anew at every
layer and leaves much in float32; on GPUs it is as fast and takes less memory. The vectors that
leave a tower, and all that follows, are float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from clibd_cli.core.records import Modality

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Towers(Protocol):
    """The encoders that are trained; `training.tower_start.TrainTowers` is one."""

    @property
    def modules(self) -> dict[Modality, nn.Module]:
        """The encoders: inputs in, vectors float32 [n, dim] of any length out.

        No layer of theirs looks at other rows of its batch.
        """

    @property
    def dim(self) -> int:
        """Length of the vectors."""

    @property
    def starts(self) -> dict[Modality, str]:
        """What tells each encoder's first weights from others, wherever they are kept."""

    def inputs(self, modality: Modality, items: Sequence[Any]) -> list[Tensor]:
        """The tensors that the encoder of `modality` takes for these items."""

    def set_training(self, on: bool) -> None:
        """Dropout on or off."""


class CastTower:
    """A tower and its weights in the number format of the computation, cast once.

    It is made anew when the weights have changed. Gradients reach the weights themselves.
    """

    def __init__(self, tower: nn.Module, dtype: torch.dtype) -> None:
        self._tower = tower
        self._dtype = dtype
        self.device = next(tower.parameters()).device
        self._weights = None
        if dtype is not torch.float32:
            self._weights = {name: w.to(dtype) for name, w in tower.named_parameters()}

    def __call__(self, inputs: Sequence[Tensor]) -> Tensor:
        """Vectors float32 [n, dim] on the tower's device, of inputs from anywhere."""
        placed = tuple(tensor.to(self.device, non_blocking=True) for tensor in inputs)
        if self._weights is None:
            vectors: Tensor = self._tower(*placed)
        else:
            cast = tuple(t.to(self._dtype) if t.is_floating_point() else t for t in placed)
            vectors = functional_call(self._tower, self._weights, cast)
        return vectors.float()


@torch.no_grad()
def encode_unit(
    towers: Towers, modality: Modality, items: Sequence[Any], dtype: torch.dtype, batch: int
) -> NDArray[np.float32]:
    """Unit vectors [len(items), dim] of the towers as they are, `batch` items at a time."""
    tower = CastTower(towers.modules[modality], dtype)
    parts = [
        functional.normalize(tower(towers.inputs(modality, items[at : at + batch])), dim=1)
        for at in range(0, len(items), batch)
    ]
    if not parts:
        return np.empty((0, towers.dim), np.float32)
    vectors: NDArray[np.float32] = torch.cat(parts).cpu().numpy()
    return vectors
