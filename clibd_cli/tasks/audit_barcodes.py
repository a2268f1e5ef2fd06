"""Barcodes that are short, full of ambiguous letters, or cannot be translated."""

from __future__ import annotations

from collections.abc import Iterator

from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.io.barcode_checks import (
    MANY_AMBIGUOUS,
    SHORT,
    n_bases,
    reverse_complement,
    stops_by_frame,
)
from clibd_cli.tasks.audit_findings import Finding, in_words
from clibd_cli.vectors.holdings import Holdings

_SEVERITY = {"stop_codon": 0.55, "many_ambiguous_bases": 0.2, "short_barcode": 0.25}


def barcode_findings(held: Holdings, progress: Progress = SILENT) -> Iterator[Finding]:
    """Up to three findings for each reference with a barcode."""
    progress.begin("checking barcodes", len(held))
    for row, barcode in enumerate(held.barcodes):
        progress.advance()
        if barcode:
            for kind, reason, numbers in _problems(barcode):
                yield Finding(
                    severity=_SEVERITY[kind],
                    kind=kind,
                    evidence="dna",
                    specimen_ids=(held.ids[row],),
                    reason=reason,
                    current=in_words(held.lineages[row]),
                    numbers=numbers,
                    source=held.sources[row],
                )


def _problems(barcode: str) -> Iterator[tuple[str, str, dict[str, float | int | str]]]:
    bases = n_bases(barcode)
    if bases < SHORT:
        yield (
            "short_barcode",
            f"{bases} bases; fewer than {SHORT} cannot join a BIN",
            {"bases": bases},
        )
    ambiguous = 1 - bases / len(barcode)
    if ambiguous > MANY_AMBIGUOUS:
        yield (
            "many_ambiguous_bases",
            f"{ambiguous:.1%} of the letters are no base; the barcode standard allows "
            f"{MANY_AMBIGUOUS:.0%}",
            {"ambiguous_share": ambiguous, "bases": bases},
        )
    stops = stops_by_frame(barcode)
    if min(stops) > 0:
        turned = min(stops_by_frame(reverse_complement(barcode))) == 0
        why = "it reads well reverse-complemented" if turned else "a pseudogene, or a frame shift"
        yield (
            "stop_codon",
            f"stop codons in every forward frame ({', '.join(map(str, stops))}): {why}",
            {"fewest_stops": min(stops), "reverse_complement_reads": "yes" if turned else "no"},
        )
