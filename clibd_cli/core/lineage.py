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
_LOWER_CASE_BINOMIAL = re.compile(r"^[a-z-]+ [a-z-]{2,}")
_NO_GENUS = re.compile(
    r"^(un(cultured|identified|known|determined|described|classified|assigned|named)|"
    r"environmental|mixed|several|indet|cf|aff|nr|near|gen|genus|new|no|not|sp|spp)\b"
)
"""How a remark such as "uncultured insect" begins, which is no binomial in lower case."""


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

        A bare epithet is joined to its genus, a species without a genus gives its first word
        ("aedes vexans" is Aedes vexans), and "Xestia sp." is a genus, not a species.
        """
        order, family, genus, species = (clean_label(labels.get(rank)) for rank in RANKS)
        if species and genus and " " not in species and species[0].islower():
            species = f"{genus} {species}"
        if species and not genus and _is_lower_case_binomial(species):
            species = species[0].upper() + species[1:]
        if species and not genus and " " in species and species[0].isupper():
            genus = species.split(" ", 1)[0]
        if species and _OPEN_NAME.match(species):
            species = None
        return cls(order, family, genus, species)

    def agrees_with(self, other: Lineage) -> bool:
        """Whether no rank that both name bears two names."""
        pairs = [(self.at(rank), other.at(rank)) for rank in RANKS]
        return all(mine == theirs for mine, theirs in pairs if mine and theirs)

    def completed_by(self, other: Lineage) -> Lineage:
        """This lineage, with the ranks that it lacks taken from `other`, where the two agree.

        Where they do not agree, nothing is taken: a lineage mixed of two would be nobody's.
        """
        if not self.agrees_with(other):
            return self
        return Lineage(*(self.at(rank) or other.at(rank) for rank in RANKS))

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


def _is_lower_case_binomial(name: str) -> bool:
    return bool(_LOWER_CASE_BINOMIAL.match(name)) and not _NO_GENUS.match(name)


UNLABELLED = Lineage()
