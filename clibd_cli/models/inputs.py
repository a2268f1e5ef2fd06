"""What a tower's encoder reads: tensors made of prepared photos, cleaned barcodes or words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from clibd_cli.models.cards import (
    AnyTower,
    ConvImageTower,
    DnaTower,
    ImageTower,
    NgramTextTower,
    ProfileDnaTower,
)
from clibd_cli.models.kmers import tokenize
from clibd_cli.models.ngrams import piece_ids
from clibd_cli.models.profile import base_codes
from clibd_cli.models.wordpiece import WordPieces


def encoder_inputs(
    tower: AnyTower,
    items: Sequence[Any],
    words: WordPieces | None,
    dtype: torch.dtype = torch.float32,
) -> list[Tensor]:
    """The arguments of the encoder's `forward`, on the CPU.

    Args:
        items: photos `[3, crop, crop]` (`prepare_photo`), cleaned barcodes, or taxonomic words.
        words: the tokeniser of a BERT text tower; None for all other towers.
        dtype: of the photos.
    """
    if isinstance(tower, ImageTower | ConvImageTower):
        return [torch.stack(list(items)).to(dtype)]
    if isinstance(tower, ProfileDnaTower):
        return [torch.from_numpy(base_codes(items, tower.max_bases))]
    if isinstance(tower, DnaTower):
        ids, mask = tokenize(items, tower)
        arrays = [ids, mask] if tower.attention_mask else [ids]
    elif isinstance(tower, NgramTextTower):
        arrays = [piece_ids(items, tower)]
    else:
        assert words is not None
        arrays = list(words.tokenize(items))
    return [torch.from_numpy(array) for array in arrays]
