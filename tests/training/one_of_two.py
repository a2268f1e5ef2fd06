"""One of two processes of `test_processes.py`: `python -m tests.training.one_of_two DIR KIND`.

The environment says which one it is, as under torchrun.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch

from clibd_cli.training.processes import joined_processes
from tests.training.tiny_run import run_tiny

_ALL: dict[str, Any] = {"micro_batch": 3, "gradient_caching": True, "epochs": 3}
CHANGES = {"plain": _ALL, "anchored": {**_ALL, "anchor": ("dna",)}}


def main(folder: Path, kind: str) -> None:
    torch.set_num_threads(1)
    with joined_processes("cpu") as processes:
        weights = run_tiny(folder, processes, seed_of_weights=processes.rank, **CHANGES[kind])
        torch.save(weights, folder / f"weights-{processes.rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
