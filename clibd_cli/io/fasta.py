"""FASTA records, one at a time and of bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from clibd_cli.io.inflate import BrokenInputError
from clibd_cli.io.sequences import MAX_LETTERS


def read_fasta(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Header (without `>`) and letters of each record, as Biopython reads them.

    Comment lines (`;`) and blank lines are left out. Of a record with more than
    `sequences.MAX_LETTERS` letters only so many are kept that it can be told.
    """
    from Bio.SeqIO.FastaIO import SimpleFastaParser

    records: Iterator[tuple[str, str]] = SimpleFastaParser(_bounded(lines))
    return records


def _bounded(lines: Iterable[str]) -> Iterator[str]:
    letters = 0
    for raw in _complete(lines):
        line = raw.strip()
        if not line or line[0] == ";":
            continue
        if line[0] == ">":
            letters = 0
        elif letters > MAX_LETTERS:
            continue
        else:
            letters += len(line) - line.count(" ")
        yield line


def _complete(lines: Iterable[str]) -> Iterator[str]:
    """`lines`, and one more header where they break after a whole record, to end that one.

    The parser gives a record only when the next one begins, or all is well.
    """
    try:
        yield from lines
    except BrokenInputError as error:
        if error.at_end:
            yield ">"
        raise
