"""What a model has seen in training, and how well it names what it has not.

References that a model was trained on lie closer together than specimens still to come, so an index
of them cannot tell from itself how far its names can be trusted. A model may bring along which
photos it has seen, and a calibration measured on others; both lie beside its weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.core.digest import sha256_file

if TYPE_CHECKING:
    import numpy as np

    from clibd_cli.models.cards import ModelCard

SEEN_FILE = "seen_in_training.bin"
CALIBRATION_FILE = "calibration.json"
"""How likely names among references of the training are right (see `calibration.curves`)."""

_BYTES = 8
"""Of each SHA-256: one chance in 10**9 that any of 100,000 strange photos seems known."""


def write_seen(model: Path, digests: Iterable[str], before: Path | None = None) -> int:
    """Note the SHA-256 of the contents that a model was trained on, in hexadecimal.

    Args:
        before: the model that it began in, whose contents are noted, too.

    Returns:
        How many contents are noted; where there are none, no file is written.
    """
    known = {bytes.fromhex(digest)[:_BYTES] for digest in digests}
    inherited = b"" if before is None else _read(before)
    known |= {inherited[at : at + _BYTES] for at in range(0, len(inherited), _BYTES)}
    if known:
        (model / SEEN_FILE).write_bytes(b"".join(sorted(known)))
    return len(known)


def count_seen(model: Path) -> int:
    """How many contents the model was trained on; 0 where it does not say."""
    return len(_read(model)) // _BYTES


def which_seen(model: Path, digests: Sequence[str]) -> np.ndarray:
    """Whether the model was trained on each content, bool [digests]."""
    import numpy as np

    raw, seen = b"".join(bytes.fromhex(digest)[:_BYTES] for digest in digests), _read(model)
    if not raw or not seen:
        return np.zeros(len(digests), dtype=bool)
    known: np.ndarray = np.isin(np.frombuffer(raw, dtype=">u8"), np.frombuffer(seen, dtype=">u8"))
    return known


def share_seen(model: Path, digests: Iterable[str]) -> float:
    """The share of contents that the model was trained on; 0 where it does not say."""
    asked = [digest for digest in digests if digest]
    return float(which_seen(model, asked).mean()) if asked else 0.0


def with_experience(card: ModelCard, model: Path) -> ModelCard:
    """The card with the digests of what the folder `model` brings along."""
    seen, calibration = (
        sha256_file(path) if (path := model / name).is_file() else None
        for name in (SEEN_FILE, CALIBRATION_FILE)
    )
    return replace(card, seen_sha256=seen, calibration_sha256=calibration)


def _read(model: Path) -> bytes:
    path = model / SEEN_FILE
    raw = path.read_bytes() if path.is_file() else b""
    return raw[: len(raw) // _BYTES * _BYTES]
