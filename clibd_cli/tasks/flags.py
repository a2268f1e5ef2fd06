"""Words beside a call that tell people where to look twice."""

from __future__ import annotations

from collections.abc import Iterator

from clibd_cli.alignment.signs import has_frame_shift, has_stop_codons
from clibd_cli.calibration.lengths import clear_bases
from clibd_cli.core.flags import (
    CHIMERA,
    FRAME_SHIFT,
    NEAR_EMPTY,
    REVERSED,
    SHORT_BARCODE,
    STOP_CODONS,
)
from clibd_cli.tasks.finding import Found

_FULL = 500
"""Bases from which BOLD gives a barcode a BIN of its own."""


def odd_signs(found: Found) -> Iterator[str]:
    """What is odd about a photo, or about a barcode by itself and beside its nearest reference."""
    if found.specimen.near_empty:
        yield NEAR_EMPTY.word
    if found.specimen.modality != "dna":
        return
    barcode = found.specimen.content
    if clear_bases(barcode) < _FULL:
        yield SHORT_BARCODE.word
    if found.specimen.turned:
        yield REVERSED.word
    if has_stop_codons(barcode):
        yield STOP_CODONS.word
    if found.comparison and has_frame_shift(found.comparison):
        yield FRAME_SHIFT.word
    if found.mixed:
        yield CHIMERA.word
