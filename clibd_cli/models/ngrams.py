"""A text tower over taxonomic names: the letters of the words, without a vocabulary.

A name is the bag of its words and of the pieces of three to five letters in them, each of which
has a vector; two linear layers map their mean. So species of one genus, and families with like
endings, begin near each other, and a name never seen is no unknown word.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from zlib import crc32

import torch
from torch import Tensor, nn
from torch.nn import functional

from clibd_cli.core.lineage import NOT_CLASSIFIED
from clibd_cli.models.cards import NgramTextTower

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SIZES = (3, 4, 5)
_PADDING = 0


def piece_ids(texts: Sequence[str], tower: NgramTextTower) -> NDArray[np.int64]:
    """Ids `[n, most pieces]` of the pieces of each text; 0 is padding.

    Words for ranks that nobody knows (`not_classified`) count for nothing.
    """
    import numpy as np

    found = [_pieces(text, tower.buckets)[: tower.max_pieces] for text in texts]
    ids = np.full((len(found), max(map(len, found), default=0) or 1), _PADDING, np.int64)
    for row, pieces in zip(ids, found, strict=True):
        row[: len(pieces)] = pieces
    return ids


def _pieces(text: str, buckets: int) -> list[int]:
    words = [f"<{w}>" for w in text.lower().split() if w != NOT_CLASSIFIED]
    pieces = [*words]
    for word in words:
        pieces += [word[at : at + n] for n in _SIZES for at in range(len(word) - n + 1)]
    return [1 + crc32(piece.encode()) % buckets for piece in pieces]


class NgramTextEncoder(nn.Module):
    """The mean vector of a name's pieces, through two linear layers.

    Attributes:
        dropout: on the hidden units, for training; 0 unless the trainer sets it.
    """

    def __init__(self, tower: NgramTextTower) -> None:
        super().__init__()
        self.pieces = nn.Parameter(torch.zeros(1 + tower.buckets, tower.width))
        self.norm = nn.LayerNorm(tower.width)
        self.hidden = nn.Linear(tower.width, tower.width)
        self.dropout = nn.Dropout(0.0)
        self.output = nn.Linear(tower.width, tower.output_dim)

    def forward(self, ids: Tensor) -> Tensor:
        """Piece ids `[batch, pieces]` to vectors `[batch, output_dim]` in float32."""
        known = (ids != _PADDING)[..., None].to(self.pieces.dtype)
        vectors = functional.embedding(ids, self.pieces) * known
        mean = vectors.sum(dim=1) / known.sum(dim=1).clamp(min=1)
        hidden = self.dropout(functional.gelu(self.hidden(self.norm(mean))))
        vector: Tensor = self.output(hidden)
        return vector.float()
