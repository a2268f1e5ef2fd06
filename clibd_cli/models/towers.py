"""The encoders: a vision transformer and two BERTs, as small as clibd needs them; and which
encoder belongs to which tower (the small ones of `clibd-mini` have files of their own).

Written out here rather than taken from a library, so that the tensor names in clibd's own files
never change under an update and loading needs no large import. Every module is named as its
tensors are in `model.safetensors`: `image.blocks.0.attention.query.weight` is the tensor
`blocks.0.attention.query.weight` of `ImageEncoder`.

Sources: timm `vit_base_patch16_224` and Hugging Face `BertForMaskedLM` / `BertModel`, as the
official CLIBD code uses them. Outputs are not yet of unit length.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from clibd_cli.models.cards import (
    AnyTower,
    ConvImageTower,
    DnaTower,
    ImageTower,
    NgramTextTower,
    ProfileDnaTower,
    TextTower,
)
from clibd_cli.models.efficientnet import ConvImageEncoder
from clibd_cli.models.kmers import vocabulary_size
from clibd_cli.models.ngrams import NgramTextEncoder
from clibd_cli.models.pooling import masked_mean, pool_tokens
from clibd_cli.models.profile import ProfileDnaEncoder

VIT_EPS = 1e-6
BERT_EPS = 1e-12


@dataclass(frozen=True, slots=True)
class BlockShape:
    """What a card leaves to the tensors: attention heads and the width of the hidden layer."""

    heads: int
    hidden: int


class Attention(nn.Module):
    """Multi-head self-attention over tokens `[batch, tokens, width]`."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)

    def forward(self, tokens: Tensor, mask: Tensor | None) -> Tensor:
        """`mask` is boolean `[batch, 1, 1, tokens]`, False where a token must not be seen."""
        query, key, value = (
            self._by_head(layer(tokens)) for layer in (self.query, self.key, self.value)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        result: Tensor = self.output(mixed.transpose(1, 2).flatten(2))
        return result

    def mean_weights(self, tokens: Tensor) -> Tensor:
        """How much each token draws on each other one, `[batch, tokens, tokens]` in float32.

        The mean over the heads; rows sum to 1. `forward` never computes them: the fused attention
        keeps no weights.
        """
        query, key = (self._by_head(layer(tokens)).float() for layer in (self.query, self.key))
        scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
        weights: Tensor = scores.softmax(dim=-1).mean(dim=1)
        return weights

    def _by_head(self, tokens: Tensor) -> Tensor:
        """`[batch, tokens, width]` to `[batch, heads, tokens, width of a head]`."""
        return tokens.view(*tokens.shape[:2], self.heads, -1).transpose(1, 2)


class Block(nn.Module):
    """One transformer layer: normalised before each step (ViT) or after it (BERT)."""

    def __init__(self, width: int, shape: BlockShape, eps: float, norm_first: bool) -> None:
        super().__init__()
        self.norm_first = norm_first
        self.attention = Attention(width, shape.heads)
        self.norm1 = nn.LayerNorm(width, eps=eps)
        self.up = nn.Linear(width, shape.hidden)
        self.down = nn.Linear(shape.hidden, width)
        self.norm2 = nn.LayerNorm(width, eps=eps)

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Tokens in, tokens out, `[batch, tokens, width]`."""
        if self.norm_first:
            tokens = tokens + self.attention(self.norm1(tokens), mask)
            return tokens + self._mlp(self.norm2(tokens))
        tokens = self.norm1(tokens + self.attention(tokens, mask))
        normed: Tensor = self.norm2(tokens + self._mlp(tokens))
        return normed

    def _mlp(self, tokens: Tensor) -> Tensor:
        result: Tensor = self.down(functional.gelu(self.up(tokens)))
        return result


class ImageEncoder(nn.Module):
    """The vision transformer: the class token after the final norm, through `head`."""

    def __init__(self, tower: ImageTower, shape: BlockShape) -> None:
        super().__init__()
        self.patch_pixels = tower.patch
        side = tower.crop // tower.patch
        self.class_token = nn.Parameter(torch.zeros(tower.width))
        self.positions = nn.Parameter(torch.zeros(1 + side * side, tower.width))
        self.patch = nn.Linear(3 * tower.patch**2, tower.width)
        self.blocks = _blocks(tower.width, tower.depth, shape, VIT_EPS, norm_first=True)
        self.norm = nn.LayerNorm(tower.width, eps=VIT_EPS)
        self.head = nn.Linear(tower.width, tower.output_dim)

    def forward(self, photos: Tensor) -> Tensor:
        """Photos `[batch, 3, crop, crop]` to vectors `[batch, output_dim]` in float32."""
        tokens = self.tokens(photos)
        for block in self.blocks:
            tokens = block(tokens)
        vector: Tensor = self.head(self.norm(tokens[:, 0]))
        return vector.float()

    def tokens(self, photos: Tensor) -> Tensor:
        """What the first block reads: the class token, then the patches row by row."""
        patches: Tensor = self.patch(self._cut(photos))
        first = self.class_token.expand(len(photos), 1, -1)
        return torch.cat([first, patches], dim=1) + self.positions

    def _cut(self, photos: Tensor) -> Tensor:
        # A matrix product instead of a convolution: cuDNN would round the latter to TF32.
        n, channels, height, width = photos.shape
        p = self.patch_pixels
        cells = photos.reshape(n, channels, height // p, p, width // p, p)
        return cells.permute(0, 2, 4, 1, 3, 5).reshape(n, -1, channels * p * p)


class BertBody(nn.Module):
    """Embeddings and layers that the DNA and the text tower have in common."""

    def __init__(
        self, rows: int, width: int, depth: int, max_positions: int, shape: BlockShape
    ) -> None:
        super().__init__()
        self.words = nn.Parameter(torch.zeros(rows, width))
        self.positions = nn.Parameter(torch.zeros(max_positions, width))
        self.token_type = nn.Parameter(torch.zeros(width))
        self.norm = nn.LayerNorm(width, eps=BERT_EPS)
        self.blocks = _blocks(width, depth, shape, BERT_EPS, norm_first=False)

    def hidden(self, ids: Tensor, mask: Tensor | None) -> Tensor:
        """Last hidden state `[batch, tokens, width]` of ids `[batch, tokens]`.

        `mask` is `[batch, tokens]`, 0 where a token is padding; None where all are read.
        """
        words = functional.embedding(ids, self.words)
        tokens: Tensor = self.norm(words + self.token_type + self.positions[: ids.shape[1]])
        seen = None if mask is None else mask[:, None, None, :].bool()
        for block in self.blocks:
            tokens = block(tokens, seen)
        return tokens


class DnaEncoder(BertBody):
    """BarcodeBERT: a BERT over k-mers, its language-model head, and a pooling over tokens."""

    def __init__(self, tower: DnaTower, shape: BlockShape) -> None:
        rows = vocabulary_size(tower.k, tower.vocabulary)
        super().__init__(rows, tower.width, tower.depth, tower.max_positions, shape)
        self.pooling = tower.pooling
        self.head = None if tower.head_dim is None else DnaHead(tower.width, tower.head_dim)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Token ids `[batch, tokens]` to vectors `[batch, output_dim]` in float32."""
        return pool_tokens(self.hidden(ids, mask), self.head, self.pooling, mask)


class DnaHead(nn.Module):
    """BERT's prediction head, whose decoder CLIBD replaces by a map into the shared space."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.transform = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=BERT_EPS)
        self.decoder = nn.Linear(width, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        """`[batch, tokens, width]` to `[batch, tokens, outputs]`."""
        result: Tensor = self.decoder(self.norm(functional.gelu(self.transform(tokens))))
        return result


class TextEncoder(BertBody):
    """BERT over WordPiece tokens: the projected mean of all positions, padding included.

    Padding is hidden from attention but not from the mean: so the official code does.
    """

    def __init__(self, tower: TextTower, shape: BlockShape) -> None:
        super().__init__(tower.vocab_size, tower.width, tower.depth, tower.max_positions, shape)
        self.projection = nn.Linear(tower.width, tower.output_dim)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Token ids `[batch, tokens]` to vectors `[batch, output_dim]` in float32."""
        mean = masked_mean(self.hidden(ids, mask), None).to(self.projection.weight.dtype)
        vector: Tensor = self.projection(mean)
        return vector.float()


Encoder = (
    ImageEncoder
    | DnaEncoder
    | TextEncoder
    | ConvImageEncoder
    | ProfileDnaEncoder
    | NgramTextEncoder
)


def is_transformer(tower: AnyTower) -> bool:
    """Whether a tower is made of blocks with attention, whose shape its card leaves open."""
    return isinstance(tower, ImageTower | DnaTower | TextTower)


def is_large(tower: AnyTower) -> bool:
    """Whether a tower takes milliseconds for each item on a CPU."""
    return is_transformer(tower) or isinstance(tower, ConvImageTower)


def build_encoder(tower: AnyTower, shape: BlockShape | None) -> Encoder:
    """The encoder of a tower, as the card describes it, on torch's current default device.

    Args:
        shape: of a transformer's blocks; None for other towers.
    """
    if isinstance(tower, ConvImageTower):
        return ConvImageEncoder(tower)
    if isinstance(tower, ProfileDnaTower):
        return ProfileDnaEncoder(tower)
    if isinstance(tower, NgramTextTower):
        return NgramTextEncoder(tower)
    assert shape is not None
    if isinstance(tower, ImageTower):
        return ImageEncoder(tower, shape)
    if isinstance(tower, DnaTower):
        return DnaEncoder(tower, shape)
    return TextEncoder(tower, shape)


def tensor_shapes(tower: AnyTower, shape: BlockShape | None) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors that the tower needs; no memory is taken for them."""
    with torch.device("meta"):
        encoder = build_encoder(tower, shape)
    return {name: tuple(tensor.shape) for name, tensor in encoder.state_dict().items()}


def _blocks(
    width: int, depth: int, shape: BlockShape, eps: float, norm_first: bool
) -> nn.ModuleList:
    return nn.ModuleList(Block(width, shape, eps, norm_first) for _ in range(depth))
