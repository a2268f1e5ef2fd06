"""Where a barcode lies on others: the shift at which the most short words agree.

Reads begin and end anywhere in the region, so two of them are compared over what they share.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WORD = 8
"""Bases of a word: long enough to stand in one place of a barcode, short enough to be shared by
barcodes of one order, which differ at every sixth base."""

_WORDS = 4**WORD
_NOWHERE = -1


def base_codes(barcodes: Sequence[str]) -> NDArray[np.int32]:
    """Codes `[n, longest]`: A, C, G, T are 0 to 3; all else, and padding, spoils its words."""
    import numpy as np

    longest = max(WORD, *(len(barcode) for barcode in barcodes))
    text = "".join(barcode.ljust(longest, "N") for barcode in barcodes)
    letters = np.frombuffer(text.encode("ascii", "replace"), np.uint8)
    return codes_of_letters(_WORDS)[letters].reshape(len(barcodes), longest)


@cache
def codes_of_letters(spoilt: int) -> NDArray[np.int32]:
    """A, C, G, T are 0 to 3, and all else is `spoilt`: too large for any word of clear bases."""
    import numpy as np

    table = np.full(256, spoilt, np.int32)
    for code, letter in enumerate(b"ACGT"):
        table[letter] = code
    return table


def words(codes: NDArray[np.int32]) -> NDArray[np.int32]:
    """The word that begins at each base, `[n, bases - 7]`; `4**8` where it is spoilt."""
    import numpy as np

    spoilt = codes >= _WORDS
    plain = np.where(spoilt, 0, codes)
    found, bad = plain, spoilt
    for width in (1, 2, 4):  # words of 2, 4 and 8 bases, each made of two of the half
        found = found[:, :-width] * 4**width + found[:, width:]
        bad = bad[:, :-width] | bad[:, width:]
    return np.where(bad, np.int32(_WORDS), found)


def shifts(query: str, references: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the first base of each reference lies on the query, and how many words say so.

    Returns:
        int64 `[n]` each; a reference without a common word lies at 0, and 0 words say so.
    """
    import numpy as np

    own = words(base_codes([query]))[0]
    place = np.full(_WORDS + 1, _NOWHERE, np.int64)
    place[own] = np.arange(len(own))
    place[_WORDS] = _NOWHERE
    theirs = words(base_codes(references))
    at = place[theirs]
    rows, columns = np.nonzero(at != _NOWHERE)
    span = len(own) + theirs.shape[1]
    votes = np.bincount(
        rows * span + at[rows, columns] - columns + theirs.shape[1], minlength=len(theirs) * span
    ).reshape(len(theirs), span)
    best = votes.argmax(axis=1)
    support = votes[np.arange(len(votes)), best]
    return np.where(support > 0, best - theirs.shape[1], 0), support
