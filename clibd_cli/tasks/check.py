"""`clibd check`: what works here, and what to do about the rest."""

from __future__ import annotations

import importlib.metadata
import os
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
    """Look at versions, device, models and index; nothing is changed."""
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
    import torch

    if torch.cuda.is_available():
        return Finding("device", "ok", f"cuda: {torch.cuda.get_device_name()}")
    if torch.backends.mps.is_available():
        return Finding("device", "ok", "mps: Apple GPU")
    cores = f"cpu: {os.cpu_count()} cores, {torch.get_num_threads()} threads"
    if torch.version.cuda is None and Path("/proc/driver/nvidia").exists():
        return Finding(
            "device",
            "problem",
            f"{cores}; there is an NVIDIA GPU, but this torch is built for CPU only",
            "Install a torch with CUDA from pytorch.org.",
        )
    return Finding("device", "ok", cores)


def _models() -> Iterator[Finding]:
    from clibd_cli.models.home import models_home
    from clibd_cli.models.registry import default_model, installed

    home = models_home()
    cards = installed(home)
    if not cards:
        yield Finding(
            "models",
            "note",
            f"none in {home}",
            "`clibd models pull clibd-1m`, or `clibd models add best.pth --name NAME`.",
        )
    default = default_model(home)
    for card in cards:
        towers = "+".join(card.modalities)
        mark = ", the default" if card.name == default else ""
        yield Finding(f"model {card.name}", "ok", f"{towers}, {card.dim} dimensions{mark}")


def _index(index: Path | None) -> Finding:
    from clibd_cli.vectors.header import read_header

    folder = index or Path("clibd-index")
    if index is None and not folder.exists():
        return Finding("index", "note", "none here", "`clibd build-index REFERENCES` makes one.")
    try:
        header = read_header(folder)
    except ClibdError as error:
        return Finding("index", "problem", error.message, error.hint or "")
    keys = ", ".join(f"{k.vectors:,} {m} keys ({k.kind})" for m, k in header.keys.items())
    return Finding("index", "ok", f"{folder}: {keys}, model {header.model}")
