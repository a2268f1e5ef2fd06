"""The names that official checkpoints give to tensors, and the ones that clibd gives them.

Tables only; `convert` works with them. "Local" names are official ones without the prefix of
their tower. Source: official CLIBD repository (old and new class attributes), timm and Hugging
Face parameter names.
"""

from __future__ import annotations

import re

from clibd_cli.core.records import Modality

TOWER_PREFIXES: tuple[tuple[str, Modality], ...] = (
    ("image_encoder.base_image_encoder.", "image"),
    ("image_encoder.lora_vit.", "image"),
    ("image_encoder.", "image"),
    ("dna_encoder.base_dna_encoder.", "dna"),
    ("dna_encoder.lora_barcode_bert.", "dna"),
    ("dna_encoder.", "dna"),
    ("language_encoder.base_language_encoder.", "text"),
    ("language_encoder.lora_bert.", "text"),
    ("language_encoder.", "text"),
)
"""Longest first; the short ones are for what the wrapping class itself holds (`proj`, `w_As`)."""

BARCODEBERT = re.compile(r"(bert|cls|classifier)\.")
"""How names begin where a file is BarcodeBERT alone."""

TOKEN_CLASSES = re.compile(r"classifier\.(weight|bias)")
"""BarcodeBERT's 4-mer pretraining head, which is no part of its embedding."""

OPEN_CLIP = re.compile(r"(^|\.)visual\.|\.resblocks\.")
"""Names that only OpenCLIP and BioCLIP models have."""

UNUSED: dict[Modality, re.Pattern[str]] = {
    "image": re.compile(r"(?!)"),
    "dna": re.compile(
        r"bert\.(embeddings\.(position_ids|token_type_ids)|pooler\.dense\.(weight|bias))"
        r"|cls\.predictions\.bias"
    ),
    "text": re.compile(r"embeddings\.(position_ids|token_type_ids)|pooler\.dense\.(weight|bias)"),
}
"""Local names that the official forward pass never reads.

`cls.predictions.bias` is left over where CLIBD replaced the decoder, and elsewhere the same
tensor as `cls.predictions.decoder.bias`.
"""

_VIT = {
    "cls_token": "class_token",
    "pos_embed": "positions",
    "patch_embed.proj": "patch",
    "norm": "norm",
    "head": "head",
}
_VIT_BLOCK = {
    "norm1": "norm1",
    "attn.query": "attention.query",
    "attn.key": "attention.key",
    "attn.value": "attention.value",
    "attn.proj": "attention.output",
    "norm2": "norm2",
    "mlp.fc1": "up",
    "mlp.fc2": "down",
}
_BERT = {
    "embeddings.word_embeddings.weight": "words",
    "embeddings.position_embeddings.weight": "positions",
    "embeddings.token_type_embeddings.weight": "token_type",
    "embeddings.LayerNorm": "norm",
}
_BERT_BLOCK = {
    "attention.self.query": "attention.query",
    "attention.self.key": "attention.key",
    "attention.self.value": "attention.value",
    "attention.output.dense": "attention.output",
    "attention.output.LayerNorm": "norm1",
    "intermediate.dense": "up",
    "output.dense": "down",
    "output.LayerNorm": "norm2",
}
_DNA_HEAD = {
    "cls.predictions.transform.dense": "head.transform",
    "cls.predictions.transform.LayerNorm": "head.norm",
    "cls.predictions.decoder": "head.decoder",
}

_OUTSIDE: dict[Modality, dict[str, str]] = {
    "image": _VIT,
    "dna": {f"bert.{name}": ours for name, ours in _BERT.items()} | _DNA_HEAD,
    "text": {**_BERT, "proj": "projection"},
}
_BLOCKS: dict[Modality, tuple[str, dict[str, str]]] = {
    "image": ("blocks.", _VIT_BLOCK),
    "dna": ("bert.encoder.layer.", _BERT_BLOCK),
    "text": ("encoder.layer.", _BERT_BLOCK),
}
_KIND = re.compile(r"(.*)(\.weight|\.bias)")
_LAYER = re.compile(r"(0|[1-9]\d{0,3})\.(.*)")


def neutral_name(modality: Modality, local: str) -> str | None:
    """clibd's name for an official local one, or None where there is none."""
    return _translate(local, *_BLOCKS[modality], "blocks.", _OUTSIDE[modality])


def official_name(modality: Modality, neutral: str) -> str:
    """The official local name of a tensor of clibd, for messages about missing ones."""
    prefix, block = _BLOCKS[modality]
    name = _translate(neutral, "blocks.", _turned(block), prefix, _turned(_OUTSIDE[modality]))
    return re.sub(r"attn\.(query|key|value)\.", "attn.qkv.", name or neutral)


def _translate(
    name: str, prefix: str, block: dict[str, str], new_prefix: str, outside: dict[str, str]
) -> str | None:
    if name in outside:
        return outside[name]
    kind = _KIND.fullmatch(name)
    if kind is None:
        return None
    stem, suffix = kind.groups()
    layer = _LAYER.fullmatch(stem.removeprefix(prefix)) if stem.startswith(prefix) else None
    if layer is not None:
        new = block.get(layer[2])
        return None if new is None else f"{new_prefix}{layer[1]}.{new}{suffix}"
    new = outside.get(stem)
    return None if new is None else new + suffix


def _turned(table: dict[str, str]) -> dict[str, str]:
    return {ours: official for official, ours in table.items()}
