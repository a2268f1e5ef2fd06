"""`clibd check`: what works here, and what to do about the rest."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.version import __version__

_LIBRARIES = ("torch", "transformers", "numpy", "pyarrow", "pillow", "biopython")
_EXTRAS = {
    "hnswlib": ("fast search of large reference sets", "hnsw"),
    "pillow-heif": ("HEIC photos", "heic"),
    "zstandard": ("barcodes compressed with zstd", "zstd"),
}


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


def check(index: Path | None = None) -> list[Finding]:
    """Look at versions and device, and at every byte of models and index; nothing is changed."""
    return [*_versions(), *_extras(), _device(), *_models(), _index(index)]


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
    from clibd_cli.models.registry import broken, default_model, find_installed, installed
    from clibd_cli.models.verify import verify_model

    home = models_home()
    cards, unusable = installed(home), broken(home)
    if not cards and not unusable:
        yield Finding(
            "models",
            "note",
            f"none in {home}",
            "`clibd models pull clibd-1m`, or `clibd models add best.pth --name NAME`.",
        )
    for entry in unusable:
        hint = f"`clibd models remove {entry.name}`, and add it anew."
        yield Finding(f"model {entry.name}", "problem", entry.problem or "broken", hint)
    default = default_model(home)
    for card in cards:
        try:
            verify_model(find_installed(card.name, home))
        except ClibdError as error:
            yield Finding(f"model {card.name}", "problem", error.message, error.hint or "")
            continue
        towers = "+".join(card.modalities)
        mark = ", the default" if card.name == default else ""
        yield Finding(f"model {card.name}", "ok", f"{towers}, {card.dim} dimensions{mark}")


def _index(index: Path | None) -> Finding:
    from clibd_cli.models.home import models_home
    from clibd_cli.models.registry import installed
    from clibd_cli.vectors.header import check_file, read_header

    folder = index or Path("clibd-index")
    if index is None and not folder.exists():
        return Finding("index", "note", "none here", "`clibd build-index REFERENCES` makes one.")
    try:
        header = read_header(folder)
        for name in header.sha256:
            check_file(folder, header, name)
    except ClibdError as error:
        return Finding("index", "problem", error.message, error.hint or "")
    if header.model_fingerprint not in {card.fingerprint for card in installed(models_home())}:
        what = f"{folder} was made with the model {header.model}, which is not installed"
        return Finding("index", "problem", what, "`clibd models add FILE --name NAME`.")
    keys = ", ".join(f"{k.vectors:,} {m} keys ({k.kind})" for m, k in header.keys.items())
    return Finding("index", "ok", f"{folder}: {keys}, model {header.model}")
