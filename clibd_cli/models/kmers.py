"""Barcodes to k-mer token ids, as CLIBD and BarcodeBERT read them.

Tokens are non-overlapping k-mers from base 0; a k-mer with any letter but A, C, G, T is `<UNK>`.
Ids start with the special tokens, then ACGT^k in lexicographic order. Source: the tokenisers of the
official CLIBD and BarcodeBERT repositories.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clibd_cli.models.cards import DnaTower, KmerVocabulary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SPECIALS: dict[KmerVocabulary, tuple[str, ...]] = {
    "mask_cls_unk": ("<MASK>", "<CLS>", "<UNK>"),
    "mask_unk": ("[MASK]", "[UNK]"),
}
"""Special tokens in front of the k-mers; the unknown one is always last, the mask first (id 0)."""

MAX_K = 8


def vocabulary_size(k: int, vocabulary: KmerVocabulary) -> int:
    """Rows that the word embeddings must have."""
    return int(4**k) + len(SPECIALS[vocabulary])


def vocabulary_of(rows: int) -> tuple[int, KmerVocabulary] | None:
    """k and special tokens that explain an embedding of `rows` rows, or None."""
    for k in range(1, MAX_K + 1):
        for vocabulary in SPECIALS:
            if rows == vocabulary_size(k, vocabulary):
                return k, vocabulary
    return None


def token_count(tower: DnaTower) -> int:
    """Tokens of every barcode, padding and prefix included."""
    return int(tower.prefix_mask) + tower.max_bases // tower.k


def tokenize(
    barcodes: Sequence[str], tower: DnaTower
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Token ids and mask of cleaned barcodes (upper case, no gaps), both `[n, token_count]`.

    Longer barcodes are cut and shorter ones padded with `N`. The mask is 0 where the tower
    hides padding (`tower.attention_mask`), else 1 throughout; one token always counts, so that
    a barcode shorter than k has a mean.
    """
    import numpy as np

    bases, n, k = tower.max_bases, len(barcodes), tower.k
    text = "".join(barcode[:bases].ljust(bases, "N") for barcode in barcodes)
    letters = np.frombuffer(text.encode("ascii", "replace"), dtype=np.uint8).reshape(n, bases)
    count = bases // k
    codes = _base_codes(k)[letters[:, : count * k]].reshape(n, count, k)
    kmers = codes[..., 0].copy()
    for place in range(1, k):
        kmers = kmers * 4 + codes[..., place]
    specials = len(SPECIALS[tower.vocabulary])
    ids = np.where(kmers < 4**k, kmers + specials, specials - 1)
    real = np.fromiter((min(len(b), bases) // k for b in barcodes), np.int64, n)
    mask = np.ones((n, count), np.int64)
    if tower.attention_mask:
        mask = (np.arange(count) < np.maximum(real, 1)[:, None]).astype(np.int64)
    if tower.prefix_mask:
        ids = np.concatenate([np.zeros((n, 1), np.int64), ids], axis=1)
        mask = np.concatenate([np.ones((n, 1), np.int64), mask], axis=1)
    return ids.astype(np.int64, copy=False), mask


def _base_codes(k: int) -> NDArray[np.int32]:
    import numpy as np

    # Any other letter weighs so much that no k-mer with it stays below 4**k.
    codes = np.full(256, 4**k, dtype=np.int32)
    for code, letter in enumerate(b"ACGT"):
        codes[letter] = code
    return codes
