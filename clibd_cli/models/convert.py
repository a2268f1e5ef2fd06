"""Official checkpoints to clibd's tensors and towers: the one place that knows foreign layouts.

Widths, depths and outputs come from the tensors themselves. Whatever is left over, missing or of
the wrong shape is an error that lists it: a checkpoint is understood whole or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import Modality
from clibd_cli.models.cards import (
    USES_HEAD,
    AnyDnaTower,
    AnyImageTower,
    AnyTextTower,
    DnaPooling,
    DnaTower,
)
from clibd_cli.models.checkpoint import RawCheckpoint
from clibd_cli.models.layouts import TOKEN_CLASSES, UNUSED, neutral_name, official_name
from clibd_cli.models.lora import LoraError, merge_lora
from clibd_cli.models.sizes import MisfitError, describe_tower
from clibd_cli.models.splitting import Findings, Part, Split, split_towers
from clibd_cli.models.towers import BlockShape, tensor_shapes

IMAGENET_CLASSES = 1000


@dataclass(frozen=True, slots=True)
class Converted:
    """A checkpoint in clibd's terms.

    Attributes:
        tensors: `image.*`, `dna.*`, `text.*`, float32, LoRA merged.
        heads: attention heads of each tower, which no tensor tells.
        dim: outputs of every tower.
        logit_scale: as stored (before exp), or None.
    """

    tensors: dict[str, Tensor]
    heads: dict[Modality, int]
    image: AnyImageTower | None
    dna: AnyDnaTower | None
    text: AnyTextTower | None
    dim: int
    logit_scale: float | None


def convert(raw: RawCheckpoint, dna_pooling: DnaPooling | None = None) -> Converted:
    """Understand an official checkpoint.

    Args:
        dna_pooling: how DNA tokens become a vector; None takes what the layout is known to need
            (`logits_softmax_mean` for CLIBD, `hidden_state_mean` for BarcodeBERT alone).

    Raises:
        ClibdError: listing what is unknown, missing or misshapen; or where the towers' outputs
            differ; or where the tensors cannot give the pooling asked for.
    """
    findings = Findings()
    split = split_towers(raw, findings)
    towers: dict[Modality, Any] = {}
    shapes: dict[Modality, BlockShape] = {}
    tensors: dict[str, Tensor] = {}
    for modality, part in split.parts.items():
        ours = _neutral(modality, part, split, findings)
        try:
            tower, shape = describe_tower(modality, ours, raw.bert_config, split.alone)
        except MisfitError as misfit:
            findings.misfits.append(f"{modality} tower: {misfit}")
            continue
        _compare(modality, part, ours, tensor_shapes(tower, shape), findings)
        towers[modality], shapes[modality] = tower, shape
        tensors |= {f"{modality}.{name}": tensor for name, tensor in ours.items()}
    findings.raise_for(raw.source)
    if "dna" in towers:
        towers["dna"] = _choose_pooling(towers["dna"], dna_pooling, split.alone, raw.source)
    return Converted(
        tensors=dict(sorted(tensors.items())),
        heads={modality: shape.heads for modality, shape in shapes.items()},
        image=towers.get("image"),
        dna=towers.get("dna"),
        text=towers.get("text"),
        dim=_common_dim(towers, raw.source),
        logit_scale=split.logit_scale,
    )


def _neutral(modality: Modality, part: Part, split: Split, findings: Findings) -> dict[str, Tensor]:
    """One tower's tensors under clibd's names; what has no place is put down in `findings`."""
    local = {n: t for n, t in part.tensors.items() if not UNUSED[modality].fullmatch(n)}
    try:
        local = merge_lora(local)
    except LoraError as misfit:
        findings.misfits.append(str(misfit))
    if modality == "image":
        local = _split_qkv(local)
        if set(split.parts) == {"image"}:
            local = _with_plain_head(local)
    if modality == "dna":
        local = _with_tied_decoder(local, part.tensors, split.alone)
    if split.alone:
        local = {n: t for n, t in local.items() if not TOKEN_CLASSES.fullmatch(n)}
    ours: dict[str, Tensor] = {}
    for name, tensor in local.items():
        new = neutral_name(modality, name)
        if new is None:
            findings.unknown.append(part.original(name))
        elif not tensor.is_floating_point():
            findings.misfits.append(f"{part.original(name)} is {tensor.dtype}, not a float tensor")
        else:
            ours[new] = _reshape(new, tensor)
    return ours


def _split_qkv(local: dict[str, Tensor]) -> dict[str, Tensor]:
    """timm's joint projection as three."""
    split: dict[str, Tensor] = {}
    for name, tensor in local.items():
        stem, found, kind = name.partition(".attn.qkv.")
        if not found or kind not in ("weight", "bias") or tensor.ndim == 0 or len(tensor) % 3:
            split[name] = tensor
            continue
        for part, piece in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
            split[f"{stem}.attn.{part}.{kind}"] = piece
    return split


def _with_plain_head(local: dict[str, Tensor]) -> dict[str, Tensor]:
    """The class token itself as the output where a lone ViT has no head or ImageNet's 1000 classes.

    Beside another tower the head is a trained part of the shared space, and stays required.
    """
    token, head = local.get("cls_token"), local.get("head.weight")
    if token is None or (head is not None and len(head) != IMAGENET_CLASSES):
        return local
    width = token.shape[-1]
    return {**local, "head.weight": torch.eye(width), "head.bias": torch.zeros(width)}


def _with_tied_decoder(
    local: dict[str, Tensor], whole: dict[str, Tensor], alone: bool
) -> dict[str, Tensor]:
    """BERT's own decoder shares weights with other tensors, and may be saved without them."""
    if not any(name.startswith("cls.") for name in local):
        return local
    weight, bias = (f"cls.predictions.decoder.{kind}" for kind in ("weight", "bias"))
    words, tied_bias = (
        local.get("bert.embeddings.word_embeddings.weight"),
        whole.get("cls.predictions.bias"),
    )
    local = dict(local)
    if alone and words is not None:
        local.setdefault(weight, words)
    if tied_bias is not None and weight in local and len(tied_bias) == len(local[weight]):
        local.setdefault(bias, tied_bias)
    return local


def _reshape(name: str, tensor: Tensor) -> Tensor:
    """Official extra axes removed; a tensor that has other axes stays as it is."""
    if name == "class_token" and tensor.shape[:2] == (1, 1):
        return tensor.flatten()
    if name == "positions" and tensor.ndim == 3 and len(tensor) == 1:
        return tensor[0]
    if name == "patch.weight" and tensor.ndim == 4:
        return tensor.flatten(1)
    if name == "token_type" and tensor.ndim == 2 and len(tensor):
        # Barcodes and labels are one segment: only the first row is ever read.
        return tensor[0]
    return tensor


def _compare(
    modality: Modality,
    part: Part,
    ours: dict[str, Tensor],
    wanted: dict[str, tuple[int, ...]],
    findings: Findings,
) -> None:
    def name_of(name: str) -> str:
        return part.original(official_name(modality, name))

    findings.missing += sorted({name_of(name) for name in wanted if name not in ours})
    findings.unknown += sorted({name_of(name) for name in ours if name not in wanted})
    for name, shape in wanted.items():
        if name in ours and tuple(ours[name].shape) != shape:
            is_shape = list(ours[name].shape)
            findings.misfits.append(f"{name_of(name)} is {is_shape}, not {list(shape)}")


def _choose_pooling(
    tower: DnaTower, asked: DnaPooling | None, alone: bool, source: str
) -> DnaTower:
    # All published CLIBD weights must be presumed to need the softmax (bioscan-ml/clibd#33).
    pooling = asked or ("hidden_state_mean" if alone else "logits_softmax_mean")
    if USES_HEAD[pooling]:
        if tower.head_dim is None:
            raise ClibdError(
                f"{source} has no language-model head, which {pooling} needs",
                "Choose --dna-pooling hidden_state_mean.",
            )
        return replace(tower, pooling=pooling, output_dim=tower.head_dim)
    if pooling == "cls_token" and not tower.prefix_mask:
        raise ClibdError(
            f"{source} reads barcodes without a token in front, which cls_token needs",
            "Choose --dna-pooling hidden_state_mean.",
        )
    return replace(tower, pooling=pooling, output_dim=tower.width)


def _common_dim(towers: dict[Modality, Any], source: str) -> int:
    dims: dict[Modality, int] = {m: tower.output_dim for m, tower in towers.items()}
    if len(set(dims.values())) > 1:
        told = ", ".join(
            f"{m} ({towers[m].pooling}) {dim}" if m == "dna" else f"{m} {dim}"
            for m, dim in dims.items()
        )
        raise ClibdError(
            f"{source}: the towers share no space, their outputs differ in length: {told}",
            "Choose the --dna-pooling that the checkpoint was trained with.",
        )
    return next(iter(dims.values()))
