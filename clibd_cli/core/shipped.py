"""What ships inside the package beside the code: clibd's own model and its reference library.

Both are folders in the forms that users make as well (a model folder, an index). A checkout in
which nobody has put them there yet works without.
"""

from __future__ import annotations

from pathlib import Path

OWN_MODEL = "clibd-mini"
OWN_LIBRARY = "clibd-mini-library"


def shipped_folder() -> Path:
    """The folder in the package that holds both; it need not exist."""
    return Path(__file__).resolve().parents[1] / "shipped"


def shipped_model() -> Path | None:
    """The folder of the model that ships, or None where none does."""
    folder = shipped_folder() / OWN_MODEL
    return folder if (folder / "card.json").is_file() else None


def shipped_library() -> Path | None:
    """The index of the references that ship, or None where none do."""
    folder = shipped_folder() / OWN_LIBRARY
    return folder if (folder / "index.json").is_file() else None
