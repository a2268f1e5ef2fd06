"""Widths, depths and outputs of a tower, read from the shapes of its tensors.

The one thing that no tensor tells is the number of attention heads. The towers of CLIBD have heads
of 64 channels (ViT-B/16, BERT-small, 5-mer BarcodeBERT); 4-mer BarcodeBERTs have others, and say so
in the `bert_config` of their checkpoint.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from clibd_cli.core.records import Modality
from clibd_cli.models.cards import DnaTower, ImageTower, TextTower
from clibd_cli.models.kmers import token_count, vocabulary_of
from clibd_cli.models.layouts import official_name
from clibd_cli.models.towers import BlockShape

HEAD_WIDTH = 64
BERT_CONFIG_HEADS = 12
"""What a `bert_config` means that does not state the number of heads."""

_BLOCK = re.compile(r"blocks\.(\d+)\.")


class MisfitError(Exception):
    """Tensors that make no tower; the message says which and why."""


def describe_tower(
    modality: Modality,
    tensors: Mapping[str, Tensor],
    bert_config: Mapping[str, Any] | None,
    alone: bool,
) -> tuple[ImageTower | DnaTower | TextTower, BlockShape]:
    """The tower that tensors under clibd's names (without `modality.`) make up.

    A DNA tower comes with `hidden_state_mean`; its pooling is chosen by the caller.

    Args:
        bert_config: what was saved beside a BarcodeBERT, or None.
        alone: whether it is BarcodeBERT by itself, not a tower of CLIBD.

    Raises:
        MisfitError: where the shapes that decide the sizes are missing or make no sense.
    """
    tower: ImageTower | DnaTower | TextTower
    if modality == "dna":
        tower = _dna_tower(tensors)
        heads = _dna_heads(tower, bert_config, alone)
    else:
        tower = _image_tower(tensors) if modality == "image" else _text_tower(tensors)
        heads = _usual_heads(tower.width)
    return tower, BlockShape(heads, _dim(modality, tensors, "blocks.0.up.weight", 0))


def _image_tower(tensors: Mapping[str, Tensor]) -> ImageTower:
    width = _dim("image", tensors, "positions", 1)
    patch = math.isqrt(_dim("image", tensors, "patch.weight", 1) // 3)
    side = math.isqrt(_dim("image", tensors, "positions", 0) - 1)
    if 3 * patch**2 != tensors["patch.weight"].shape[1]:
        raise MisfitError(
            f"patches of shape {list(tensors['patch.weight'].shape)} are not square RGB"
        )
    if side < 1 or 1 + side**2 != len(tensors["positions"]):
        raise MisfitError(
            f"{len(tensors['positions'])} positions are no square of patches and a class"
        )
    crop = side * patch
    return ImageTower(
        width=width,
        depth=_depth("image", tensors),
        output_dim=_dim("image", tensors, "head.weight", 0),
        patch=patch,
        crop=crop,
        resize=round(crop * 256 / 224),
    )


def _dna_tower(tensors: Mapping[str, Tensor]) -> DnaTower:
    rows, width = (_dim("dna", tensors, "words", axis) for axis in (0, 1))
    found = vocabulary_of(rows)
    if found is None:
        raise MisfitError(
            f"word embeddings of {rows} rows are no k-mer vocabulary (4^k + 3 or 4^k + 2)"
        )
    k, vocabulary = found
    has_head = any(name.startswith("head.") for name in tensors)
    tower = DnaTower(
        width=width,
        depth=_depth("dna", tensors),
        output_dim=width,
        k=k,
        vocabulary=vocabulary,
        pooling="hidden_state_mean",
        prefix_mask=vocabulary == "mask_cls_unk",
        attention_mask=vocabulary == "mask_unk",
        max_positions=_dim("dna", tensors, "positions", 0),
        head_dim=_dim("dna", tensors, "head.decoder.weight", 0) if has_head else None,
    )
    if token_count(tower) > tower.max_positions:
        raise MisfitError(f"{token_count(tower)} tokens do not fit {tower.max_positions} positions")
    return tower


def _text_tower(tensors: Mapping[str, Tensor]) -> TextTower:
    rows, width = (_dim("text", tensors, "words", axis) for axis in (0, 1))
    tower = TextTower(
        width=width,
        depth=_depth("text", tensors),
        output_dim=_dim("text", tensors, "projection.weight", 0),
        vocab_size=rows,
        max_positions=_dim("text", tensors, "positions", 0),
    )
    if tower.max_tokens > tower.max_positions:
        raise MisfitError(f"{tower.max_tokens} tokens do not fit {tower.max_positions} positions")
    return tower


def _dna_heads(tower: DnaTower, config: Mapping[str, Any] | None, alone: bool) -> int:
    if config is None:
        if alone and tower.vocabulary == "mask_unk":
            # Published ones have 4 heads of 192 channels; guessing 64 would give other vectors.
            raise MisfitError(
                "no tensor of a BarcodeBERT of this kind tells its attention heads; save it with "
                "its configuration, {'model': …, 'bert_config': {'num_attention_heads': …}}"
            )
        return _usual_heads(tower.width)
    known = {"hidden_act": "gelu", "layer_norm_eps": 1e-12, "position_embedding_type": "absolute"}
    for setting, value in known.items():
        if config.get(setting, value) != value:
            raise MisfitError(f"its bert_config says {setting}={config[setting]!r}, not {value!r}")
    heads = config.get("num_attention_heads", BERT_CONFIG_HEADS)
    if type(heads) is not int or heads < 1 or tower.width % heads:
        raise MisfitError(f"its bert_config gives {heads!r} heads to a width of {tower.width}")
    return heads


def _usual_heads(width: int) -> int:
    if width % HEAD_WIDTH:
        raise MisfitError(f"its width of {width} is no multiple of {HEAD_WIDTH} (a head's width)")
    return width // HEAD_WIDTH


def _depth(modality: Modality, tensors: Mapping[str, Tensor]) -> int:
    found = {int(match[1]) for name in tensors if (match := _BLOCK.match(name))}
    absent = sorted(set(range(max(found, default=0) + 1)) - found)
    if absent:
        official = official_name(modality, f"blocks.{absent[0]}.norm1.weight")
        raise MisfitError(f"layer {absent[0]} is missing ({official} and the rest of it)")
    return len(found)


def _dim(modality: Modality, tensors: Mapping[str, Tensor], name: str, axis: int) -> int:
    if name not in tensors:
        raise MisfitError(f"{official_name(modality, name)} is missing")
    shape = tensors[name].shape
    if len(shape) != 2 or 0 in shape:
        raise MisfitError(f"{official_name(modality, name)} has the shape {list(shape)}")
    return int(shape[axis])
