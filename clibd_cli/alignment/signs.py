"""Signs that a barcode is no clean COI: stop codons, shifted frames, parts of two animals.

Nuclear copies of mitochondrial genes gather stop codons and frame shifts, sequencing errors too;
PCR can join the halves of two animals' barcodes. None proves it, so they are flags for people.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from math import sqrt

from clibd_cli.alignment.identity import Comparison, overlaps

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
_PART_BASES = 100
"""Bases of a part from which it is judged by itself."""
_CUTS = 16
"""A joint is looked for at each sixteenth of an overlap."""
_FEWEST_EDITS = 8
_APART = 0.07
_DEVIATIONS = 4.2
"""By how many standard deviations the parts must differ: those of 4 in 6,000 real barcodes do, half
of which are of species that the references lack."""
_SAME_PLACE = 0.75
"""Identity that a part has with its own place in a relative, and never with another place: of 6,000
real barcodes none has more than 0.53."""


def has_stop_codons(barcode: str) -> bool:
    """Whether none of the three reading frames of a barcode is free of stop codons."""
    if len(barcode) < 60:
        return False
    return len({at % 3 for codon in _STOPS for at in _all(codon, barcode)}) == 3


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
    """Whether one part of a barcode is much less alike to its reference than the rest is.

    One species differs from another along the whole barcode; where two animals are joined, the
    differences begin at the joint. The reference must cover more than one of the parts.
    """
    start, stop = comparison.start, comparison.stop
    gaps = (place for gap in comparison.gaps for place in [gap.at] * min(abs(gap.length), 3))
    edits = sorted((*comparison.different, *gaps))
    if len(edits) < _FEWEST_EDITS:
        return False
    share = len(edits) / (stop - start)
    for step in range(1, _CUTS):
        left = (stop - start) * step // _CUTS
        right = stop - start - left
        if min(left, right) < _PART_BASES:
            continue
        before = bisect_left(edits, start + left)
        apart = abs(before / left - (len(edits) - before) / right)
        chance = sqrt(share * max(0.0, 1.0 - share) * (1.0 / left + 1.0 / right))
        if apart >= _APART and apart >= _DEVIATIONS * chance:
            return True
    return False


def looks_rearranged(barcode: str, reference: str, comparison: Comparison) -> bool:
    """Whether a part of a barcode lies beside its reference, and yet belongs to it elsewhere.

    So it is where the halves of a barcode are swapped.
    """
    for rest in (barcode[: comparison.start], barcode[comparison.stop :]):
        if len(rest) >= _PART_BASES:
            (found,) = overlaps(rest, [reference])
            if found and found.bases >= _PART_BASES and found.identity >= _SAME_PLACE:
                return True
    return False


def _all(codon: str, barcode: str) -> Iterator[int]:
    """Where a codon stands in a barcode, in any frame."""
    at = barcode.find(codon)
    while at >= 0:
        yield at
        at = barcode.find(codon, at + 1)
