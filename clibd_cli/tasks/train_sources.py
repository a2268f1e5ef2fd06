"""What a run begins with, looked for before any data is read.

Whether a tower fits is found out when it is built, which needs the data; that a name is misspelt or
a package missing need not wait for it.
"""

from __future__ import annotations

from pathlib import Path

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import MODALITIES, Modality
from clibd_cli.models.cards import AnyTower, ModelCard
from clibd_cli.training.settings_fields import TrainSettings

_MODEL, _NEW = "model:", "new:"


def check_sources(settings: TrainSettings, home: Path) -> None:
    """Look for the models, files and packages that `settings` names.

    Raises:
        ClibdError: for the first that is missing.
        UsageError: where LoRA is asked for and has nothing to add to.
    """
    for text in _named(settings):
        _card_of(text, home)
    if settings.vocab and not Path(settings.vocab).is_file():
        raise ClibdError(f"the vocabulary {settings.vocab} does not exist", "Check its path.")
    if settings.lora_rank:
        from clibd_cli.training.tower_lora import require_peft

        require_peft()
        _check_lora(settings, home)


def cards_begun_in(
    settings: TrainSettings, modalities: tuple[str, ...], home: Path
) -> tuple[ModelCard, ...]:
    """The cards of the installed models that towers of `modalities` begin in, each once."""
    named = (getattr(settings, f"{m}_tower") or settings.init_model or "" for m in modalities)
    cards = (_card_of(text, home) for text in dict.fromkeys(named) if text)
    return tuple({card.fingerprint: card for card in cards if card is not None}.values())


def image_tower_begun_in(settings: TrainSettings, home: Path) -> Path | None:
    """The folder of the installed model that the image tower begins in; None where it is none."""
    named = settings.image_tower or settings.init_model or ""
    return _folder_of(named, home) if named else None


def _check_lora(settings: TrainSettings, home: Path) -> None:
    from clibd_cli.training.lora_checks import check_lora, trained_kinds
    from clibd_cli.training.pretrained import PREFIX

    known: dict[Modality, AnyTower] = {}
    new: list[Modality] = []
    more = False
    for modality in trained_kinds(settings):
        text = getattr(settings, f"{modality}_tower") or settings.init_model or ""
        if text.startswith((_NEW, PREFIX)):
            new.append(modality)
        elif card := _card_of(text, home) if text else None:
            tower: AnyTower | None = getattr(card, modality)
            known |= {modality: tower} if tower else {}
        else:
            more |= bool(text)
    check_lora(settings, known, new, more)


def _named(settings: TrainSettings) -> list[str]:
    wanted = (*settings.modalities, *settings.freeze) if settings.modalities else MODALITIES
    towers = [getattr(settings, f"{modality}_tower") for modality in wanted]
    return [text for text in (settings.init_model or "", *towers) if text]


def _card_of(text: str, home: Path) -> ModelCard | None:
    """The card of the model that `text` names; None for what is no installed model."""
    from clibd_cli.models.registry import read_card

    folder = _folder_of(text, home)
    return None if folder is None else read_card(folder)


def _folder_of(text: str, home: Path) -> Path | None:
    """The folder of the model that `text` names; None for what is no installed model."""
    from clibd_cli.models.registry import find_installed
    from clibd_cli.training.pretrained import PREFIX, pretrained_file

    if text.startswith(_NEW):
        return None
    if text.startswith(PREFIX):
        pretrained_file(text.removeprefix(PREFIX))
        return None
    if text.startswith(_MODEL):
        return find_installed(text.removeprefix(_MODEL), home)
    path = Path(text).expanduser()
    if path.is_file():
        return None
    if not path.exists() and (path.suffix or len(path.parts) > 1):
        raise ClibdError(f"the checkpoint {text} does not exist", "Check its path.")
    return find_installed(text, home)
