"""Lineages: what a specimen is called at order, family, genus and species."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

RANKS = ("order", "family", "genus", "species")
"""From the broadest to the finest; every table of clibd has its columns in this order."""

NOT_CLASSIFIED = "not_classified"
"""What BIOSCAN tables and the official text encoder write for a rank without a name."""

_NO_LABEL = frozenset(
    {"", "na", "n/a", "nan", "none", "null", "unknown", "unclassified", NOT_CLASSIFIED}
)
_SPACES = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_OPEN_NAME = re.compile(r"^\S+ (sp|spp)\.?$")


def clean_text(text: str) -> str:
    """`text` on one line: control characters and runs of white space become one space."""
    return _SPACES.sub(" ", text).strip()


def clean_label(value: object) -> str | None:
    """The name in a cell of a label table, or None where it means "no label"."""
    text = "" if value is None else clean_text(str(value))
    return None if text.lower() in _NO_LABEL else text


@dataclass(frozen=True, slots=True)
class Lineage:
    """Names at the four ranks; None where nobody gave one."""

    order: str | None = None
    family: str | None = None
    genus: str | None = None
    species: str | None = None

    @classmethod
    def from_labels(cls, labels: Mapping[str, object]) -> Lineage:
        """The lineage in the cells `order` to `species` of a table's row.

        A bare epithet is joined to its genus, a species without a genus gives its first word,
        and "Xestia sp." is a genus, not a species.
        """
        order, family, genus, species = (clean_label(labels.get(rank)) for rank in RANKS)
        if species and genus and " " not in species and species[0].islower():
            species = f"{genus} {species}"
        if species and not genus and " " in species and species[0].isupper():
            genus = species.split(" ", 1)[0]
        if species and _OPEN_NAME.match(species):
            species = None
        return cls(order, family, genus, species)

    def at(self, rank: str) -> str | None:
        """The name at `rank`, which is one of `RANKS`."""
        name: str | None = getattr(self, rank)
        return name

    @property
    def deepest(self) -> str | None:
        """The finest rank that has a name, or None."""
        return next((rank for rank in reversed(RANKS) if self.at(rank)), None)

    def __bool__(self) -> bool:
        return self.deepest is not None

    def as_text(self) -> str:
        """ "order family genus species", as the official text encoder reads it."""
        return " ".join(self.at(rank) or NOT_CLASSIFIED for rank in RANKS)


UNLABELLED = Lineage()
