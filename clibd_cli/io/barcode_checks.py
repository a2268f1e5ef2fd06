"""Barcodes that a library is better without: short, full of N, or with stop codons."""

from __future__ import annotations

import re
from functools import lru_cache

SHORT = 300
"""Bases below which a record cannot even join a BIN (Ratnasingham & Hebert 2013)."""

MANY_AMBIGUOUS = 0.01
"""Share of letters other than A, C, G, T that BOLD's barcode standard allows."""

INVERTEBRATE_MITOCHONDRIAL = 5
"""NCBI's number of the genetic code."""

_COMPLEMENT = str.maketrans("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN")


def n_bases(barcode: str) -> int:
    """How many A, C, G and T a cleaned barcode has."""
    return sum(map(barcode.count, "ACGT"))


def stops_by_frame(barcode: str) -> tuple[int, int, int]:
    """Stop codons in each forward frame of a cleaned barcode, by NCBI's code 5.

    Codons with ambiguous letters are no stop codons.
    """
    counts = [0, 0, 0]
    for found in _stop_pattern().finditer(barcode):
        counts[found.start() % 3] += 1
    return counts[0], counts[1], counts[2]


def reverse_complement(barcode: str) -> str:
    """The other strand of a cleaned barcode."""
    return barcode.translate(_COMPLEMENT)[::-1]


@lru_cache(maxsize=1)
def _stop_pattern() -> re.Pattern[str]:
    from Bio.Data.CodonTable import unambiguous_dna_by_id

    stops = unambiguous_dna_by_id[INVERTEBRATE_MITOCHONDRIAL].stop_codons
    # Looking ahead finds those that overlap, too.
    return re.compile(f"(?=({'|'.join(stops)}))")
