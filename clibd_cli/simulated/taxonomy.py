"""An invented taxonomy, so that simulated specimens cannot be taken for real animals.

No name made here belongs to a living thing. The names have the right form (orders end in -ptera,
families in -idae and come from their first genus, species are binomials), but they consist of
random syllables and of the stems "simul", "fict", "fabul" and "mock", which say what they are.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from clibd_cli.core.lineage import Lineage

_CONSONANTS = "bdfgklmnprstvz"
_VOWELS = "aeiou"
_ORDER_ENDINGS = ("simuloptera", "fictoptera", "fabuloptera", "mockoptera")
_GENUS_ENDINGS = ("simula", "fictia", "fabula", "mockia")
_EPITHET_ENDINGS = ("ata", "osa", "ella", "ensis", "ina")


@dataclass(frozen=True, slots=True)
class InventedSpecies:
    """A species and its place in the tree.

    Attributes:
        path: its order, family, genus and species, each counted from 0 among its siblings.
            Relatives share the start of it; their barcodes and photos are alike for that reason.
    """

    lineage: Lineage
    path: tuple[int, int, int, int]


class Namer:
    """Makes names, never the same twice.

    Args:
        syllables: in front of the ending; 2 are enough for thousands of names, 3 for a million.
    """

    def __init__(self, seed: int, syllables: int = 2) -> None:
        self._random = random.Random(f"clibd names {seed}")
        self._syllables = syllables
        self._used: set[str] = set()

    def order(self) -> str:
        """A name such as "Kavusimuloptera"."""
        return self._fresh(_ORDER_ENDINGS).capitalize()

    def genus(self) -> str:
        """A name such as "Kavufictia"."""
        return self._fresh(_GENUS_ENDINGS).capitalize()

    def epithet(self) -> str:
        """A name such as "kavella"."""
        return self._fresh(_EPITHET_ENDINGS)

    def _fresh(self, endings: Sequence[str]) -> str:
        pick = self._random.choice
        while True:
            stem = "".join(pick(_CONSONANTS) + pick(_VOWELS) for _ in range(self._syllables))
            ending = pick(endings)
            name = (stem[:-1] if ending[0] in _VOWELS else stem) + ending
            if name not in self._used:
                self._used.add(name)
                return name


def family_name(type_genus: str) -> str:
    """The family that has `type_genus`: "Kavufictia" gives "Kavufictiidae"."""
    return type_genus.removesuffix("a") + "idae"


def invented_taxonomy(
    seed: int = 7, orders: int = 4, families: int = 2, genera: int = 2, species: int = 3
) -> tuple[InventedSpecies, ...]:
    """A balanced tree of species: each order has `families`, each family `genera`, and so on.

    The same seed gives the same names. The species come in the order of their paths.
    """
    namer = Namer(seed)
    order = family = genus = ""
    found = []
    for o, f, g, s in product(range(orders), range(families), range(genera), range(species)):
        if f == g == s == 0:
            order = namer.order()
        if s == 0:
            genus = namer.genus()
        if g == s == 0:
            family = family_name(genus)
        lineage = Lineage(order, family, genus, f"{genus} {namer.epithet()}")
        found.append(InventedSpecies(lineage, (o, f, g, s)))
    return tuple(found)
