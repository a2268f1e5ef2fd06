"""Barcodes as they come out of bad reads: short, shifted, misread, turned round.

What a model has seen in training it can bear later: a tower over k-mers that knows whole barcodes
alone takes one that begins a base later for another animal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from clibd_cli.training.settings_fields import TrainSettings

_COMPLEMENT = bytes.maketrans(b"ACGTRYSWKMBDHVN", b"TGCAYRSWMKVHDBN")
_BASES = b"ACGT"


def augment_barcode(barcode: str, rng: np.random.Generator, settings: TrainSettings) -> str:
    """A variant of a cleaned barcode, in the same letters and N.

    In this order, each where the settings ask for it: a stretch of it alone (from
    `barcode_crop_min` letters to all but one, each length and place as likely); up to
    `barcode_shift` letters lost in front, or as many Ns added there; bases read as other ones;
    the reverse complement. What is shorter than `barcode_crop_min` is neither cut nor shortened.
    """
    if not settings.barcode_augmentation:
        return barcode
    if rng.random() < settings.barcode_crop_probability:
        barcode = _stretch(barcode, settings.barcode_crop_min, rng)
    if settings.barcode_shift:
        barcode = _shifted(barcode, settings.barcode_shift, settings.barcode_crop_min, rng)
    if settings.barcode_substitutions:
        barcode = _misread(barcode, settings.barcode_substitutions, rng)
    if rng.random() < settings.barcode_reverse:
        barcode = reverse_complement(barcode)
    return barcode


def reverse_complement(barcode: str) -> str:
    """The other strand, read in its own direction; codes of ambiguity included."""
    return barcode.encode("ascii").translate(_COMPLEMENT)[::-1].decode("ascii")


def _stretch(barcode: str, shortest: int, rng: np.random.Generator) -> str:
    if len(barcode) <= shortest:
        return barcode
    length = int(rng.integers(shortest, len(barcode)))
    start = int(rng.integers(len(barcode) - length + 1))
    return barcode[start : start + length]


def _shifted(barcode: str, most: int, shortest: int, rng: np.random.Generator) -> str:
    shift = int(rng.integers(-most, most + 1))
    if shift > 0:
        return "N" * shift + barcode
    lost = min(-shift, max(0, len(barcode) - shortest))
    return barcode[lost:]


def _misread(barcode: str, rate: float, rng: np.random.Generator) -> str:
    import numpy as np

    letters = np.frombuffer(barcode.encode("ascii"), dtype=np.uint8).copy()
    bases = np.frombuffer(_BASES, dtype=np.uint8)
    wrong = (rng.random(len(letters)) < rate) & np.isin(letters, bases)
    code = np.searchsorted(bases, letters[wrong])
    letters[wrong] = bases[(code + rng.integers(1, 4, len(code))) % 4]
    return bytes(letters).decode("ascii")
