"""LoRA folded into the weights that it adapts.

The official LoRA adds `B(A(x))`, unscaled, to the outputs of query and value, so `W + B A` is the
same layer. Which layers have it is read from the names: the configuration flag of the official
code does not tell (it still wraps the image tower where LoRA is "disabled").
"""

from __future__ import annotations

import re

import torch
from torch import Tensor

_FUSED = re.compile(r"(.*\.attn\.qkv\.)qkv\.weight")
_SINGLE = re.compile(r"(.*\.attention\.self\.(?:query|key|value)\.)w\.weight")
_LISTED = re.compile(r"w_(A|B)s\.\d+\.weight")
_LOW_RANK = re.compile(r".*\.(linear_(a|b)_[qv]|w_(a|b))\.weight")


class LoraError(Exception):
    """A LoRA layer whose parts are missing or do not fit together; the message names it."""


def merge_lora(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Local official names with every LoRA layer merged and renamed to the plain layer.

    Sums are made in float64 and rounded once to float32. Names without LoRA pass unchanged.

    Raises:
        LoraError: where half of a LoRA pair is missing or shapes do not fit.
    """
    merged = _without_listed_copies(tensors)
    for name in list(merged):
        if match := _FUSED.fullmatch(name):
            _merge_fused(merged, match[1])
        elif match := _SINGLE.fullmatch(name):
            _merge_single(merged, match[1])
    return merged


def _merge_fused(tensors: dict[str, Tensor], stem: str) -> None:
    """timm's joint projection: query is its first third, value its last."""
    weight = tensors.pop(f"{stem}qkv.weight").to(torch.float64, copy=True)
    width = weight.shape[0] // 3
    for part, rows in (("q", slice(0, width)), ("v", slice(2 * width, 3 * width))):
        weight[rows] += _product(
            tensors, f"{stem}linear_a_{part}.weight", f"{stem}linear_b_{part}.weight", weight[rows]
        )
    _rename(tensors, stem, "qkv", weight)


def _merge_single(tensors: dict[str, Tensor], stem: str) -> None:
    weight = tensors.pop(f"{stem}w.weight").to(torch.float64, copy=True)
    weight += _product(tensors, f"{stem}w_a.weight", f"{stem}w_b.weight", weight)
    _rename(tensors, stem, "w", weight)


def _rename(tensors: dict[str, Tensor], stem: str, inner: str, weight: Tensor) -> None:
    for kind, tensor in (
        ("weight", weight.float()),
        ("bias", tensors.pop(f"{stem}{inner}.bias", None)),
    ):
        if f"{stem}{kind}" in tensors:
            raise LoraError(f"{stem}{kind} is there twice, with LoRA and without")
        if tensor is not None:
            tensors[f"{stem}{kind}"] = tensor


def _product(tensors: dict[str, Tensor], a_name: str, b_name: str, base: Tensor) -> Tensor:
    for name in (a_name, b_name):
        if name not in tensors:
            raise LoraError(f"{name} is missing")
    a, b = tensors.pop(a_name), tensors.pop(b_name)
    fits = a.ndim == b.ndim == base.ndim == 2 and (*b.shape[:1], *a.shape[1:]) == tuple(base.shape)
    if not fits or b.shape[1] != a.shape[0]:
        raise LoraError(f"{b_name} {list(b.shape)} and {a_name} {list(a.shape)} do not fit")
    return b.double() @ a.double()


def _without_listed_copies(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Drop `w_As.N` and `w_Bs.N`, the wrapper's own lists of the layers, where they are copies."""
    layers = [t for name, t in tensors.items() if _LOW_RANK.fullmatch(name)]
    return {
        name: tensor
        for name, tensor in tensors.items()
        if not (_LISTED.fullmatch(name) and any(torch.equal(tensor, t) for t in layers))
    }
