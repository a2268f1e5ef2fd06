"""What is a scientific name in the label of a reference, and what is a remark of its collector.

Reference libraries are full of names such as `Aedes cf. vexans`, `Chironomus sp. 1TE`,
`Bracon Janzen12` or `gelJanzen01 Janzen100`. They tell specimens apart, but nobody has published
them, and biodiversity databases take a `scientificName` without qualifiers: the rest belongs to
`identificationQualifier` (https://dwc.tdwg.org/terms/#dwc:scientificName).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_EPITHET = re.compile(r"(?:[^\W\d_]|\d{1,2})-[^\W\d_]{2,}|[^\W\d_]{2,}(?:-[^\W\d_]+)*")
_GENUS = re.compile(r"[^\W\d_]{2,}(?:-[^\W\d_]+)?")
_SUBGENUS = re.compile(r"\(([^\W\d_]+)\)")
_AUTHORSHIP = re.compile(r"\(?[^\W\d_][^\d]*(?:,? [12]\d{3}[a-z]?)?\)?")
_REMARKS = frozenset(
    (
        *("sp", "spp", "cf", "cfr", "aff", "nr", "near", "gr", "group", "agg", "complex", "indet"),
        *("ssp", "subsp", "var", "form", "type", "nov", "n", "x", "×", "sensu", "gen", "prope"),
        *("ex", "new", "species", "unknown", "unidentified", "undetermined"),
    )
)
"""Words in the place of an epithet that are none."""


@dataclass(frozen=True, slots=True)
class SpeciesName:
    """A species label, taken apart.

    Attributes:
        name: what may stand as a scientific name: the label itself, its genus alone, or None.
        rank: of that name: `subspecies`, `species` or `genus`.
        epithet, infraspecific: of a published name; None where it is none.
        qualifier: what the label says beyond `name`, where it is no published name.
    """

    name: str | None = None
    rank: str | None = None
    epithet: str | None = None
    infraspecific: str | None = None
    qualifier: str | None = None


def take_apart(species: str) -> SpeciesName:
    """Read a species label: a binomial, a trinomial, or anything that labs write in its place.

    A label is trusted as far as its form goes; no list of names is asked.
    """
    genus, *rest = species.split()
    if not is_genus(genus):
        return SpeciesName(qualifier=species)
    qualifier = " ".join(rest) or None
    subgenus = _SUBGENUS.fullmatch(rest[0]) if rest else None
    if subgenus and is_genus(subgenus[1]):
        rest = rest[1:]
    epithets = 0
    while epithets < min(2, len(rest)) and _is_epithet(rest[epithets]):
        epithets += 1
    author = " ".join(rest[epithets:])
    if not epithets or (author and not _is_author(author)):
        return SpeciesName(genus, "genus", qualifier=qualifier)
    if epithets == 2:
        return SpeciesName(species, "subspecies", rest[0], rest[1])
    return SpeciesName(species, "species", rest[0])


def is_genus(name: str) -> bool:
    """Whether a name has the form of a genus: `gelJanzen01` and `LepidopteraGEN` have not."""
    return bool(_GENUS.fullmatch(name)) and name[0].isupper() and name[1:] == name[1:].lower()


def _is_epithet(word: str) -> bool:
    return word == word.lower() and word not in _REMARKS and bool(_EPITHET.fullmatch(word))


def _is_author(text: str) -> bool:
    words = re.split(r"[\s.,()]+", text)
    # A letter alone is a sibling species, but with a dot it is Linnaeus.
    named = text.lstrip("(")[:1].isupper() and len(text) > 1
    return named and not _REMARKS & set(words) and bool(_AUTHORSHIP.fullmatch(text))
