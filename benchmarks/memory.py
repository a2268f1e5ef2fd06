"""Peak memory of `embed` on n simulated barcodes, in MB: `python benchmarks/memory.py 200000`.

The encoder is replaced by random vectors of the official width, since its own memory is that of
one batch; what is measured is the road to it and from it.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import clibd_cli as clibd
from clibd_cli.models.model import ClibdModel
from clibd_cli.simulated.stream import simulate_barcodes

WIDTH = 768


def main(n: int) -> None:
    """Embed `n` barcodes in a temporary folder and print the peak."""

    def encode(
        self: ClibdModel, modality: str, items: Sequence[Any], batch_size: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        vectors = np.random.default_rng(0).normal(size=(len(items), WIDTH)).astype(np.float32)
        strengths = np.linalg.norm(vectors, axis=1)
        return vectors / strengths[:, None], strengths

    ClibdModel.encode_with_strength = encode  # type: ignore[assignment,method-assign]
    ClibdModel.dim = WIDTH  # type: ignore[assignment,method-assign]
    with tempfile.TemporaryDirectory() as name:
        os.environ["CLIBD_HOME"] = name
        fasta = Path(name) / "many.fasta"
        with fasta.open("w") as handle:
            for specimen_id, _, barcode in simulate_barcodes(n, seed=1):
                handle.write(f">{specimen_id}\n{barcode}\n")
        done = clibd.embed(clibd.Inputs(dna=[str(fasta)]), Path(name) / "s", model="clibd-demo")
        if done.n != n:
            raise SystemExit(f"{done.n} of {n} barcodes were embedded")
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit)


if __name__ == "__main__":
    main(int(sys.argv[1]))
