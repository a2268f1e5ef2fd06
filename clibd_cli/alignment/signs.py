"""Signs that a barcode is no clean COI: stop codons, shifted frames, halves of two animals.

Nuclear copies of mitochondrial genes gather stop codons and frame shifts, sequencing errors too;
PCR can join the halves of two animals' barcodes. None proves it, so they are flags for people.
"""

from __future__ import annotations

from clibd_cli.alignment.identity import Comparison

_STOPS = ("TAA", "TAG")
"""Stop codons in all animal mitochondrial codes (vertebrates have two more, which mean serine or
lysine elsewhere)."""

_ENDS = 20
"""Bases at the ends of an overlap where an alignment cannot tell a gap from differences."""
_CLOSE = 0.9
"""Identity from which gaps mean something: among farther relatives, the shortest edit trades
differences for pairs of gaps."""
_CANCEL = 30
"""Bases within which a gap in one barcode and one in the other cancel out."""
_HALF_ALIKE = 0.97
_HALF_APART = 0.08
_HALF_BASES = 100


def has_stop_codons(barcode: str) -> bool:
    """Whether none of the three reading frames of a barcode is free of stop codons."""
    return len(barcode) >= 60 and all(_stops(barcode, frame) for frame in range(3))


def has_frame_shift(comparison: Comparison) -> bool:
    """Whether bases are missing or added within the overlap, and not by whole codons.

    Only a close reference can tell; against a far one the answer is no.
    """
    if comparison.overlap.identity < _CLOSE:
        return False
    net, last = 0, comparison.start
    for gap in comparison.gaps:
        if not comparison.start + _ENDS <= gap.at < comparison.stop - _ENDS:
            continue
        if gap.at - last > _CANCEL and net % 3:
            return True
        net, last = net + gap.length, gap.at
    return bool(net % 3)


def looks_chimeric(comparison: Comparison) -> bool:
    """Whether one half of a barcode is that of its reference, and the other one is not.

    One species differs along the whole barcode or hardly anywhere; a half that is alike to 97 %
    beside one that is 8 points less so is seen when two animals are joined.
    """
    start, stop = comparison.start, comparison.stop
    for cut in (start + (stop - start) * part // 6 for part in (2, 3, 4)):
        left, right = _alike(comparison, start, cut), _alike(comparison, cut, stop)
        if (
            min(cut - start, stop - cut) >= _HALF_BASES
            and max(left, right) >= _HALF_ALIKE
            and abs(left - right) >= _HALF_APART
        ):
            return True
    return False


def _alike(comparison: Comparison, start: int, stop: int) -> float:
    different = sum(start <= at < stop for at in comparison.different)
    gaps = sum(abs(gap.length) for gap in comparison.gaps if start <= gap.at < stop)
    return 1.0 - (different + gaps) / max(1, stop - start)


def _stops(barcode: str, frame: int) -> bool:
    return any(barcode[i : i + 3] in _STOPS for i in range(frame, len(barcode) - 2, 3))
