"""How alike two barcodes are over what they share, insertions and deletions included.

Distances come from rapidfuzz, which counts them in machine words. Base by base, without gaps, two
barcodes are compared in 0.2 microseconds, which tells whether they lie right on each other, and
that the edit distance is no more: so far it need only be looked for, in 4 to 14 microseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from rapidfuzz.distance import Hamming, Levenshtein

from clibd_cli.alignment.places import shifts

LEAST_OVERLAP = 60
"""Bases that two barcodes must share; a shorter piece is alike in many animals."""

_BASES = "ACGT"
_RIGHT = 0.6
"""Identity without gaps from which two barcodes lie right on each other; by chance it is 0.25 to
0.35, and between the farthest animals about 0.7."""
_SURELY = 100
"""Bases from which that is no chance."""
_PROBE = 14
_PROBES = 8
"""Bases of the pieces of a reference that are looked for in a query, and how many of them."""
_NO_GAPS = 2
"""With no more bases different, gaps cannot make two pieces of one length more alike."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """What two barcodes share.

    Attributes:
        identity: 0 to 1, equal bases among those compared.
        bases: how many were compared; columns with an ambiguous base are not.
    """

    identity: float
    bases: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Bases that one of two aligned barcodes lacks.

    Attributes:
        at: base of the query, from 0.
        length: how many; above 0 where the query has more, below where it has fewer.
    """

    at: int
    length: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two barcodes, base by base.

    Attributes:
        start, stop: the part of the query that lies on the reference.
        different: bases of the query, from 0, that are other ones in the reference.
    """

    overlap: Overlap
    start: int
    stop: int
    different: tuple[int, ...]
    gaps: tuple[Gap, ...]


class _Pair(NamedTuple):
    """The parts of two barcodes that lie on each other.

    Attributes:
        start: where in the query that begins.
        plain: how many bases are different, without gaps.
    """

    mine: str
    theirs: str
    start: int
    plain: int


def overlaps(query: str, references: Sequence[str]) -> list[Overlap | None]:
    """How alike `query` is to each of the references; None where they share too little.

    Args:
        query, references: cleaned barcodes (upper case, no gaps), on one strand.
    """
    clear = not _ambiguous(query)
    return [
        _overlap(pair, len(query), clear, not _ambiguous(reference))
        for reference, pair in zip(references, _pairs(query, references), strict=True)
    ]


def _overlap(pair: _Pair, query_bases: int, clear: bool, theirs_clear: bool) -> Overlap | None:
    """How alike the common parts of two barcodes are.

    Args:
        clear, theirs_clear: whether no base of the query, or of the reference, is ambiguous.
    """
    mine, theirs, start, plain = pair
    unclear = 0
    if not (clear and theirs_clear):
        unclear = max(_ambiguous(mine), _ambiguous(theirs))
    columns = max(len(mine), len(theirs)) - unclear
    if columns < min(LEAST_OVERLAP, query_bases) or not columns:
        return None
    edits = plain
    if plain > _NO_GAPS:
        edits = Levenshtein.distance(mine, theirs, score_cutoff=plain)
    if unclear and (edits < plain or not clear):
        # Two of them may face each other, or bases, or gaps: only column by column can one tell.
        overlap = _compared(mine, theirs, start).overlap
        return overlap if overlap.bases >= min(LEAST_OVERLAP, query_bases) else None
    different = edits - unclear  # no base of the query is like an ambiguous one
    return Overlap(max(0.0, 1.0 - different / columns), columns)


def compare(query: str, reference: str) -> Comparison:
    """Align two barcodes where they overlap, and say where they differ."""
    (pair,) = _pairs(query, [reference])
    return _compared(pair.mine, pair.theirs, pair.start)


def _compared(mine: str, theirs: str, start: int) -> Comparison:
    """The common parts of two barcodes, which begin at the query's base `start`."""
    different: list[int] = []
    gaps: list[Gap] = []
    unclear = _ambiguous(mine)
    for edit in Levenshtein.editops(theirs, mine):
        if edit.tag == "replace":
            if mine[edit.dest_pos] in _BASES and theirs[edit.src_pos] in _BASES:
                different.append(start + edit.dest_pos)
            elif mine[edit.dest_pos] in _BASES:
                unclear += 1
        else:
            _extend(gaps, start + edit.dest_pos, 1 if edit.tag == "insert" else -1)
    columns = max(1, len(mine) - unclear + sum(-gap.length for gap in gaps if gap.length < 0))
    equal = len(mine) - unclear - len(different) - sum(max(0, gap.length) for gap in gaps)
    overlap = Overlap(max(0.0, equal / columns), columns)
    return Comparison(overlap, start, start + len(mine), tuple(different), tuple(gaps))


def _pairs(query: str, references: Sequence[str]) -> list[_Pair]:
    """What the query and each of the references have in common.

    Most barcodes of a lab begin or end together, which is quickly seen; words tell the others.
    """
    found = [_plain_pair(query, reference) for reference in references]
    unknown = [reference for reference, pair in zip(references, found, strict=True) if not pair]
    by_words: Iterator[int] = iter(shifts(query, unknown)[0].tolist() if unknown else ())
    return [
        pair or _pair(query, reference, next(by_words))
        for reference, pair in zip(references, found, strict=True)
    ]


def _plain_pair(query: str, reference: str) -> _Pair | None:
    """Both where they are surely alike without gaps; None where none of the shifts tried is so."""
    for shift in _likely_shifts(query, reference):
        pair = _pair(query, reference, shift)
        if len(pair.mine) >= _SURELY and pair.plain <= (1.0 - _RIGHT) * len(pair.mine):
            return pair
    return None


def _likely_shifts(query: str, reference: str) -> Iterator[int]:
    """Those by which both begin, or end, together, or have a short piece in common."""
    if len(query) == len(reference):
        yield 0
    for at in range(0, len(reference) - _PROBE, len(reference) // _PROBES + 1):
        found = query.find(reference[at : at + _PROBE])
        if found >= 0:
            yield found - at
    yield 0
    yield len(query) - len(reference)


def _pair(query: str, reference: str, shift: int) -> _Pair:
    """Both where they lie on each other, with the reference's first base at `shift`."""
    if shift == 0 and len(query) == len(reference):
        return _Pair(query, reference, 0, Hamming.distance(query, reference))
    start, stop = max(0, shift), min(len(query), shift + len(reference))
    mine, theirs = query[start:stop], reference[start - shift : max(0, stop - shift)]
    return _Pair(mine, theirs, start, Hamming.distance(mine, theirs))


@lru_cache(maxsize=16_384)
def _ambiguous(barcode: str) -> int:
    return len(barcode) - sum(map(barcode.count, _BASES))


def _extend(gaps: list[Gap], at: int, sign: int) -> None:
    """Count one more base in or out, into the last gap where it goes on there."""
    if gaps and gaps[-1].length * sign > 0:
        last = gaps[-1]
        expected = last.at + last.length if sign > 0 else last.at
        if at == expected:
            gaps[-1] = Gap(last.at, last.length + sign)
            return
    gaps.append(Gap(at, sign))
