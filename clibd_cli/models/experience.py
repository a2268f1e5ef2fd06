"""What a model has seen in training, and how well it names what it has not.

References that a model was trained on lie closer together than specimens still to come, so an index
of them cannot tell from itself how far its names can be trusted. A model may bring along which
photos it has seen, and a calibration measured on others; both lie beside its weights.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

SEEN_FILE = "seen_in_training.bin"
CALIBRATION_FILE = "calibration.json"
"""How likely names among references of the training are right (see `calibration.curves`)."""

_BYTES = 8
"""Of each SHA-256: one chance in 10**9 that any of 100,000 strange photos seems known."""


def write_seen(model: Path, digests: Iterable[str]) -> None:
    """Note the SHA-256 of the contents that a model was trained on, in hexadecimal."""
    short = sorted({bytes.fromhex(digest)[:_BYTES] for digest in digests})
    (model / SEEN_FILE).write_bytes(b"".join(short))


def share_seen(model: Path, digests: Iterable[str]) -> float:
    """The share of contents that the model was trained on; 0 where it does not say."""
    import numpy as np

    path = model / SEEN_FILE
    asked = [digest for digest in digests if digest]
    if not path.is_file() or not asked:
        return 0.0
    raw = path.read_bytes()
    seen = np.frombuffer(raw[: len(raw) // _BYTES * _BYTES], dtype=">u8")
    return float(np.isin(_shortened(asked), seen).mean())


def _shortened(digests: list[str]) -> np.ndarray:
    import numpy as np

    raw = b"".join(bytes.fromhex(digest)[:_BYTES] for digest in digests)
    return np.frombuffer(raw, dtype=">u8")
