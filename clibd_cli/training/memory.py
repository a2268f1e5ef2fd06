"""How much memory training has taken at most."""

from __future__ import annotations

import sys

import torch


def peak_memory_mb(device: torch.device) -> int | None:
    """Megabytes: of the GPU where one computes, else of this process; None where nobody knows."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device) / 1e6)
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most / 1e6 if sys.platform == "darwin" else most * 1024 / 1e6)
