"""Vectors by the digest of their content: memory for few, a temporary file for many.

One content (barcode or file) is encoded once and its vector given to every specimen that has it,
however far apart they stand in the input, so all vectors of a run have to stay at hand. Above
`IN_MEMORY` bytes they move to an unnamed file in the given folder (the system's where it is None);
only 16 bytes of digest and a row number a content stay in memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.core.closing import Closing

if TYPE_CHECKING:
    import numpy as np

IN_MEMORY = 64 << 20


class VectorSpill(Closing):
    """A map from SHA-256 (hexadecimal) to a float32 vector of `dim` numbers and its strength."""

    def __init__(self, dim: int, folder: Path | None, in_memory: int = IN_MEMORY) -> None:
        self._dim = dim
        self._row_bytes = (dim + 1) * 4
        self._rows: dict[bytes, int] = {}
        # Closed in `close`; unnamed on POSIX, removed on close on Windows: a kill leaves nothing.
        self._file = tempfile.SpooledTemporaryFile(  # noqa: SIM115
            max_size=in_memory, dir=None if folder is None else str(folder), prefix=".vectors-"
        )

    def __contains__(self, digest: str) -> bool:
        return _short(digest) in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, digests: Sequence[str], vectors: np.ndarray, strengths: np.ndarray) -> None:
        """Keep `vectors` [n, dim] with their `strengths` [n]; known digests keep their first."""
        import numpy as np

        self._file.seek(0, 2)
        for digest, vector, strength in zip(digests, vectors, strengths, strict=True):
            if (key := _short(digest)) not in self._rows:
                self._rows[key] = len(self._rows)
                self._file.write(np.append(vector, strength).astype(np.float32).tobytes())

    def get(self, digests: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """The vectors of `digests`, float32 [n, dim], and their strengths, float32 [n].

        Raises:
            KeyError: where one is unknown.
        """
        import numpy as np

        out = np.empty((len(digests), self._dim + 1), dtype=np.float32)
        for i, digest in enumerate(digests):
            self._file.seek(self._rows[_short(digest)] * self._row_bytes)
            out[i] = np.frombuffer(self._file.read(self._row_bytes), dtype=np.float32)
        return out[:, : self._dim], out[:, self._dim]

    def close(self) -> None:
        """Forget everything."""
        self._file.close()
        self._rows.clear()


def _short(digest: str) -> bytes:
    # 128 bits tell 10^9 contents apart with a chance of collision below 10^-20.
    return bytes.fromhex(digest[:32])
