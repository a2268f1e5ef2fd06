"""A trained model as a model folder like any other, with a card that says where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.version import __version__
from clibd_cli.models.cards import ModelCard
from clibd_cli.models.convert import Converted
from clibd_cli.models.experience import with_experience
from clibd_cli.models.install import new_model_folder, write_model
from clibd_cli.models.registry import home_default, set_default, write_card
from clibd_cli.training.settings_fields import TrainSettings
from clibd_cli.training.tower_start import TrainTowers

_NOT_STATED = "not stated"
_BEGUN = "Begun from"
_VALIDATION = "Validation, top-1:"
_TOLD = (("seen.", ".species"), ("unseen.", ".genus"), ("unseen.", ".family"))
"""Of the metrics, those that the notes of a card tell."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the weights to be written have behind them.

    Attributes:
        step: finished steps.
        logit_scale: the learned scale of similarities, before exp.
        metrics: measured on the validation queries with these weights, 0 to 1; may be empty.
        origins: the cards of the models that the towers began in.
    """

    step: int
    logit_scale: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    origins: Sequence[ModelCard] = ()


def install_trained(
    settings: TrainSettings,
    towers: TrainTowers,
    outcome: Outcome,
    home: Path,
    will_install: Callable[[str], None] = lambda fingerprint: None,
    bring_along: Callable[[Path], None] = lambda folder: None,
) -> ModelCard:
    """Write the trained towers as the model `settings.name`; `make_default` makes it the default.

    A model of that name is replaced: whether it may be is asked before training. Terms, citation
    and notes of the models that the towers began in go on the card where the recipe gives none.

    Args:
        will_install: told the fingerprint when the model is whole, before it has its place.
        bring_along: writes what the model has learnt of itself (`models.experience`) beside its
            weights, which can be used from there.

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
    # Where none is on record, a new model would become the default by being the newest.
    default = settings.name if settings.make_default else home_default(home)
    with new_model_folder(home / settings.name) as folder:
        written = write_model(folder, card, converted, towers.vocab)
        bring_along(folder)
        written = with_experience(written, folder)
        write_card(folder, written)
        will_install(written.fingerprint or "")
    if default is not None:
        set_default(home, default)
    return written


def _card(
    settings: TrainSettings, towers: TrainTowers, converted: Converted, outcome: Outcome
) -> ModelCard:
    begun = ", ".join(f"{modality} from {origin}" for modality, origin in towers.origins.items())
    whole = set(towers.modules) - towers.adapted - towers.frozen
    where = f" in {' and '.join(m for m in towers.modules if m in towers.adapted)}" if whole else ""
    adapted = f"LoRA of rank {settings.lora_rank}{where}, " if towers.adapted else ""
    frozen = f", {' and '.join(sorted(towers.frozen))} as it was" if towers.frozen else ""
    how = f"trained by clibd {__version__} ({begun}{frozen}; {adapted}{outcome.step:,} steps)"
    before = "".join(f"; {card.name}: {card.source}" for card in outcome.origins if card.source)
    measured = _measured(outcome.metrics)
    licence = settings.licence if settings.licence != _NOT_STATED else ""
    notes = settings.notes or _carried("notes", outcome.origins)
    return ModelCard(
        name=settings.name,
        title=settings.title or settings.name,
        source=(f"{settings.source}; {how}" if settings.source else how) + before,
        licence=licence or _carried("licence", outcome.origins) or _NOT_STATED,
        citation=settings.citation or _carried("citation", outcome.origins),
        notes=" ".join(part for part in (notes, measured) if part),
        dim=converted.dim,
        image=converted.image,
        dna=converted.dna,
        text=converted.text,
        logit_scale=converted.logit_scale,
    )


def _carried(name: str, origins: Sequence[ModelCard]) -> str:
    """What the cards of the origins say under `name`, and whose word it is."""
    told: list[str] = []
    for card in origins:
        # What was measured is true of the other weights alone.
        text = getattr(card, name).partition(_VALIDATION)[0].strip()
        if text and text != _NOT_STATED:
            own = text.startswith(f"{_BEGUN} ")  # handed on already
            told.append(text if own else f"{_BEGUN} {card.name}: {text}")
    return " ".join(dict.fromkeys(told))


def _measured(metrics: Mapping[str, float]) -> str:
    told = [
        f"{name} {100 * value:.1f} %"
        for start, end in _TOLD
        for name, value in metrics.items()
        if name.startswith(start) and name.endswith(end)
    ]
    return f"{_VALIDATION} {', '.join(told)}." if told else ""


def _halved(name: str, tensor: Tensor) -> Tensor:
    half = tensor.to(torch.float16) if tensor.is_floating_point() else tensor
    if not bool(torch.isfinite(half).all()):
        raise ClibdError(
            f"{name} holds numbers that float16 cannot", 'Give weights = "float32" and run again.'
        )
    return half
