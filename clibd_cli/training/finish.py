"""A trained model as a model folder like any other, with a card that says where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.version import __version__
from clibd_cli.models.cards import ModelCard
from clibd_cli.models.convert import Converted
from clibd_cli.models.install import new_model_folder, write_model
from clibd_cli.models.registry import set_default
from clibd_cli.training.settings_fields import TrainSettings
from clibd_cli.training.tower_start import TrainTowers

_TOLD = (("seen.", ".species"), ("unseen.", ".genus"), ("unseen.", ".family"))
"""Of the metrics, those that the notes of a card tell."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the weights to be written have behind them.

    Attributes:
        step: finished steps.
        logit_scale: the learned scale of similarities, before exp.
        metrics: measured on the validation queries with these weights, 0 to 1; may be empty.
    """

    step: int
    logit_scale: float
    metrics: Mapping[str, float] = field(default_factory=dict)


def install_trained(
    settings: TrainSettings, towers: TrainTowers, outcome: Outcome, home: Path
) -> ModelCard:
    """Write the trained towers as the model `settings.name`, and make it the default.

    A model of that name is replaced: whether it may be is asked before training.

    Returns:
        The card as installed, with its fingerprint.

    Raises:
        ClibdError: where weights do not fit float16, or the folder cannot be written.
    """
    tensors, heads = towers.merged_tensors()
    if settings.weights == "float16":
        tensors = {name: _halved(name, tensor) for name, tensor in tensors.items()}
    cards: dict[Any, Any] = {**towers.cards}
    converted = Converted(
        tensors=dict(sorted(tensors.items())),
        heads=heads,
        image=cards.get("image"),
        dna=cards.get("dna"),
        text=cards.get("text"),
        dim=towers.dim,
        logit_scale=outcome.logit_scale,
    )
    card = _card(settings, towers, converted, outcome)
    with new_model_folder(home / settings.name) as folder:
        written = write_model(folder, card, converted, towers.vocab)
    set_default(home, settings.name)
    return written


def _card(
    settings: TrainSettings, towers: TrainTowers, converted: Converted, outcome: Outcome
) -> ModelCard:
    begun = ", ".join(f"{modality} from {origin}" for modality, origin in towers.origins.items())
    adapted = f"LoRA of rank {settings.lora_rank}, " if settings.lora_rank else ""
    frozen = f", {' and '.join(sorted(towers.frozen))} as it was" if towers.frozen else ""
    how = f"trained by clibd {__version__} ({begun}{frozen}; {adapted}{outcome.step:,} steps)"
    measured = _measured(outcome.metrics)
    return ModelCard(
        name=settings.name,
        title=settings.title or settings.name,
        source=f"{settings.source}; {how}" if settings.source else how,
        licence=settings.licence,
        citation=settings.citation,
        notes=" ".join(part for part in (settings.notes, measured) if part),
        dim=converted.dim,
        image=converted.image,
        dna=converted.dna,
        text=converted.text,
        logit_scale=converted.logit_scale,
    )


def _measured(metrics: Mapping[str, float]) -> str:
    told = [
        f"{name} {100 * value:.1f} %"
        for start, end in _TOLD
        for name, value in metrics.items()
        if name.startswith(start) and name.endswith(end)
    ]
    return f"Validation, top-1: {', '.join(told)}." if told else ""


def _halved(name: str, tensor: Tensor) -> Tensor:
    half = tensor.to(torch.float16) if tensor.is_floating_point() else tensor
    if not bool(torch.isfinite(half).all()):
        raise ClibdError(
            f"{name} holds numbers that float16 cannot", 'Give weights = "float32" and run again.'
        )
    return half
