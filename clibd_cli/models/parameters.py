"""How large a model is, counted from its card, so that nobody has to fetch it to find out.

The counts are of what embedding needs: encoder, head and projection; no pooler, no bias of a
language-model head whose decoder was replaced.
"""

from __future__ import annotations

from clibd_cli.models.cards import (
    AnyDnaTower,
    AnyImageTower,
    AnyTextTower,
    ConvImageTower,
    ModelCard,
    NgramTextTower,
    ProfileDnaTower,
)
from clibd_cli.models.kmers import vocabulary_size

_BYTES_PER_PARAMETER = 4  # float32
_EFFICIENTNET_LITE0 = 3_371_008  # without its classifier
_EFFICIENTNET_FEATURES = 1280


def parameter_count(card: ModelCard) -> int:
    """The number of parameters of all towers."""
    return sum(tower_parameters(card).values())


def tower_parameters(card: ModelCard) -> dict[str, int]:
    """The number of parameters of each tower that the card has, by modality."""
    counts: dict[str, int] = {}
    if card.image is not None:
        counts["image"] = _image(card.image)
    if card.dna is not None:
        counts["dna"] = _dna(card.dna)
    if card.text is not None:
        counts["text"] = _text(card.text)
    return counts


def bytes_in_float32(card: ModelCard) -> int:
    """The size of the weights on disk, in bytes."""
    return _BYTES_PER_PARAMETER * parameter_count(card)


def bert_parameters(width: int, depth: int, vocab_size: int, max_positions: int) -> int:
    """A BERT encoder without pooler: three embeddings, their norm, and the layers."""
    embeddings = (vocab_size + max_positions + 2) * width
    return embeddings + 2 * width + depth * _layer(width)


def vit_parameters(width: int, depth: int, patch: int, crop: int) -> int:
    """A vision transformer without head: patches, class token, positions, layers, final norm."""
    positions = (crop // patch) ** 2 + 1
    patches = 3 * patch * patch * width + width
    return patches + width + positions * width + depth * _layer(width) + 2 * width


def _layer(width: int) -> int:
    """Attention (four matrices), a feed-forward part four times as wide, and two norms."""
    return 12 * width * width + 13 * width


def _linear(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs


def _image(tower: AnyImageTower) -> int:
    if isinstance(tower, ConvImageTower):
        axes = tower.familiar_axes
        familiarity = _linear(2 * _EFFICIENTNET_FEATURES, axes) + tower.familiar * axes
        head = _linear(_EFFICIENTNET_FEATURES, tower.output_dim)
        return _EFFICIENTNET_LITE0 + head + (familiarity if axes else 0)
    backbone = vit_parameters(tower.width, tower.depth, tower.patch, tower.crop)
    return backbone + _linear(tower.width, tower.output_dim)


def _dna(tower: AnyDnaTower) -> int:
    if isinstance(tower, ProfileDnaTower):
        picture = 4 * tower.positions
        layers = _linear(picture, tower.hidden) + _linear(tower.hidden, tower.output_dim)
        return picture + layers + 2 * tower.hidden + picture * tower.output_dim
    vocab_size = vocabulary_size(tower.k, tower.vocabulary)
    count = bert_parameters(tower.width, tower.depth, vocab_size, tower.max_positions)
    if tower.head_dim is not None:
        # The head transforms and normalises before the linear layer (BertLMPredictionHead).
        count += _linear(tower.width, tower.width) + 2 * tower.width
        count += _linear(tower.width, tower.head_dim)
    return count


def _text(tower: AnyTextTower) -> int:
    if isinstance(tower, NgramTextTower):
        layers = _linear(tower.width, tower.width) + _linear(tower.width, tower.output_dim)
        return (1 + tower.buckets) * tower.width + 2 * tower.width + layers
    backbone = bert_parameters(tower.width, tower.depth, tower.vocab_size, tower.max_positions)
    return backbone + _linear(tower.width, tower.output_dim)
