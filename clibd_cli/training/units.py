"""Specimens and what must not be parted: photos and barcodes of one specimen, equal barcodes.

A unit is what a partition draws: a specimen with all that its id names (`x`, `x#2`, in photos and
barcodes), or, by barcode, all specimens that share a barcode, by however many steps. About half of
the barcodes of a collection are repeats: drawn by specimen, they would be asked with their answer
among the keys.

Two barcodes are equal when their letters are, Ns at either end left out, as these say nothing.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from clibd_cli.core.lineage import UNLABELLED, Lineage
from clibd_cli.core.records import Specimen

_COPY = re.compile(r"#\d+$")


@dataclass(frozen=True, slots=True)
class Entry:
    """A specimen of a collection, of all its inputs together; `file` is its photo as written."""

    specimen_id: str
    lineage: Lineage
    bin_uri: str | None
    file: str | None


@dataclass(frozen=True, slots=True)
class Units:
    """The units of a collection.

    Attributes:
        names: of each unit: the least of its ids.
        species: of each unit's specimens, sorted, without repeats.
        barcoded: whether any of a unit's specimens has a barcode.
        of_entry: the unit of each entry.
    """

    names: list[str]
    species: list[tuple[str, ...]]
    barcoded: list[bool]
    of_entry: array[int]


class Collection:
    """Gathers specimens; a photo and a barcode with one id are one.

    Args:
        by_barcode: whether equal barcodes hold specimens together.
    """

    def __init__(self, by_barcode: bool) -> None:
        self._by_barcode = by_barcode
        self._entry_of: dict[str, int] = {}
        self._ids: list[str] = []
        self._lineages: list[Lineage] = []
        self._bins: list[str | None] = []
        self._files: list[str | None] = []
        self._barcoded = bytearray()
        self._first_with: dict[bytes, int] = {}
        self._parents = array("q")
        self._same: dict[Lineage, Lineage] = {UNLABELLED: UNLABELLED}
        self._more_names: list[tuple[int, str]] = []
        self.relabelled: list[str] = []
        """Ids that have two lineages; the first is kept."""

    def add(self, specimen: Specimen) -> None:
        """Enter a specimen; what is known of its id from another input is completed."""
        # A collection has few lineages: each is kept once.
        lineage = self._same.setdefault(specimen.lineage, specimen.lineage)
        entry = self._entry_of.get(specimen.specimen_id)
        if entry is None:
            entry = self._enter(specimen, lineage)
        else:
            self._complete(entry, specimen, lineage)
        if specimen.modality == "image":
            self._files[entry] = specimen.content
        elif specimen.modality == "dna":
            self._barcoded[entry] = True
            self._link(entry, specimen.content)

    def _link(self, entry: int, barcode: str) -> None:
        if self._by_barcode:
            bases = barcode.strip("N").encode()
            key = hashlib.blake2b(bases, digest_size=16).digest()
            self._join(entry, self._first_with.setdefault(key, entry))

    def _enter(self, specimen: Specimen, lineage: Lineage) -> int:
        entry = self._entry_of[specimen.specimen_id] = len(self._ids)
        self._ids.append(specimen.specimen_id)
        self._lineages.append(lineage)
        self._bins.append(specimen.bin_uri)
        self._files.append(None)
        self._barcoded.append(False)
        self._parents.append(entry)
        if "#" in specimen.specimen_id:
            original = self._entry_of.get(_COPY.sub("", specimen.specimen_id))
            if original is not None:
                self._join(entry, original)
        return entry

    def _complete(self, entry: int, specimen: Specimen, lineage: Lineage) -> None:
        known = self._lineages[entry]
        self._bins[entry] = self._bins[entry] or specimen.bin_uri
        if not known:
            self._lineages[entry] = lineage
        elif lineage and lineage is not known:
            self.relabelled.append(specimen.specimen_id)
            if lineage.species:
                self._more_names.append((entry, lineage.species))

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, specimen_id: object) -> bool:
        return specimen_id in self._entry_of

    def has_barcode(self, specimen_id: str) -> bool:
        """Whether a barcode of that id has been entered."""
        entry = self._entry_of.get(specimen_id)
        return entry is not None and bool(self._barcoded[entry])

    def __iter__(self) -> Iterator[Entry]:
        columns = (self._ids, self._lineages, self._bins, self._files)
        return (Entry(*cells) for cells in zip(*columns, strict=True))

    def labelled(self) -> Iterator[tuple[str, Lineage]]:
        """The id and the names of each entry."""
        return zip(self._ids, self._lineages, strict=True)

    def units(self) -> Units:
        """The units, in the order of their first entries."""
        numbers: dict[int, int] = {}
        names: list[str] = []
        species: list[tuple[str, ...]] = []
        barcoded: list[bool] = []
        of_entry = array("q")
        for entry, name in enumerate(self._ids):
            unit = numbers.setdefault(self._root(entry), len(names))
            if unit == len(names):
                names.append(name)
                species.append(())
                barcoded.append(False)
            barcoded[unit] |= bool(self._barcoded[entry])
            names[unit] = min(names[unit], name)
            of_entry.append(unit)
        same: dict[tuple[str, ...], tuple[str, ...]] = {}
        for entry, name in self._all_species():
            unit = of_entry[entry]
            if name not in species[unit]:
                more = tuple(sorted((*species[unit], name)))
                species[unit] = same.setdefault(more, more)
        return Units(names, species, barcoded, of_entry)

    def _all_species(self) -> Iterator[tuple[int, str]]:
        for entry, lineage in enumerate(self._lineages):
            if lineage.species:
                yield entry, lineage.species
        yield from self._more_names

    def _root(self, entry: int) -> int:
        parents = self._parents
        while parents[entry] != entry:
            parents[entry] = parents[parents[entry]]
            entry = parents[entry]
        return entry

    def _join(self, one: int, other: int) -> None:
        one, other = self._root(one), self._root(other)
        # The earlier entry leads, which keeps the paths short.
        self._parents[max(one, other)] = min(one, other)
