"""What a run of `classify` counts as its calls go by."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from clibd_cli.core.flags import CONFLICT
from clibd_cli.core.lineage import RANKS
from clibd_cli.core.records import Call

_CLUSTER = 2
"""Conflicts in one folder from which they are no accident."""


@dataclass(slots=True)
class Tally:
    """Counts of calls.

    Attributes:
        joined: how many rest on a photo and a barcode.
        explained: how many have a picture of where the encoder looked.
        named: how many have a name at each rank.
        flags: how many have each flag.
    """

    n: int = 0
    skipped: int = 0
    joined: int = 0
    explained: int = 0
    named: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RANKS, 0))
    flags: Counter[str] = field(default_factory=Counter)
    _places: Counter[str] = field(default_factory=Counter)
    _conflicts: Counter[str] = field(default_factory=Counter)

    def add(self, call: Call) -> None:
        """Count one."""
        self.n += 1
        self.joined += "+" in call.evidence
        self.explained += bool(call.explanation)
        for rank in RANKS:
            self.named[rank] += call.lineage.at(rank) is not None
        self.flags.update(call.flags)
        if "+" in call.evidence:
            place = str(Path(call.source).parent)
            self._places[place] += 1
            self._conflicts[place] += CONFLICT.word in call.flags

    def merge(self, other: Tally) -> None:
        """Count all that `other` has counted, too."""
        self.n += other.n
        self.skipped += other.skipped
        self.joined += other.joined
        self.explained += other.explained
        for rank in RANKS:
            self.named[rank] += other.named[rank]
        self.flags.update(other.flags)
        self._places.update(other._places)
        self._conflicts.update(other._conflicts)

    def clusters(self) -> dict[str, tuple[int, int]]:
        """Folders where photos and barcodes contradict each other again and again.

        Returns:
            The conflicts and the specimens of each, the worst first.
        """
        found = {
            place: (conflicts, self._places[place])
            for place, conflicts in self._conflicts.items()
            if conflicts >= _CLUSTER
        }
        return dict(sorted(found.items(), key=lambda item: (-item[1][0] / item[1][1], item[0])))
