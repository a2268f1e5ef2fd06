"""Opening the model that a task needs: by name, or as the one that an index was made with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.core.records import Modality

if TYPE_CHECKING:
    from clibd_cli.models.model import ClibdModel


def open_model(
    name: str | None,
    device: str,
    precision: str,
    modalities: Sequence[Modality],
    progress: Progress,
) -> ClibdModel:
    """The model `name`, or the default one, with the towers for `modalities`.

    Raises:
        ClibdError: where it is not installed, or lacks a tower.
    """
    from clibd_cli.models.model import load_model
    from clibd_cli.tasks.models import resolve_model_folder

    folder = resolve_model_folder(name, progress=progress)
    _require_towers(folder, name is None, modalities)
    return load_model(folder, device, precision, modalities, progress.warn)


def _require_towers(folder: Path, by_default: bool, modalities: Sequence[Modality]) -> None:
    """Say which model lacks a tower, and which of those at hand have it."""
    from clibd_cli.models.home import models_home
    from clibd_cli.models.registry import at_hand, read_card

    card = read_card(folder)
    missing = [modality for modality in modalities if modality not in card.modalities]
    if missing:
        cards = [entry.card for entry in at_hand(models_home()) if entry.card]
        fit = [c.name for c in cards if set(modalities) <= set(c.modalities)]
        named = f"such as {', '.join(fit[:3])}" if fit else "see `clibd models list`"
        raise ClibdError(
            f"the {'default ' if by_default else ''}model {card.name} has no "
            f"{' and no '.join(missing)} tower, only {' and '.join(card.modalities)}",
            f"`--model NAME` takes another ({named}); or leave these inputs out.",
        )


def open_model_of(
    name: str,
    fingerprint: str,
    device: str,
    precision: str,
    modalities: Sequence[Modality],
    progress: Progress = SILENT,
) -> ClibdModel:
    """The model with this fingerprint, installed or built in, whatever it is called by now.

    Args:
        name: what it was called when the index was made.

    Raises:
        ClibdError: where no model at hand has the fingerprint.
    """
    from clibd_cli.models.model import load_model

    folder = folder_of(name, fingerprint)
    return load_model(folder, device, precision, modalities, progress.warn)


def folder_of(name: str, fingerprint: str) -> Path:
    """The folder of the model with this fingerprint.

    Raises:
        ClibdError: where no model at hand has it.
    """
    from clibd_cli.models.home import models_home
    from clibd_cli.models.published import published_cards
    from clibd_cli.models.registry import DEMO_MODEL, at_hand

    models = at_hand(models_home())
    for entry in sorted(models, key=lambda entry: entry.name != name):
        if entry.card and entry.folder and entry.card.fingerprint == fingerprint:
            return entry.folder
    if name == DEMO_MODEL and (folder := _demo_with(fingerprint)) is not None:
        return folder
    if any(entry.name == name for entry in models):
        raise ClibdError(
            f"the installed model {name} is not the one that the index was made with "
            f"({fingerprint[:12]})",
            "Add that one under another name, or build the index anew.",
        )
    raise ClibdError(
        f"the index was made with the model {name} ({fingerprint[:12]}), which is not installed",
        f"Install it: `clibd models add FILE --name {name}`"
        + (f", or `clibd models pull {name}`." if name in published_cards() else "."),
    )


def _demo_with(fingerprint: str) -> Path | None:
    """The demo model, built here if need be, where it is still the same."""
    from clibd_cli.models.registry import DEMO_MODEL, read_card
    from clibd_cli.tasks.models import resolve_model_folder

    folder = resolve_model_folder(DEMO_MODEL)
    return folder if read_card(folder).fingerprint == fingerprint else None
