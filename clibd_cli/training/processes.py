"""The processes that train together, as `torchrun` starts them; most often there is only one.

The environment says who this one is: RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT. All
hold the same weights and compute the same loss on vectors gathered from all; they differ in the
rows that they encode. Rows are dealt like cards: row i of a batch is that of process i mod n.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import torch
from torch import Tensor, distributed

from clibd_cli.core.errors import ClibdError
from clibd_cli.models.device import choose_device

_PATIENCE = timedelta(hours=6)
"""How long processes wait for each other: the first one validates while the others wait."""

_NO_MPS = (
    "several processes cannot compute on an Apple GPU together and take the CPU; "
    "one process, without torchrun, takes the GPU"
)

_BUCKET = 1 << 24
"""Numbers that are summed over processes at once: 64 MB."""


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among those that train together.

    Attributes:
        rank: its number; only number 0 writes files.
        world: how many there are.
        device: where it computes.
        notice: what the user should know about that; empty where there is nothing.
    """

    rank: int = 0
    world: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    notice: str = ""

    @property
    def first(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def gather(self, own: Tensor, total: int) -> Tensor:
        """All rows `[total, dim]` of a batch, of which `own` are rows rank, rank + world, …

        No gradient flows through it.
        """
        if self.world == 1:
            return own
        most = -(-total // self.world)
        padded = own.new_zeros((most, *own.shape[1:]))
        padded[: len(own)] = own
        shares = [torch.empty_like(padded) for _ in range(self.world)]
        distributed.all_gather(shares, padded)
        # Row i lies at [i // world, i % world]; what pads lies behind the last row.
        return torch.stack(shares, dim=1).flatten(0, 1)[:total]

    def own_rows(self, whole: Tensor) -> Tensor:
        """The rows of this process among those of a whole batch."""
        return whole[self.rank :: self.world]

    def sum_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replace every gradient by its sum over the processes.

        A missing one counts as zeros, since all must send the same: a process may have no row of
        a kind. So it is with one process too, for the same result.
        """
        gradients = [_gradient(parameter) for parameter in parameters]
        if self.world == 1:
            return
        for bucket in _buckets(gradients):
            flat = torch.cat([gradient.flatten() for gradient in bucket])
            distributed.all_reduce(flat)
            parts = torch.split(flat, [gradient.numel() for gradient in bucket])
            for gradient, summed in zip(bucket, parts, strict=True):
                gradient.copy_(summed.view_as(gradient))

    def share_from_first(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite `tensors` by those of the first process."""
        if self.world > 1:
            for tensor in tensors:
                distributed.broadcast(tensor, src=0)

    def agree(self, values: Sequence[float]) -> list[float]:
        """The first process's `values`, for all."""
        if self.world == 1:
            return list(values)
        # Only nccl needs the numbers on its GPU; Apple's GPUs have no float64.
        place = self.device if self.device.type == "cuda" else torch.device("cpu")
        told = torch.tensor(values, dtype=torch.float64, device=place)
        distributed.broadcast(told, src=0)
        return [float(value) for value in told.tolist()]


@contextmanager
def joined_processes(device: str = "auto") -> Iterator[Processes]:
    """This process, joined with the others where `torchrun` started several.

    CPUs talk by gloo, NVIDIA GPUs by nccl; process i of a machine takes its GPU i. Apple's GPUs
    have nothing to talk by: there, several processes compute on the CPU.

    Args:
        device: `auto`, `cpu`, `cuda` or `mps`.

    Raises:
        ClibdError: where the environment is incomplete, or a machine has fewer GPUs than
            processes.
    """
    world = _number("WORLD_SIZE", 1)
    place = choose_device(device)
    if world == 1:
        yield Processes(device=place)
        return
    rank, local = _number("RANK", None), _number("LOCAL_RANK", 0)
    if place.type == "cuda":
        place = _gpu(local)
        torch.cuda.set_device(place)
    notice = ""
    if place.type == "mps":
        place, notice = torch.device("cpu"), _NO_MPS
    backend = "nccl" if place.type == "cuda" else "gloo"
    distributed.init_process_group(backend, timeout=_PATIENCE)
    try:
        yield Processes(rank, world, place, notice)
    finally:
        distributed.destroy_process_group()


def _gpu(local: int) -> torch.device:
    count = torch.cuda.device_count()
    if local >= count:
        raise ClibdError(
            f"process {local + 1} of this machine has no GPU: there are {count}",
            "Start torchrun with --nproc-per-node at most that, or train on CPUs (--device cpu).",
        )
    return torch.device("cuda", local)


def _number(name: str, default: int | None) -> int:
    text = os.environ.get(name, "" if default is None else str(default))
    if not text.isdecimal():
        raise ClibdError(
            f"the variable {name} is {text!r}",
            "Start several processes with torchrun, or unset WORLD_SIZE.",
        )
    return int(text)


def _gradient(parameter: torch.nn.Parameter) -> Tensor:
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """The tensors in order, in groups of about `_BUCKET` numbers."""
    bucket: list[Tensor] = []
    for tensor in tensors:
        bucket.append(tensor)
        if sum(t.numel() for t in bucket) >= _BUCKET:
            yield bucket
            bucket = []
    if bucket:
        yield bucket
