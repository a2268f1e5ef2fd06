"""Low-rank adaptation (LoRA): a small trainable sum beside query and value of every layer.

The layers are peft's, put into clibd's own towers; rank and scale are the same number, so that what
is added is `B(A(x))` without a factor, as in the official code. Beside them the last map of a
tower, into the shared space, is trained whole: the official code makes it anew and trains it, too.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from clibd_cli.core.errors import ClibdError

TARGETS = ("query", "value")
OUTPUT_MAPS = ("head", "projection")
"""The modules of the towers whose last linear layer leads into the shared space."""

_BASE = ".base_layer."
_DOWN, _UP = ".lora_A.default.weight", ".lora_B.default.weight"


def require_peft() -> None:
    """Say how to get peft where it is missing.

    Raises:
        ClibdError: where it is.
    """
    try:
        import peft  # noqa: F401
    except ImportError as error:
        raise ClibdError(
            "LoRA needs peft, which is not installed",
            'Run `pip install "clibd[lora]"`, or train all weights with lora_rank = 0.',
        ) from error


def add_lora(encoder: nn.Module, rank: int) -> None:
    """Put LoRA of `rank` beside query and value of every layer; the rest of the tower is frozen.

    Nothing changes at first: `B` is zero. `A` is drawn from torch's generator.

    Raises:
        ClibdError: where peft is not installed.
    """
    require_peft()
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=list(TARGETS))
    inject_adapter_in_model(config, encoder)
    for name in OUTPUT_MAPS:
        output = getattr(encoder, name, None)
        if isinstance(output, nn.Module):
            _last_linear(output).requires_grad_(True)


def merged_state(encoder: nn.Module) -> dict[str, Tensor]:
    """The tower's tensors under the names that it has without LoRA, `W + B A` merged, on the CPU.

    Sums are made in float64 and rounded once; the tower itself stays as it is, so that training
    can go on.
    """
    state = {name: tensor.detach().cpu() for name, tensor in encoder.state_dict().items()}
    merged: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if _DOWN in name or _UP in name:
            continue
        stem, found, kind = name.rpartition(_BASE)
        if not found:
            merged[name] = tensor.clone()
        elif kind == "weight" and stem + _DOWN in state:
            merged[f"{stem}.weight"] = _sum(tensor, state, stem)
        else:
            merged[f"{stem}.{kind}"] = tensor.clone()
    return merged


def _sum(weight: Tensor, state: Mapping[str, Tensor], stem: str) -> Tensor:
    product = state[stem + _UP].double() @ state[stem + _DOWN].double()
    return (weight.double() + product).to(torch.float32)


def _last_linear(module: nn.Module) -> nn.Module:
    """The linear layer of a head that makes its outputs: itself, or the last one in it."""
    return [part for part in module.modules() if isinstance(part, nn.Linear)][-1]
