"""What sequencing and editing do to a barcode: simulated records as untidy as real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    import numpy as np

Mess = Literal["lower_case", "ambiguous", "aligned", "gapped", "partial"]
MESSES: tuple[Mess, ...] = get_args(Mess)

TOO_SHORT_BASES = 7
"""Length of a failed read: below what any reader of barcodes accepts."""


def messy_read(barcode: str, rng: np.random.Generator, share: float = 0.4) -> str:
    """The barcode as its lab might deliver it; `share` of the calls spoil it in one way."""
    if rng.random() >= share:
        return barcode
    return spoil(barcode, MESSES[int(rng.integers(len(MESSES)))], rng)


def spoil(barcode: str, mess: Mess, rng: np.random.Generator) -> str:
    """The barcode with one kind of mess.

    `lower_case`: as some editors export it. `ambiguous`: one to six bases are N. `aligned`: ends
    missing and filled with `-`, as in an alignment. `gapped`: a run of `-` inside that stands for
    no base. `partial`: ends missing.
    """
    if mess == "lower_case":
        return barcode.lower()
    if mess == "ambiguous":
        bases = list(barcode)
        for site in rng.choice(len(barcode), int(rng.integers(1, 7)), replace=False):
            bases[site] = "N"
        return "".join(bases)
    if mess == "gapped":
        at = int(rng.integers(1, len(barcode)))
        return barcode[:at] + "-" * 3 * int(rng.integers(1, 4)) + barcode[at:]
    # Reads fail at their ends, more at the far one.
    start, lost = int(rng.integers(0, 25)), int(rng.integers(10, 90))
    kept = barcode[start : len(barcode) - lost]
    return "-" * start + kept + "-" * lost if mess == "aligned" else kept


def failed_read(barcode: str) -> str:
    """What is left where sequencing failed: too short to name anything."""
    return barcode.replace("-", "")[:TOO_SHORT_BASES]
