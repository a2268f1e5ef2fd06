"""AdamW with one cycle of the learning rate, a peak for each tower.

The rate is a function of the number of the step, not a state: a resumed run cannot lose it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn

from clibd_cli.core.records import Modality
from clibd_cli.training.losses import Objective
from clibd_cli.training.settings_fields import TrainSettings

_EPSILON = 1e-6
"""Adam's, as in OpenCLIP's recipes. Smaller gradients are mostly rounding, which differs with the
number of processes, and must not be blown up to whole steps as torch's 1e-8 would."""

_LAST_SHARE = 1e-4
"""The last rate as a share of the first, as in torch's OneCycleLR."""


def one_cycle(step: int, total: int, start: float, peak: float, warmup: float) -> float:
    """The learning rate of step `step` of `total` (the first is 0).

    Half a cosine up from `start` to `peak` in the share `warmup` of the steps, and half a cosine
    down to nearly 0: `OneCycleLR` of torch with its defaults, as the official code uses it.
    """
    start = min(start, peak)
    top = warmup * total - 1
    if step <= top:
        return _between(start, peak, step / top if top > 0 else 1.0)
    rest = total - 1 - top
    return _between(peak, start * _LAST_SHARE, (step - top) / rest if rest > 0 else 1.0)


def _between(begin: float, end: float, share: float) -> float:
    return end + (begin - end) / 2 * (1 + math.cos(math.pi * share))


class OneCycleAdamW:
    """The optimiser of all trained weights; their groups have the names of the towers.

    Vectors and scalars (biases, norms, temperatures) are not decayed.
    """

    def __init__(
        self,
        modules: Mapping[Modality, nn.Module],
        objective: Objective,
        settings: TrainSettings,
        total: int,
    ) -> None:
        self._total = total
        self._start = settings.start_learning_rate
        self._warmup = settings.warmup
        self._clip = settings.clip_norm
        self._peaks: dict[str, float] = {
            modality: _peak(settings, f"{modality}_learning_rate") for modality in modules
        }
        self._peaks |= {
            "taxon": _peak(settings, "taxon_learning_rate"),
            "temperature": settings.learning_rate,
        }
        parts: dict[str, Iterable[nn.Parameter]] = {m: t.parameters() for m, t in modules.items()}
        parts["taxon"] = () if objective.heads is None else objective.heads.parameters()
        parts["temperature"] = [objective.log_scale]
        groups = [
            group
            for name, parameters in parts.items()
            for group in _groups(name, parameters, settings.weight_decay)
        ]
        self._names = [str(group.pop("name")) for group in groups]
        places = {weight.device.type for group in groups for weight in group["params"]}
        self._adam = torch.optim.AdamW(
            groups, lr=settings.learning_rate, eps=_EPSILON, fused=places <= {"cpu", "cuda"}
        )

    def rates(self, step: int) -> dict[str, float]:
        """The learning rate of each part that is trained, at a step."""
        return {
            name: one_cycle(step, self._total, self._start, self._peaks[name], self._warmup)
            for name in dict.fromkeys(self._names)
        }

    def update(self, step: int) -> float:
        """Move the weights along their gradients; returns the length of the gradient.

        Where that is not finite, nothing moves.
        """
        rates = self.rates(step)
        for group, name in zip(self._adam.param_groups, self._names, strict=True):
            group["lr"] = rates[name]
        norm = nn.utils.clip_grad_norm_(self.parameters(), self._clip or math.inf).item()
        if math.isfinite(norm):
            self._adam.step()
        return norm

    def parameters(self) -> list[nn.Parameter]:
        """All trained weights."""
        return [weight for group in self._adam.param_groups for weight in group["params"]]

    def state_dict(self) -> dict[str, Any]:
        """Adam's memory: tensors and plain values."""
        return self._adam.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up a memory that `state_dict` gave."""
        self._adam.load_state_dict(state)


def _peak(settings: TrainSettings, field: str) -> float:
    own: float | None = getattr(settings, field)
    return settings.learning_rate if own is None else own


def _groups(name: str, parameters: Iterable[nn.Parameter], decay: float) -> list[dict[str, Any]]:
    trained = [weight for weight in parameters if weight.requires_grad]
    matrices = [weight for weight in trained if weight.ndim > 1]
    others = [weight for weight in trained if weight.ndim <= 1]
    groups = [
        {"name": name, "params": matrices, "weight_decay": decay},
        {"name": name, "params": others, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]
