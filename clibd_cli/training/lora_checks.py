"""Refuses LoRA where it has nothing to add to, before anything large is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from clibd_cli.core.errors import UsageError
from clibd_cli.core.records import MODALITIES, Modality
from clibd_cli.models.cards import AnyTower, DnaTower, ImageTower, TextTower
from clibd_cli.training.settings_fields import TrainSettings

_ALL_WEIGHTS = "Train all weights with lora_rank = 0"


def trained_kinds(settings: TrainSettings) -> list[Modality]:
    """The kinds that a run may train, by what it is told to read: names may come with anything."""
    given: dict[Modality, object] = {"image": settings.photos, "dna": settings.dna, "text": True}
    wanted = settings.modalities or MODALITIES
    return [m for m in MODALITIES if given[m] and m in wanted and m not in settings.freeze]


def check_lora(
    settings: TrainSettings, known: Mapping[Modality, AnyTower], new: Sequence[Modality], more: bool
) -> None:
    """Refuse `lora_rank` where towers have no attention, or all of them are new.

    Args:
        known: of the towers that are trained, those that begin in an installed model.
        new: those that have learned nothing yet.
        more: whether there are others, of which nothing is known yet.

    Raises:
        UsageError: with what to give instead.
    """
    without = [m for m, tower in known.items() if not has_attention(tower)]
    # Whether there are names to read, only the data can tell.
    if any(m != "text" or m in settings.modalities for m in without):
        raise no_attention(settings, without, more or len(without) < len(known))
    if new and not known and not more:
        raise all_new(settings, new)


def has_attention(tower: AnyTower) -> bool:
    """Whether a tower is a transformer, to which LoRA adds."""
    return isinstance(tower, (ImageTower, DnaTower, TextTower))


def no_attention(
    settings: TrainSettings, modalities: Sequence[Modality], others: bool
) -> UsageError:
    """The error for towers that LoRA cannot adapt; `others` are there that it can."""
    towers = " and ".join(modalities) + (" tower has" if len(modalities) == 1 else " towers have")
    instead = f"put {' and '.join(modalities)} into freeze" if others else "begin in transformers"
    return UsageError(
        f"lora_rank is {settings.lora_rank}, but the {towers} no attention, which LoRA is for",
        f"{_ALL_WEIGHTS}, or {instead}.",
    )


def all_new(settings: TrainSettings, modalities: Iterable[Modality]) -> UsageError:
    """The error where no tower has learned anything that could be kept."""
    return UsageError(
        f"lora_rank is {settings.lora_rank}, but LoRA adds to what a tower has learned, and all "
        f"that are trained are new ({', '.join(modalities)})",
        f"{_ALL_WEIGHTS}, or begin in a model or a checkpoint.",
    )
