"""Which models there are: those installed in the models' home and those that can be pulled.

An installed model is a folder of the home with `card.json` in it; its name is the folder's. A
published one is a card of `published`, and an installed model of the same name hides it. The model
that ships inside the package (`core.shipped`) has its name for itself. The default is the model
that was added or pulled last, else the one that ships. Nothing here needs torch.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from clibd_cli.core.atomic import write_text
from clibd_cli.core.errors import ClibdError
from clibd_cli.core.shipped import OWN_MODEL, shipped_model
from clibd_cli.models.cards import INSTALL_ANEW, ModelCard, card_from_json
from clibd_cli.models.published import published_cards

CARD_FILE = "card.json"
WEIGHTS_FILE = "model.safetensors"
VOCAB_FILE = "vocab.txt"
"""What a model's folder holds; the vocabulary only where there is a text tower."""

DEMO_MODEL = "clibd-demo"
"""The untrained model that clibd builds on the spot; it never becomes the default."""

_DEFAULT_FILE = ".default"  # no model can have this name: names begin with a letter or digit
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Names of models, which are folders in the home on every system."""

State = Literal["installed", "published", "built in", "broken"]


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One line of the list of models.

    Attributes:
        state: `published` can be pulled, `built in` are the model that ships and the untrained
            demo model, `broken` has a folder whose card cannot be read.
        card: None where the model is broken, or the demo model not built yet.
        folder: None where the model is not installed.
        problem: why a broken model is broken.
    """

    name: str
    state: State
    card: ModelCard | None = None
    folder: Path | None = None
    is_default: bool = False
    problem: str | None = None


def list_models(home: Path) -> list[ModelEntry]:
    """Installed models by name, the one that ships, published ones to be pulled, then the demo."""
    chosen = default_model(home)
    found = {folder.name: _installed_entry(folder, chosen) for folder in _model_folders(home)}
    shipped = _shipped_entry(chosen)
    if shipped is not None:
        found.pop(OWN_MODEL, None)
        found[OWN_MODEL] = shipped
    demo = found.pop(DEMO_MODEL, None)
    if demo is None or demo.state == "broken":  # it is built anew when it is used
        demo = ModelEntry(DEMO_MODEL, "built in")
    published = [
        ModelEntry(name, "published", card)
        for name, card in published_cards().items()
        if name not in found
    ]
    return [*found.values(), *published, replace(demo, state="built in")]


def installed(home: Path) -> list[ModelCard]:
    """The cards of the installed models that can be read, by name."""
    entries = (_installed_entry(folder, None) for folder in _model_folders(home))
    return [entry.card for entry in entries if entry.card is not None]


def at_hand(home: Path) -> list[ModelEntry]:
    """Every model that can be used as it stands, with card and folder: those installed, by name,
    and the one that ships."""
    entries = [_installed_entry(folder, default_model(home)) for folder in _model_folders(home)]
    shipped = _shipped_entry(default_model(home))
    if shipped is not None:
        entries.append(shipped)
    return [entry for entry in entries if entry.card is not None]


def broken(home: Path) -> list[ModelEntry]:
    """The models whose cards cannot be read, by name; `problem` says why.

    The demo model is never among them: clibd builds it anew.
    """
    return [entry for entry in list_models(home) if entry.state == "broken"]


def find_entry(name: str, home: Path) -> ModelEntry:
    """The model called `name`, installed or published.

    Raises:
        ClibdError: where there is none; it names the models with similar names.
    """
    entries = {entry.name: entry for entry in list_models(home)}
    if name not in entries:
        raise unknown_model(name, list(entries))
    return entries[name]


def find_installed(name_or_path: str | Path, home: Path) -> Path:
    """The folder of an installed model, from its name or from the path of its folder.

    Raises:
        ClibdError: where the name is published but not pulled, or unknown, or the card is broken.
    """
    name = str(name_or_path)
    shipped = shipped_model()
    if name == OWN_MODEL and shipped is not None:
        read_card(shipped)
        return shipped
    folder = home / name if MODEL_NAME.fullmatch(name) else Path(name_or_path)
    if not (folder / CARD_FILE).is_file():
        folder = Path(name_or_path)
    if (folder / CARD_FILE).is_file():
        read_card(folder)
        return folder
    if folder.is_dir():
        raise ClibdError(
            f"the folder {folder} holds no model: {CARD_FILE} is missing",
            "Name an installed model (`clibd models list`) or the folder of one.",
        )
    if name in published_cards():
        raise ClibdError(f"the model {name} is not installed", f"clibd models pull {name}")
    raise unknown_model(name, [entry.name for entry in list_models(home)])


def read_card(folder: Path) -> ModelCard:
    """The card in a model's folder.

    Raises:
        ClibdError: where the card cannot be read.
    """
    path = folder / CARD_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ClibdError(f"{path} cannot be read: {error}", INSTALL_ANEW) from error
    return card_from_json(text, str(path))


def write_card(folder: Path, card: ModelCard) -> None:
    """Put `card` into the folder of an installed model, atomically."""
    write_text(folder / CARD_FILE, card.to_json())


def default_model(home: Path) -> str | None:
    """`$CLIBD_MODEL` (a name or a path), the model added or pulled last, the one that ships, None.

    Where the last one is not on record (a copied home, a folder deleted by hand), the installed
    model with the newest card is taken, so that no other stands in for it unasked.
    """
    return os.environ.get("CLIBD_MODEL") or home_default(home)


def home_default(home: Path) -> str | None:
    """As `default_model`, whatever `$CLIBD_MODEL` says."""
    candidates = [
        folder
        for folder in _model_folders(home)
        if folder.name != DEMO_MODEL and (folder / CARD_FILE).is_file()
    ]
    recorded = _recorded_default(home)
    ships = shipped_model() is not None
    if recorded in {folder.name for folder in candidates} or (ships and recorded == OWN_MODEL):
        return recorded
    newest = max(
        candidates, key=lambda folder: (folder / CARD_FILE).stat().st_mtime_ns, default=None
    )
    if newest is not None:
        return newest.name
    return OWN_MODEL if ships else None


def set_default(home: Path, name: str) -> None:
    """Make `name`, installed or built in, the one that commands use; the demo model never is."""
    if name != DEMO_MODEL:
        write_text(home / _DEFAULT_FILE, name + "\n")


def remove(name: str, home: Path) -> None:
    """Delete an installed model; if it was the default, the one added last before it is next.

    Raises:
        ClibdError: where no such model is installed, or its files cannot be deleted.
    """
    folder = next((folder for folder in _model_folders(home) if folder.name == name), None)
    if folder is None:
        if name == OWN_MODEL and shipped_model() is not None:
            raise ClibdError(f"{name} is part of clibd and cannot be removed", "clibd models list")
        if name in published_cards() or name == DEMO_MODEL:
            raise ClibdError(f"the model {name} is not installed", "clibd models list")
        raise unknown_model(name, [folder.name for folder in _model_folders(home)])
    try:
        if folder.is_symlink():
            folder.unlink()
        else:
            shutil.rmtree(folder)
        if _recorded_default(home) == name:
            (home / _DEFAULT_FILE).unlink()
    except OSError as error:
        raise ClibdError(
            f"{folder} cannot be deleted: {error}",
            "Close the programs that use it, or ask the owner of the folder.",
        ) from error


def unknown_model(name: str, known: list[str]) -> ClibdError:
    """The error for a name that no model has, with the names that look like it."""
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = (
        f"Did you mean {' or '.join(close)}?" if close else "`clibd models list` shows all models."
    )
    return ClibdError(f"there is no model called {name}", hint)


def _model_folders(home: Path) -> Iterator[Path]:
    """The folders in the home that have a model's name, by name."""
    if home.is_dir():
        for folder in sorted(home.iterdir()):
            if MODEL_NAME.fullmatch(folder.name) and folder.is_dir():
                yield folder


def _installed_entry(folder: Path, chosen: str | None) -> ModelEntry:
    is_default = chosen in (folder.name, str(folder))
    try:
        # The folder's name counts: a folder may be renamed or copied by hand.
        card = replace(read_card(folder), name=folder.name)
    except ClibdError as error:
        return ModelEntry(folder.name, "broken", None, folder, is_default, error.message)
    return ModelEntry(folder.name, "installed", card, folder, is_default)


def _shipped_entry(chosen: str | None) -> ModelEntry | None:
    """The model inside the package, or None where none ships."""
    folder = shipped_model()
    if folder is None:
        return None
    return replace(_installed_entry(folder, chosen), state="built in")


def _recorded_default(home: Path) -> str | None:
    try:
        return (home / _DEFAULT_FILE).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
