"""Barcodes as they come from sequencers and databases, made plain, and judged."""

from __future__ import annotations

MIN_BASES = 10
"""Bases that a barcode needs: below, it is less than two 5-mers."""

MAX_LETTERS = 1_000_000
"""Letters beyond which a record is a chromosome and no barcode (COI barcodes have about 660)."""

_IUPAC = b"ACGTRYSWKMBDHVN"
_GAPS = b"-. \t\n\r\v\f"
_PLAIN = bytes.maketrans(b"acgtryswkmbdhvnuU?", b"ACGTRYSWKMBDHVNTTN")
_PLAIN_STR = {
    **{byte: chr(_PLAIN[byte]) for byte in range(128)},
    **dict.fromkeys(_GAPS),
    **dict.fromkeys(map(ord, "\u00a0\u200b\ufeff\u2028\u2029\u3000")),
}


def clean_barcode(raw: str) -> str:
    """`raw` in upper case, U as T, `?` as N, without gaps, white space and a `*` at the end.

    Strange letters stay, for `why_unusable` to name.
    """
    try:
        plain = raw.encode("ascii").translate(_PLAIN, _GAPS).decode("ascii")
    except UnicodeEncodeError:
        plain = raw.translate(_PLAIN_STR)
    return plain.rstrip("*")


def why_unusable(barcode: str, min_bases: int = MIN_BASES) -> str | None:
    """Why a cleaned barcode cannot be embedded, or None where it can.

    Only A, C, G and T count towards `min_bases`.
    """
    if not barcode:
        return "no sequence"
    if len(barcode) > MAX_LETTERS:
        return f"too long: more than {MAX_LETTERS:,} letters, a barcode has about 660"
    others = barcode.encode("ascii", "replace").translate(None, b"ACGT")
    if others.translate(None, _IUPAC):
        return _strange_letter(barcode)
    bases = len(barcode) - len(others)
    if bases < min_bases:
        noun = "base" if bases == 1 else "bases"
        return f"too short: {bases} {noun} of A, C, G or T, at least {min_bases} are needed"
    return None


def _strange_letter(barcode: str) -> str:
    known = _IUPAC.decode("ascii")
    position, letter = next((i, c) for i, c in enumerate(barcode, 1) if c not in known)
    shown = letter if letter.isprintable() else f"U+{ord(letter):04X}"
    return f"not a nucleotide sequence: {shown!r} at position {position}, gaps not counted"
