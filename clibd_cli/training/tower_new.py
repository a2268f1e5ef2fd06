"""New towers: their sizes, their first weights, and dropout for towers that learn from nothing.

The towers of `models` hold no weights of their own when they are built, and no dropout, which no
installed model needs; both are added here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from clibd_cli.core.errors import UsageError
from clibd_cli.models.cards import (
    AnyTower,
    ConvImageTower,
    DnaTower,
    ImageTower,
    NgramTextTower,
    ProfileDnaTower,
    TextTower,
)
from clibd_cli.models.efficientnet import ConvImageEncoder, Convolution
from clibd_cli.models.ngrams import NgramTextEncoder
from clibd_cli.models.profile import ProfileDnaEncoder
from clibd_cli.models.towers import BertBody, Block, BlockShape, ImageEncoder
from clibd_cli.models.wordpiece import read_vocabulary
from clibd_cli.training.discriminant import start_profile

HEAD_WIDTH = 64
"""Channels of an attention head, as in every tower of CLIBD."""

GREY = (0.5, 0.5, 0.5)
"""Mean and deviation by which new image towers bring photos from [0, 1] to [-1, 1].

So TensorFlow trained EfficientNet-Lite (timm's `tf_efficientnet_lite0` says so, too).
"""

VIT_WIDTH, VIT_DEPTH = 384, 12
"""ViT-S/16 (Touvron et al. 2021): a ViT-B learns little from the photos that one lab has."""
DNA_WIDTH, DNA_DEPTH = 384, 4
"""Tokens as of the newer BarcodeBERT: 4-mers, padding hidden, four layers."""
TEXT_WIDTH, TEXT_DEPTH = 256, 4
"""BERT-mini (Turc et al. 2019)."""
PROFILE_HIDDEN = 1024
PROFILE_GAP_REACH = 15
"""Bases that a barcode may have lost or gained in all: 1 in 40."""
NGRAM_WIDTH = 256

_SPREAD = 0.02
"""Standard deviation of the first weights of transformers, ViT and BERT alike."""
_PIECE_SPREAD = 0.1
"""Of n-gram vectors: the mean of some dozens must not vanish beside the epsilon of their norm."""


def new_tower(kind: str, modality: str, dim: int, vocab: Path | None, image_size: int) -> AnyTower:
    """The description of a new tower of one of clibd's kinds.

    Args:
        dim: its outputs.
        vocab: WordPiece vocabulary, of a BERT for names.
        image_size: pixels of the photos that an image tower reads.

    Raises:
        UsageError: for an unknown kind, or a BERT for names without a vocabulary.
    """
    match modality, kind:
        case "image", "vit":
            return ImageTower(
                VIT_WIDTH,
                VIT_DEPTH,
                dim,
                crop=image_size,
                resize=_resize(image_size),
                mean=GREY,
                std=GREY,
            )
        case "image", "efficientnet_lite0":
            return conv_tower(dim, image_size)
        case "dna", "bert":
            return DnaTower(
                DNA_WIDTH,
                DNA_DEPTH,
                dim,
                k=4,
                vocabulary="mask_unk",
                pooling="logits_mean",
                prefix_mask=False,
                attention_mask=True,
                max_positions=192,
                head_dim=dim,
            )
        case "dna", "profile":
            return ProfileDnaTower("profile", PROFILE_HIDDEN, dim, gap_reach=PROFILE_GAP_REACH)
        case "text", "bert" if vocab is None:
            raise UsageError(
                "a new BERT for names needs the vocabulary of its tokeniser",
                "Give vocab: a vocab.txt (bert-base-uncased's serves), or take new:ngrams.",
            )
        case "text", "bert":
            assert vocab is not None
            rows = len(read_vocabulary(vocab))
            return TextTower(TEXT_WIDTH, TEXT_DEPTH, dim, rows, max_positions=64)
        case "text", "ngrams":
            return NgramTextTower("ngrams", NGRAM_WIDTH, dim)
    raise UsageError(f"there is no new {modality} tower of the kind {kind!r}", None)


def conv_tower(dim: int, image_size: int) -> ConvImageTower:
    """EfficientNet-Lite0 on photos as it was trained on ImageNet (there, of 224 pixels)."""
    resize = _resize(image_size)
    return ConvImageTower("efficientnet_lite0", dim, image_size, resize, mean=GREY, std=GREY)


def _resize(crop: int) -> int:
    """The shorter side before the middle is cut out, in the proportion of 256 to 224."""
    return round(crop * 256 / 224)


def new_shape(tower: AnyTower) -> BlockShape | None:
    """Attention heads and hidden width of a new transformer; None where the tower is none."""
    if isinstance(tower, ImageTower | DnaTower | TextTower):
        return BlockShape(heads=max(1, tower.width // HEAD_WIDTH), hidden=4 * tower.width)
    return None


def draw_weights(encoder: nn.Module, genus_of: Mapping[str, str | None]) -> None:
    """Give a new encoder its first weights, from torch's generator.

    Args:
        genus_of: the barcodes of the training set and their genera; a profile begins with them.
    """
    with torch.no_grad():
        if isinstance(encoder, ImageEncoder | BertBody):
            _draw_transformer(encoder)
        elif isinstance(encoder, ConvImageEncoder):
            # Without batch norm, only weights of the right size keep the signal alive.
            for name, part in encoder.named_modules():
                if isinstance(part, Convolution):
                    linear = name.endswith(".project")
                    nn.init.kaiming_normal_(
                        part.weight, nonlinearity="linear" if linear else "relu"
                    )
        elif isinstance(encoder, NgramTextEncoder):
            nn.init.normal_(encoder.pieces, std=_PIECE_SPREAD)
    if isinstance(encoder, ProfileDnaEncoder):
        start_profile(encoder, list(genus_of), list(genus_of.values()))


def _draw_transformer(encoder: nn.Module) -> None:
    for name, weights in encoder.named_parameters(recurse=False):
        # Class token, positions, words: all that is no layer of its own.
        assert name
        nn.init.trunc_normal_(weights, std=_SPREAD)
    for part in encoder.modules():
        if isinstance(part, nn.Linear):
            nn.init.trunc_normal_(part.weight, std=_SPREAD)
            nn.init.zeros_(part.bias)


def add_dropout(encoder: nn.Module, share: float) -> None:
    """Drop out a share of the activations in training, where BERT does: after each sublayer.

    A convolutional network and a multilayer perceptron have places of their own for it.
    """
    if not share:
        return

    def drop(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
        return functional.dropout(output, share, module.training)

    if isinstance(encoder, ConvImageEncoder):
        encoder.set_drop_path(share)
    for part in encoder.modules():
        if isinstance(part, Block):
            part.attention.output.register_forward_hook(drop)
            part.down.register_forward_hook(drop)
        elif isinstance(part, nn.Dropout):
            part.p = share
    if isinstance(encoder, BertBody):
        encoder.norm.register_forward_hook(drop)
