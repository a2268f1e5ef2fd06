"""What an audit finds: one row of its table, and how bad each kind is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from clibd_cli.core.lineage import RANKS, Lineage

KINDS: dict[str, str] = {
    "label_disagrees": "the nearest references bear other names",
    "duplicate": "one content or one id under several labels",
    "inconsistent_lineage": "one name in two higher taxa",
    "bin_with_several_species": "a BIN holds several species",
    "species_in_several_bins": "a species lies in BINs far apart",
    "stop_codon": "stop codons in every forward frame",
    "near_empty_photo": "little or nothing to see",
    "hybrid_label": "a name that is not one well-written species",
    "shared_barcode": "species that share a barcode: no error, but no answer either",
    "many_ambiguous_bases": "more letters without a base than the barcode standard allows",
    "short_barcode": "too few bases",
}
"""Every kind of finding, in words; the broader the damage, the further up."""

AUDIT_COLUMNS: dict[str, type] = {
    "severity": float,
    "kind": str,
    "evidence": str,
    "rank": str,
    "specimen_ids": str,
    "n_specimens": int,
    "current_lineage": str,
    "suggested_lineage": str,
    "reason": str,
    "numbers": str,
    "source": str,
}
"""The columns of the table, with the type of their values."""

_IDS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a curator should look at.

    Attributes:
        severity: 0 to 1, comparable between kinds: from 0.75 on probably an error, below 0.4
            something to know.
        evidence: `dna`, `image`, or `label`.
        rank: at which the trouble is, or "".
        specimen_ids: of all references concerned, those to be corrected first.
        current, suggested: lineages or names in words; "" where there is none.
        numbers: what was measured.
        source: where the first of the references came from.
    """

    severity: float
    kind: str
    evidence: str
    specimen_ids: tuple[str, ...]
    reason: str
    current: str = ""
    suggested: str = ""
    rank: str = ""
    numbers: Mapping[str, float | int | str] = field(default_factory=dict)
    source: str = ""

    def as_row(self) -> dict[str, Any]:
        """The finding as a row of `AUDIT_COLUMNS`."""
        shown = self.specimen_ids[:_IDS_SHOWN]
        more = len(self.specimen_ids) - len(shown)
        return {
            "severity": round(self.severity, 4),
            "kind": self.kind,
            "evidence": self.evidence,
            "rank": self.rank,
            "specimen_ids": ";".join(shown) + (f";+{more}" if more else ""),
            "n_specimens": len(self.specimen_ids),
            "current_lineage": self.current,
            "suggested_lineage": self.suggested,
            "reason": self.reason,
            "numbers": "; ".join(f"{name}={_number(n)}" for name, n in self.numbers.items()),
            "source": self.source,
        }


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """The worst first; equals in a fixed order."""
    return sorted(findings, key=lambda f: (-f.severity, f.kind, f.specimen_ids, f.evidence))


def in_words(lineage: Lineage) -> str:
    """A lineage for people: what is named, from order to species."""
    return " ".join(name for rank in RANKS if (name := lineage.at(rank)))


def listed(counts: Mapping[str, int], most: int = 5) -> str:
    """Names with their numbers of specimens, the commonest first."""
    order = sorted(counts, key=lambda name: (-counts[name], name))
    text = ", ".join(f"{name} ({counts[name]:,})" for name in order[:most])
    return text + (f" and {len(order) - most} more" if len(order) > most else "")


def _number(value: float | int | str) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
