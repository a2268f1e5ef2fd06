"""Which simulated animals a collection has: species held out, ids, barcodes read, mishaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from clibd_cli.simulated.barcodes import as_texts, evolve_species
from clibd_cli.simulated.reads import failed_read, messy_read
from clibd_cli.simulated.taxonomy import InventedSpecies, invented_taxonomy

if TYPE_CHECKING:
    import numpy as np

UNSEEN_SHARE = 0.2
"""Share of the species that have queries but no references."""

_MESSY_REFERENCES, _MESSY_QUERIES = 0.2, 0.4
_FIRST_QUERY = 1000
"""Queries are numbered from here, so that their photos do not depend on how many references
there are."""


@dataclass(frozen=True, slots=True)
class Animal:
    """One specimen.

    Attributes:
        number: tells its photo from those of its own species.
        read: its barcode as delivered.
    """

    specimen_id: str
    species: InventedSpecies
    number: int
    read: str


@dataclass(frozen=True, slots=True)
class Cast:
    """All animals of a collection.

    Attributes:
        unseen: the species of queries that have no reference.
        broken_photo, failed_barcode: ids of the two queries that have a mishap.
    """

    references: tuple[Animal, ...]
    queries: tuple[Animal, ...]
    unseen: frozenset[InventedSpecies]
    n_species: int
    broken_photo: str
    failed_barcode: str


def draw_cast(seed: int, references_per_species: int, queries_per_species: int) -> Cast:
    """The animals of the invented taxonomy that `seed` gives; the same seed, the same animals."""
    import numpy as np

    rng = np.random.default_rng([seed, 5])
    species = invented_taxonomy(seed)
    unseen = _held_out(species, rng)
    haplotypes = {name: as_texts(found) for name, found in evolve_species(species, seed).items()}
    known = [
        (one, i) for one in species if one not in unseen for i in range(references_per_species)
    ]
    asked = [(one, _FIRST_QUERY + i) for one in species for i in range(queries_per_species)]
    references = _animals("SIMR", known, haplotypes, _MESSY_REFERENCES, rng)
    queries = _animals("SIMQ", asked, haplotypes, _MESSY_QUERIES, rng)
    broken, failed = rng.choice(len(queries), 2, replace=False)
    queries[failed] = replace(queries[failed], read=failed_read(queries[failed].read))
    return Cast(
        references=tuple(references),
        queries=tuple(queries),
        unseen=unseen,
        n_species=len(species),
        broken_photo=queries[broken].specimen_id,
        failed_barcode=queries[failed].specimen_id,
    )


def _held_out(
    species: Sequence[InventedSpecies], rng: np.random.Generator
) -> frozenset[InventedSpecies]:
    """The unseen species: at most one of a genus, so that the genus is among the references."""
    genera = sorted({one.path[:3] for one in species})
    chosen = sorted(rng.choice(len(genera), round(UNSEEN_SHARE * len(species)), replace=False))
    members = ([one for one in species if one.path[:3] == genera[i]] for i in chosen)
    return frozenset(group[int(rng.integers(len(group)))] for group in members)


def _animals(
    prefix: str,
    wanted: Sequence[tuple[InventedSpecies, int]],
    haplotypes: Mapping[str, Sequence[str]],
    messy_share: float,
    rng: np.random.Generator,
) -> list[Animal]:
    """Animals of these species and numbers, shuffled: an id tells nothing about the species."""
    animals = []
    for place, i in enumerate(rng.permutation(len(wanted)), start=1):
        species, number = wanted[i]
        variants = haplotypes[species.lineage.species or ""]
        # The first haplotype is the common one.
        barcode = variants[min(int(rng.geometric(0.5)), len(variants)) - 1]
        read = messy_read(barcode, rng, messy_share)
        animals.append(Animal(f"{prefix}{place:04d}", species, number, read))
    return animals
