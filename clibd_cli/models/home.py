"""Where models live on this machine: the one place that decides it.

`$CLIBD_HOME` says it outright, the user's data folder is the usual place, and a folder under the
temporary directory serves an account without a home (cluster jobs, containers). Nothing is
created here: a folder appears when something is written to it.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from clibd_cli.core.errors import ClibdError


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of the models, and what the user should know about the choice.

    Attributes:
        models: holds one folder a model.
        warning: set where the folder will not outlive the machine's next clean-up.
    """

    models: Path
    warning: str | None = None


def models_home() -> Path:
    """The folder that holds one folder a model; it need not exist."""
    return locate_home().models


def locate_home() -> Home:
    """Decide where models live.

    Raises:
        ClibdError: where the fallback folder exists and belongs to somebody else.
    """
    if chosen := os.environ.get("CLIBD_HOME"):
        return Home(Path(chosen).expanduser() / "models")
    usual = _data_folder()
    if usual is not None and (usual.is_dir() or _can_be_made(usual)):
        return Home(usual / "models")
    return temporary_home()


def _data_folder() -> Path | None:
    """The user's data folder, or None for an account without a home."""
    import platformdirs

    folder = Path(platformdirs.user_data_dir("clibd", appauthor=False))
    # Without a home, "~" is not replaced and the path would land in the working folder.
    return folder if folder.is_absolute() else None


def _can_be_made(folder: Path) -> bool:
    """Whether the nearest folder above that exists may be written to."""
    above = next(parent for parent in folder.parents if parent.exists())
    return above.is_dir() and os.access(above, os.W_OK | os.X_OK)


def temporary_home() -> Home:
    """The home under the temporary directory, for when there is no other.

    Raises:
        ClibdError: where it exists and belongs to somebody else.
    """
    owner = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"clibd-{owner}"
    # Anybody can make this folder first; models that somebody else put there are not ours to trust.
    if folder.exists() and hasattr(os, "getuid") and folder.stat().st_uid != os.getuid():
        raise ClibdError(
            f"{folder} belongs to another user, and this account has no home folder",
            "Set CLIBD_HOME to a folder of your own.",
        )
    warning = (
        f"this account has no home folder that can be written to: models go to {folder}, which "
        "may be emptied at any time; set CLIBD_HOME to keep them"
    )
    return Home(folder / "models", warning)
