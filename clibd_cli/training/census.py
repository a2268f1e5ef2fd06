"""What a partition holds, part by part: the numbers of the paper's figure 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clibd_cli.training.partition import PARTS, TRAINING, Part
from clibd_cli.training.units import Collection, Units


@dataclass(frozen=True, slots=True)
class PartCount:
    """A box of the figure.

    Attributes:
        units: what was drawn: distinct barcodes, or specimens.
        unnamed: specimens without a species; they go where their barcode goes.
    """

    split: str
    title: str
    specimens: int
    units: int
    species: int
    unnamed: int


def count_parts(collection: Collection, units: Units, parts: Sequence[Part]) -> list[PartCount]:
    """Specimens, units and species in each part; `parts` has that of each unit."""
    specimens = dict.fromkeys(PARTS, 0)
    unnamed = dict.fromkeys(PARTS, 0)
    drawn = dict.fromkeys(PARTS, 0)
    species: dict[Part, set[str]] = {part: set() for part in PARTS}
    for unit, (_, lineage) in zip(units.of_entry, collection.labelled(), strict=True):
        part = parts[unit]
        specimens[part] += 1
        if lineage.species:
            species[part].add(lineage.species)
        else:
            unnamed[part] += 1
    for part in parts:
        drawn[part] += 1
    return [
        PartCount(*part, specimens[part], drawn[part], len(species[part]), unnamed[part])
        for part in PARTS
    ]


def trained_species(collection: Collection, units: Units, parts: Sequence[Part]) -> set[str]:
    """The species of which any specimen is in the training set: the seen ones."""
    return {
        lineage.species
        for unit, (_, lineage) in zip(units.of_entry, collection.labelled(), strict=True)
        if lineage.species and parts[unit].split in TRAINING
    }
