"""Numbering distinct vectors, and writing them to one array file as they come.

Identical barcodes have identical vectors, and duplicate vectors break HNSW graphs (measured:
recall@1 of 0.88 instead of 1.00 at 2.7 copies a vector), so an index holds each vector once.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.core.closing import Closing

if TYPE_CHECKING:
    import numpy as np


class UniqueVectors(Closing):
    """Writes each distinct vector once to a `.npy` file and tells its number.

    Args:
        path: the `.npy` file to make; it is valid after `close`.
        dtype: `float32` or `float16`.
    """

    def __init__(self, path: Path, dim: int, dtype: str) -> None:
        self._dim = dim
        self._dtype = dtype
        self._numbers: dict[bytes, int] = {}
        self._file = path.open("wb+")
        self._write_header()

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, vectors: np.ndarray) -> np.ndarray:
        """The numbers int64 [n] of `vectors` [n, dim], new ones counted on from the last."""
        import numpy as np

        rows = np.ascontiguousarray(vectors, dtype=self._dtype)
        out = np.empty(len(rows), dtype=np.int64)
        for i, row in enumerate(rows):
            raw = row.tobytes()
            key = hashlib.blake2b(raw, digest_size=16).digest()
            if key not in self._numbers:
                self._numbers[key] = len(self._numbers)
                self._file.write(raw)
            out[i] = self._numbers[key]
        return out

    def close(self) -> None:
        """Complete the file."""
        if not self._file.closed:
            self._write_header()
            self._file.close()

    def _write_header(self) -> None:
        import numpy as np

        # NumPy leaves room in the header for a growing first axis, so it can be written again.
        self._file.seek(0)
        np.lib.format.write_array_header_1_0(
            self._file,
            {
                "descr": np.dtype(self._dtype).str,
                "fortran_order": False,
                "shape": (len(self._numbers), self._dim),
            },
        )
        self._file.seek(0, 2)
