"""Tensors out of a downloaded file, without running anything that is in it.

Reads `torch.save` files (zip and legacy) and safetensors, told apart by their content and not by
their suffix, and unwraps the dictionaries that training code puts around a state dict.
"""

from __future__ import annotations

import mmap
import pickle
import struct
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from clibd_cli.core.errors import ClibdError
from clibd_cli.models.pickles import foreign_names, is_pickle

_WRAPPERS = ("model", "state_dict", "model_state_dict")
_COMPANIONS = frozenset(
    [
        *("args", "config", "hparams", "hyper_parameters", "bert_config", "seed", "version"),
        *("epoch", "epochs", "best_epoch", "step", "global_step", "total_step", "iteration"),
        *("n_samples_seen", "max_accuracy"),
        *("loss", "best_loss", "train_loss", "val_loss", "best_acc", "metrics"),
        *("optimizer", "optimizer_state_dict", "optim", "scaler", "scaler_state_dict", "amp"),
        *("scheduler", "scheduler_state_dict", "lr_scheduler", "rng_state"),
    ]
)
_MAX_PICKLE = 256 << 20
_MAX_WRAPPERS = 4
_MAX_AXES = 4  # of a convolution
_SHOWN = 20
_DAMAGE = (
    *(OSError, EOFError, RuntimeError, ValueError, LookupError, TypeError, AttributeError),
    *(OverflowError, MemoryError, AssertionError, struct.error),
    *(zipfile.BadZipFile, pickle.UnpicklingError, SafetensorError),
)
"""What the readers of damaged files have been seen to raise; none of them is a bug of clibd."""
_RESAVE = (
    "If you trust the file, load it where it was trained and save the weights alone: "
    "torch.save(model.state_dict(), 'weights.pth')."
)
_KINDS = "Name a .pth, .pt or .safetensors file in an official layout of CLIBD or BarcodeBERT."
_ANEW = "Download or copy it again, and compare its size with the original's."


@dataclass(frozen=True, slots=True)
class RawCheckpoint:
    """A checkpoint as it was saved.

    Attributes:
        source: the file, for messages.
        tensors: official names to tensors; floating ones are float32 and finite.
        bert_config: what BarcodeBERT saves beside its weights, or None.
    """

    source: str
    tensors: dict[str, Tensor]
    bert_config: dict[str, Any] | None = None


def read_tensors(path: Path) -> RawCheckpoint:
    """Read a `.pth`, `.pt`, `.bin` or `.safetensors` file.

    Raises:
        ClibdError: where the file is missing, damaged, no checkpoint, holds anything but tensors
            and plain values, or has weights that are not finite. Nothing in the file ever runs.
    """
    held = _load(path)
    config: dict[str, Any] | None = None
    for _ in range(_MAX_WRAPPERS):
        if isinstance(held, Mapping) and isinstance(held.get("bert_config"), Mapping):
            config = dict(held["bert_config"])
        held = _unwrap(held, path)
    tensors = _only_tensors(held, path)
    return RawCheckpoint(
        path.name, {name: _widen(name, tensor, path) for name, tensor in tensors.items()}, config
    )


def _load(path: Path) -> object:
    try:
        with path.open("rb") as handle:
            head = handle.read(64)
    except OSError as error:
        raise ClibdError(
            f"cannot read {path}: {error.strerror or error}", "Check the path of the checkpoint."
        ) from error
    if not head:
        raise ClibdError(f"{path} is empty", _ANEW)
    is_zip = head.startswith(b"PK\x03\x04")
    if head[8:9] == b"{" and not is_zip:
        return _load_safetensors(path)
    if head.startswith(b"version https://git-lfs"):
        raise ClibdError(
            f"{path} is a Git LFS pointer, not the weights", "Fetch the file with `git lfs pull`."
        )
    if head.lstrip()[:1] == b"<":
        raise ClibdError(
            f"{path} is a web page, not a checkpoint",
            "The download link has probably expired: try `clibd models pull`.",
        )
    if not is_zip:
        _require_pickle(path)
    _refuse_code(path, _names_in_zip(path) if is_zip else _names_in_file(path))
    return _load_pickled(path)


def _load_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        told = f"{path} is damaged or no checkpoint: {_first_line(error)}"
        raise ClibdError(told, _ANEW) from error
    return tensors


def _require_pickle(path: Path) -> None:
    """Raise a ClibdError for a text or anything else that torch never wrote."""
    with path.open("rb") as handle:
        if is_pickle(handle):
            return
        handle.seek(0)
        # torch has always written protocol 2 or later, which begins so.
        if handle.read(1) == b"\x80":
            raise ClibdError(f"{path} is damaged or no checkpoint", _ANEW)
        raise ClibdError(f"{path} is no checkpoint", _KINDS)


def _refuse_code(path: Path, names: list[str]) -> None:
    if names:
        raise ClibdError(f"{path} holds {listed(names)}, which is code, not weights", _RESAVE)


def _load_pickled(path: Path) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except _DAMAGE as error:
        # Never torch's own text: it recommends to load the file without its lock.
        if isinstance(error, pickle.UnpicklingError) or "weights_only" in str(error):
            raise ClibdError(f"{path} cannot be read as tensors alone", _RESAVE) from error
        raise ClibdError(f"{path} is damaged or no checkpoint", _ANEW) from error


def _names_in_file(path: Path) -> list[str]:
    with path.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return foreign_names(view)


def _names_in_zip(path: Path) -> list[str]:
    names: set[str] = set()
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if entry.compress_type != zipfile.ZIP_STORED:
                    raise ClibdError(f"{path} is a compressed archive", "Unpack it first.")
                if _is_storage(entry.filename):
                    continue
                if entry.file_size > _MAX_PICKLE:
                    raise ClibdError(f"{path} holds a pickle of {entry.file_size:,} bytes", _RESAVE)
                with archive.open(entry) as stream:
                    names.update(foreign_names(stream))
    except _DAMAGE as error:
        raise ClibdError(f"{path} is damaged: {_first_line(error)}", _ANEW) from error
    return sorted(names)


def _is_storage(name: str) -> bool:
    # `archive/data/0`: the bytes of a tensor, which torch never unpickles.
    parts = name.split("/")
    return len(parts) >= 3 and parts[-2] == "data" and parts[-1].isdigit()


def _unwrap(held: object, path: Path) -> object:
    """The state dict inside `held`, or `held` itself where nothing is around it."""
    if not isinstance(held, Mapping):
        return held
    wrapper = next((w for w in _WRAPPERS if isinstance(held.get(w), Mapping)), None)
    if wrapper is None:
        return held
    unknown = [str(key) for key in held if key != wrapper and key not in _COMPANIONS]
    if unknown:
        raise ClibdError(
            f"{path} holds {listed(unknown)} beside its `{wrapper}`, which clibd does not know",
            _RESAVE,
        )
    return held[wrapper]


def _only_tensors(held: object, path: Path) -> dict[str, Tensor]:
    if not isinstance(held, Mapping):
        raise ClibdError(f"{path} holds a {type(held).__name__}, not a state dict", _RESAVE)
    tensors = {k: v for k, v in held.items() if isinstance(k, str) and isinstance(v, Tensor)}
    others = [str(k) for k in held if k not in tensors and k not in _COMPANIONS]
    if others:
        raise ClibdError(f"{path} holds {listed(others)}, which are no tensors", _RESAVE)
    if not tensors:
        raise ClibdError(f"{path} holds no tensors", _RESAVE)
    return tensors


def _widen(name: str, tensor: Tensor, path: Path) -> Tensor:
    """Floating tensors as dense, finite float32; others as they are."""
    if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
        raise ClibdError(f"{name} in {path} is no plain tensor", _RESAVE)
    if tensor.ndim > _MAX_AXES:
        raise ClibdError(f"{name} in {path} has {tensor.ndim:,} dimensions", _KINDS)
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        # A view that repeats its bytes: a few bytes could ask for all memory.
        raise ClibdError(f"{name} in {path} claims more values than the file holds", _ANEW)
    if not tensor.is_floating_point():
        return tensor
    wide = tensor.detach().to(torch.float32).contiguous()
    if not bool(torch.isfinite(wide).all()):
        raise ClibdError(
            f"{name} in {path} has values that are not finite",
            "The training run that wrote it has diverged, or the file is damaged.",
        )
    return wide


def listed(names: list[str]) -> str:
    """The first names of a list and the number of the others, for messages."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]
