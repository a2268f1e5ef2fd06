"""One step of training: vectors of the whole batch, the loss, and the gradients of all weights.

The contrastive loss needs all rows of a batch at once, and activations of all rows would often not
fit into memory. So a step has two phases (Gao et al. 2021, "gradient caching"): the towers encode
this process's rows, a micro batch at a time; the loss is computed on the vectors of all processes,
and its gradient pushed through the towers, again a micro batch at a time. With `caching` the
activations are thrown away in between and computed anew.

Numbers do not depend on how a batch is cut, since towers have no layer that looks at other rows;
only dropout does, which draws from a state that step, process, modality and micro batch determine,
so that the second encoding of a row meets the same mask.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from clibd_cli.core.digest import sha256_text
from clibd_cli.core.records import MODALITIES, Modality
from clibd_cli.training.casting import CastTower, Towers
from clibd_cli.training.losses import BatchTargets, Objective
from clibd_cli.training.processes import Processes


@dataclass(frozen=True, slots=True)
class StepOptions:
    """How a step is computed.

    Attributes:
        micro_batch: items that a tower encodes at once; None takes all.
        caching: whether activations are computed twice instead of kept.
        dtype: float32, or bfloat16.
        seed: with the number of the step, decides about dropout.
    """

    micro_batch: int | None = None
    caching: bool = False
    dtype: torch.dtype = torch.float32
    seed: int = 0


@dataclass(frozen=True, slots=True)
class StepLoss:
    """The loss of a step, and its parts, unweighted."""

    loss: float
    parts: dict[str, float]


def compute_gradients(
    step: int,
    items: Mapping[Modality, Sequence[Any]],
    counts: Mapping[Modality, int],
    targets: BatchTargets,
    towers: Towers,
    objective: Objective,
    options: StepOptions,
    processes: Processes,
) -> StepLoss:
    """Fill `.grad` of the towers and the objective; whatever was there is dropped.

    Args:
        step: the number of the step.
        items: this process's share of the rows.
        counts: the rows of the whole batch, by modality.
        targets: of all rows of the batch.

    Returns:
        The loss of the whole batch, the same on every process.
    """
    present: list[Modality] = [m for m in MODALITIES if counts.get(m)]
    encodings = {
        m: _Encoding(m, items.get(m, ()), towers, options, f"{step} {processes.rank}")
        for m in present
    }
    _forget_gradients(towers, objective)
    leaves = {
        m: processes.gather(encodings[m].vectors(), counts[m]).requires_grad_() for m in present
    }
    loss, parts = objective(leaves, targets)
    loss.backward()
    for modality, leaf in leaves.items():
        assert leaf.grad is not None
        encodings[modality].push_back(processes.own_rows(leaf.grad))
    _sum_over_processes(present, towers, objective, processes)
    return StepLoss(loss.item(), {name: part.item() for name, part in parts.items()})


class _Encoding:
    """The share of one modality in one step: encoded, and later given its gradient."""

    def __init__(
        self,
        modality: Modality,
        items: Sequence[Any],
        towers: Towers,
        options: StepOptions,
        seed: str,
    ) -> None:
        self._modality = modality
        self._items = items
        self._towers = towers
        self._options = options
        self._seed = seed
        tower = towers.modules[modality]
        self._trained = any(weight.requires_grad for weight in tower.parameters())
        self._tower = CastTower(tower, options.dtype)
        self._size = options.micro_batch or len(items) or 1
        self._kept: list[Tensor] = []

    def vectors(self) -> Tensor:
        """Float32 [own rows, dim], without gradient."""
        keep = self._trained and not self._options.caching
        with nullcontext() if keep else torch.no_grad():
            parts = [self._encode(start) for start in self._starts()]
        if keep:
            self._kept = parts
        if not parts:
            return torch.zeros((0, self._towers.dim), device=self._tower.device)
        return torch.cat([part.detach() for part in parts])

    def push_back(self, gradient: Tensor) -> None:
        """Add to the gradients of the tower's weights what follows from that of the vectors."""
        if not self._trained:
            return
        for number, start in enumerate(self._starts()):
            part = self._kept[number] if self._kept else self._encode(start)
            torch.autograd.backward(part, gradient[start : start + len(part)])
            if self._kept:
                self._kept[number] = gradient.new_zeros(0)  # its activations are free now

    def _starts(self) -> range:
        return range(0, len(self._items), self._size)

    def _encode(self, start: int) -> Tensor:
        inputs = self._towers.inputs(self._modality, self._items[start : start + self._size])
        torch.manual_seed(
            random_seed(f"{self._options.seed} {self._seed} {self._modality} {start}")
        )
        return self._tower(inputs)


@contextmanager
def seeded(words: str, device: torch.device) -> Iterator[None]:
    """torch's generators in a state that `words` determine; the caller's come back after."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(random_seed(words))
        yield


def random_seed(words: str) -> int:
    """A number below 2**63 that `words` determine, and that tells nothing of similar words."""
    return int(sha256_text(words)[:16], 16) >> 1


def _forget_gradients(towers: Towers, objective: Objective) -> None:
    for module in (*towers.modules.values(), objective):
        module.zero_grad(set_to_none=True)


def _sum_over_processes(
    present: Sequence[Modality], towers: Towers, objective: Objective, processes: Processes
) -> None:
    # Every process has computed the whole gradient of the objective: the mean is what each has.
    own = [weight for weight in objective.parameters() if weight.grad is not None]
    for weight in own:
        assert weight.grad is not None
        weight.grad /= processes.world
    modules = [towers.modules[modality] for modality in present]
    trained = [w for module in modules for w in module.parameters() if w.requires_grad]
    processes.sum_gradients([*trained, *own])
