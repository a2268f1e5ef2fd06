"""How far the checkpoint of a run is, without the weights in it."""

from __future__ import annotations

from pathlib import Path

import torch

from clibd_cli.training.run_state import CHECKPOINT


def saved_step(folder: Path) -> int:
    """The finished steps in the checkpoint of the run in `folder`.

    0 where there is none, or none that can be read.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return 0
    try:
        # Mapped, so that gigabytes of weights stay on the disk.
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        return int(state["standing"]["step"])
    except Exception:  # unpickling damaged bytes may raise anything
        return 0
