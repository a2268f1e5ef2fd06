"""`clibd check`: what works here, and what to do about the rest."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.shipped import shipped_library, shipped_model
from clibd_cli.core.version import __version__

if TYPE_CHECKING:
    from clibd_cli.vectors.header import IndexHeader

_LIBRARIES = ("torch", "transformers", "numpy", "pyarrow", "pillow", "biopython")
_EXTRAS = {
    "hnswlib": ("fast search of large reference sets", "hnsw"),
    "pillow-heif": ("HEIC photos", "heic"),
    "zstandard": ("barcodes compressed with zstd", "zstd"),
}
_INSTALL_CLIBD = "It ships with clibd: install clibd anew with pip."


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        state: `ok`, `note` (works, could be better) or `problem`.
        hint: what to do about it.
    """

    what: str
    state: Literal["ok", "note", "problem"]
    detail: str
    hint: str = ""


def check(index: Path | None = None, what: Sequence[str | Path] = ()) -> list[Finding]:
    """Look at versions and device, and at every byte of models and index; nothing is changed.

    Args:
        what: stores, indexes, folders or names of models, to look at the bytes of these instead.
    """
    if what:
        return [_named(name) for name in what]
    return [*_versions(), *_extras(), _device(), *_models(), *_library(), _index(index)]


def _versions() -> Iterator[Finding]:
    yield Finding("clibd", "ok", f"{__version__}, Python {platform.python_version()}")
    for name in _LIBRARIES:
        version = _version(name)
        if version is None:
            yield Finding(name, "problem", "not installed", "Install clibd anew with pip.")
        else:
            yield Finding(name, "ok", version)


def _extras() -> Iterator[Finding]:
    for name, (use, extra) in _EXTRAS.items():
        version = _version(name)
        if version is None:
            hint = f'For {use}: pip install "clibd[{extra}]"'
            yield Finding(name, "note", "not installed", hint)
        else:
            yield Finding(name, "ok", version)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _device() -> Finding:
    from clibd_cli.models.device import describe_device

    text, hint = describe_device()
    return Finding("device", "problem" if hint else "ok", text, hint or "")


def _models() -> Iterator[Finding]:
    from clibd_cli.models.home import models_home
    from clibd_cli.models.registry import at_hand, broken

    home = models_home()
    models, unusable = at_hand(home), broken(home)
    if not models and not unusable:
        yield Finding(
            "models",
            "note",
            f"none in {home}",
            "`clibd models pull clibd-1m`, or `clibd models add best.pth --name NAME`.",
        )
    for entry in unusable:
        hint = f"`clibd models remove {entry.name}`, and add it anew."
        yield Finding(f"model {entry.name}", "problem", entry.problem or "broken", hint)
    for entry in models:
        assert entry.folder is not None
        ships = entry.state == "built in" and entry.folder == shipped_model()
        found = _model(entry.name, entry.folder)
        if found.state == "ok":
            marks = [", ships with clibd"] * ships + [", the default"] * entry.is_default
            found = replace(found, detail=found.detail + "".join(marks))
        elif ships:
            found = replace(found, hint=_INSTALL_CLIBD)
        yield found


def _model(name: str, folder: Path) -> Finding:
    from clibd_cli.models.verify import verify_model

    try:
        card = verify_model(folder)
    except ClibdError as error:
        return Finding(f"model {name}", "problem", error.message, error.hint or "")
    return Finding(f"model {name}", "ok", f"{'+'.join(card.modalities)}, {card.dim} dimensions")


def _library() -> Iterator[Finding]:
    from clibd_cli.tasks.library import describe_library

    folder = shipped_library()
    if folder is None:
        return
    try:
        yield Finding("library", "ok", describe_library(_check_index(folder)))
    except ClibdError as error:
        yield Finding("library", "problem", error.message, _INSTALL_CLIBD)


def _named(name: str | Path) -> Finding:
    """What there is to say of a store, an index or a model."""
    from clibd_cli.models.home import models_home
    from clibd_cli.models.registry import CARD_FILE, find_installed
    from clibd_cli.vectors.header import is_index
    from clibd_cli.vectors.parts import find_stores

    folder = Path(name)
    if is_index(folder):
        return _index(folder)
    if (folder / CARD_FILE).is_file():
        return _model(folder.name, folder)
    if folder.is_dir() and find_stores(folder):
        return _store(folder)
    try:
        return _model(str(name), find_installed(name, models_home()))
    except ClibdError as error:
        hint = "Name an embedding store, an index, or a model (`clibd models list`)."
        return Finding(str(name), "problem", error.message, hint)


def _store(folder: Path) -> Finding:
    from clibd_cli.vectors.verify import verify_store

    try:
        found = verify_store(folder)
    except ClibdError as error:
        return Finding("store", "problem", error.message, error.hint or "")
    detail = f"{folder}: {found.rows:,} rows, model {found.facts.model}"
    if found.unlisted:
        detail += f"; {found.unlisted[0]} has no checksums, so that less could be checked"
        return Finding("store", "note", detail, "`clibd embed` writes them when it is run again.")
    return Finding("store", "ok", detail)


def _index(index: Path | None) -> Finding:
    folder = index or Path("clibd-index")
    if index is None and not folder.exists():
        return Finding("index", "note", "none here", "`clibd build-index REFERENCES` makes one.")
    try:
        header = _check_index(folder)
    except ClibdError as error:
        return Finding("index", "problem", error.message, error.hint or "")
    keys = ", ".join(f"{k.vectors:,} {m} keys ({k.kind})" for m, k in header.keys.items())
    return Finding("index", "ok", f"{folder}: {keys}, model {header.model}")


def _check_index(folder: Path) -> IndexHeader:
    """The header of an index whose files are whole and whose model is at hand.

    Raises:
        ClibdError: where it is not so.
    """
    from clibd_cli.models.home import models_home
    from clibd_cli.models.registry import at_hand
    from clibd_cli.vectors.verify import verify_index

    header = verify_index(folder)
    known = {entry.card.fingerprint for entry in at_hand(models_home()) if entry.card}
    if header.model_fingerprint not in known:
        raise ClibdError(
            f"{folder} was made with the model {header.model}, which is not installed",
            "`clibd models add FILE --name NAME`.",
        )
    return header
