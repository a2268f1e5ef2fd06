"""Where a model runs, in which precision, and how to say so."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from clibd_cli.core.errors import UsageError
from clibd_cli.core.records import Modality

if TYPE_CHECKING:
    import torch

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
PrecisionName = Literal["auto", "fp32", "bf16", "fp16"]
Precision = Literal["fp32", "bf16", "fp16"]

_DRIVER = Path("/proc/driver/nvidia")

_BATCHES: dict[str, dict[Modality, int]] = {
    "cpu": {"image": 16, "dna": 16, "text": 128},
    "cuda": {"image": 256, "dna": 256, "text": 1024},
    "mps": {"image": 32, "dna": 32, "text": 256},
}

_OF_SMALL_TOWERS = 512
_GPU_MEMORY = 6 << 30
"""Bytes of a GPU that the batches of `cuda` need; a smaller one gets smaller batches."""


def choose_device(name: str = "auto") -> torch.device:
    """The device that `name` means here; `auto` is the first of CUDA, MPS and CPU that works.

    Raises:
        UsageError: for a device that this machine, or this build of torch, does not have.
    """
    import torch

    if name not in get_args(DeviceName):
        raise UsageError(f"there is no device {name!r}", f"Choose one of {_words(DeviceName)}.")
    works = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(device for device, there in works.items() if there))
    if not works[name]:
        raise UsageError(f"the device {name} is not available here", _missing_hint(name))
    return torch.device(name)


def describe_device() -> tuple[str, str | None]:
    """The device that `auto` means here, in words, and what to do where it could be a better one.

    Such as `("cpu: 2 cores, 2 threads", None)`.
    """
    import torch

    if torch.cuda.is_available():
        return f"cuda: {torch.cuda.get_device_name()}", None
    if torch.backends.mps.is_available():
        return "mps: Apple GPU", None
    text = f"cpu: {os.cpu_count()} cores, {torch.get_num_threads()} threads"
    if torch.version.cuda is None and _has_nvidia_gpu():
        return (
            f"{text}; there is an NVIDIA GPU, but this torch is built for CPU only",
            "Install a torch with CUDA from pytorch.org.",
        )
    return text, None


def choose_precision(name: str, device: torch.device) -> Precision:
    """The precision that `name` means on `device`.

    `auto` is bf16 on a CUDA device that computes in it, else fp32: on a CPU bf16 is three times as
    fast where there is a unit for it, but 2 % of photos get another nearest neighbour
    (`benchmarks/encoders.py`).

    Raises:
        UsageError: for an unknown name, and for bf16 on a GPU that only emulates it.
    """
    if name not in get_args(PrecisionName):
        names = _words(PrecisionName)
        raise UsageError(f"there is no precision {name!r}", f"Choose one of {names}.")
    if name == "auto":
        return "bf16" if device.type == "cuda" and _cuda_has_bf16() else "fp32"
    if name == "bf16" and device.type == "cuda" and not _cuda_has_bf16():
        raise UsageError("this GPU does not compute in bf16", "Use --precision fp16 or fp32.")
    chosen: dict[str, Precision] = {"fp32": "fp32", "bf16": "bf16", "fp16": "fp16"}
    return chosen[name]


def torch_dtype(precision: Precision) -> torch.dtype:
    """The type of weights and activations for a precision."""
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


@contextmanager
def one_thread() -> Iterator[None]:
    """For many small steps, as in loading a model: each would wait for all threads to be awake.

    clibd-mini's photo tower is loaded in 0.1 s instead of 0.5 s beside other programs.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def default_batch_size(modality: Modality, device: torch.device, large: bool = True) -> int:
    """Items in one forward pass: enough to fill the device, small beside its memory.

    By all of the memory, not by what is free now: so a run that is taken up again computes the same
    bytes. Where others fill it, `memory.FittingBatches` backs off.

    Args:
        large: whether the tower takes long for each item.
    """
    import torch

    if not large:
        return _OF_SMALL_TOWERS
    usual = _BATCHES.get(device.type, _BATCHES["cpu"])[modality]
    if device.type != "cuda":
        return usual
    memory = torch.cuda.get_device_properties(device).total_memory
    return max(1, min(usual, usual * memory // _GPU_MEMORY))


def _has_nvidia_gpu() -> bool:
    # The driver's folder on Linux; its tool, which Windows has on the path too.
    return _DRIVER.exists() or shutil.which("nvidia-smi") is not None


def _cuda_has_bf16() -> bool:
    import torch

    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def _missing_hint(name: str) -> str:
    import torch

    if name == "cuda" and torch.version.cuda is None:
        return "This torch is built for CPU only: install one with CUDA, or use --device cpu."
    return "Use --device auto or --device cpu; `clibd check` tells what works here."


def _words(kind: object) -> str:
    return ", ".join(get_args(kind))
