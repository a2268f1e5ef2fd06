"""What settings of a training run must have in common, checked before anything is read."""

from __future__ import annotations

import re
from dataclasses import fields

from clibd_cli.core.errors import UsageError
from clibd_cli.core.lineage import RANKS
from clibd_cli.core.records import MODALITIES
from clibd_cli.models.registry import MODEL_NAME
from clibd_cli.training.settings_fields import TrainSettings

_NEW_KINDS = {
    "image_tower": ("vit", "efficientnet_lite0"),
    "dna_tower": ("bert", "profile"),
    "text_tower": ("bert", "ngrams"),
}
_METRIC = re.compile(
    rf"(seen|unseen)\.(image|dna)_to_({'|'.join(MODALITIES)})\.({'|'.join(RANKS)})(\.known)?"
)
"""The names that `validation.validate` gives to what it measures."""


def check_settings(settings: TrainSettings) -> None:
    """Refuse what cannot work.

    Raises:
        UsageError: naming the field and what to give.
    """
    _check_bounds(settings)
    _check_name(settings)
    _check_words(settings)
    _check_towers(settings)
    _check_data(settings)
    _check_anchor(settings)
    _check_schedule(settings)


def _check_bounds(settings: TrainSettings) -> None:
    for field in fields(settings):
        value = getattr(settings, field.name)
        low, high = field.metadata["low"], field.metadata["high"]
        for number in value if isinstance(value, tuple) else (value,):
            if number is None or isinstance(number, str):
                continue
            if (low is not None and number < low) or (high is not None and number > high):
                at_most = "" if high is None else f" and at most {high}"
                at_least = "" if low is None else f"at least {low}"
                raise UsageError(f"{field.name} is {number}", f"It must be {at_least}{at_most}.")


def _check_name(settings: TrainSettings) -> None:
    if not settings.name:
        raise UsageError("the model has no name", 'Give one: `name = "..."` or --name NAME.')
    if not MODEL_NAME.fullmatch(settings.name):
        raise UsageError(
            f"{settings.name!r} cannot be the name of a model",
            "Use letters, digits, '.', '_' and '-', beginning with a letter or digit.",
        )


def _check_words(settings: TrainSettings) -> None:
    for field in ("modalities", "freeze"):
        for word in getattr(settings, field):
            if word not in MODALITIES:
                raise UsageError(f"{field} names {word!r}", f"Choose from {', '.join(MODALITIES)}.")


def _check_towers(settings: TrainSettings) -> None:
    towers = {m: getattr(settings, f"{m}_tower") for m in MODALITIES}
    if not settings.init_model and not any(towers.values()):
        raise UsageError(
            "there is no tower to train",
            "Give init_model, or towers: image_tower, dna_tower, text_tower.",
        )
    for modality, tower in towers.items():
        kinds = _NEW_KINDS[f"{modality}_tower"]
        if tower.startswith("new:") and tower.removeprefix("new:") not in kinds:
            raise UsageError(
                f"{modality}_tower is {tower!r}", f"New towers are {', '.join(kinds)}."
            )
        asked = modality in settings.modalities or modality in settings.freeze
        if asked and not tower and not settings.init_model:
            raise UsageError(f"there is no {modality} tower", f"Give {modality}_tower.")
    if settings.modalities and set(settings.modalities) <= set(settings.freeze):
        raise UsageError("every tower is frozen", "Leave one of them out of freeze.")


def _check_data(settings: TrainSettings) -> None:
    if not settings.dna and not settings.photos:
        raise UsageError("there is nothing to train on", "Give dna, photos, or both.")
    given = {"image": settings.photos, "dna": settings.dna}
    for modality, files in given.items():
        field = "photos" if modality == "image" else "dna"
        tower = settings.init_model or getattr(settings, f"{modality}_tower")
        wanted = not settings.modalities or modality in settings.modalities
        if files and wanted and not tower:
            raise UsageError(
                f"there are {field} but no {modality} tower",
                f"Give {modality}_tower, or leave {field} out.",
            )
        if modality in settings.modalities and not files:
            raise UsageError(f"modalities names {modality}, but {field} is empty", "Give files.")
    if settings.pairs == "taxon" and settings.label == "specimen":
        raise UsageError("pairs by taxon share no specimen", 'Give label = "species".')
    if settings.pairs == "taxon" and settings.label == "bin":
        raise UsageError(
            "pairs by taxon are of one species, and photos without a BIN would be like nothing",
            'Give label = "species", or pairs = "specimen".',
        )


def _check_anchor(settings: TrainSettings) -> None:
    for word in settings.anchor:
        if word not in ("dna", "text"):
            raise UsageError(f"anchor names {word!r}", "Choose from dna, text.")
        if word in settings.freeze:
            raise UsageError(f"the {word} tower is both anchored and frozen", "Choose one.")
        if not settings.init_model and not getattr(settings, f"{word}_tower"):
            raise UsageError(
                f"anchor names {word}, but there is no {word} tower", f"Give {word}_tower."
            )
        if settings.modalities and word not in settings.modalities:
            raise UsageError(
                f"anchor names {word}, which is not among modalities", "Leave one of them out."
            )


def _check_schedule(settings: TrainSettings) -> None:
    if not settings.contrastive_weight and not settings.taxon_weight:
        raise UsageError(
            "both losses have weight 0", "Give contrastive_weight or taxon_weight more."
        )
    if settings.contrastive_weight and settings.batch_size == 1 and settings.pairs == "specimen":
        raise UsageError(
            "batch_size is 1: a row alone has nothing to be contrasted with, and learns nothing",
            "Give a batch_size of 2 or more (better: hundreds), or contrastive_weight = 0.",
        )
    if settings.taxon_weight and not any(settings.rank_weights):
        raise UsageError("all ranks have weight 0", "Give one of rank_weights more.")
    validates = settings.validate_every and settings.split
    if settings.patience and not validates:
        raise UsageError(
            "patience needs validations", "Give split and validate_every, or patience = 0."
        )
    if settings.metric is not None and not validates:
        raise UsageError(
            "metric needs validations", "Give split and validate_every, or leave metric out."
        )
    if settings.metric is not None and not _METRIC.fullmatch(settings.metric):
        raise UsageError(
            f"there is no metric {settings.metric!r}",
            "Name one such as seen.image_to_dna.species or unseen.dna_to_dna.genus.",
        )
