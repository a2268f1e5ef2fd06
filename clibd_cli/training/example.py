"""A specimen as training wants it: photo, barcode and names in one record."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.core.lineage import UNLABELLED, Lineage
from clibd_cli.core.records import MODALITIES, Modality, Skip

if TYPE_CHECKING:
    from clibd_cli.training.settings_fields import LabelKind

TRAIN, KEY, VAL = "train", "key", "val"
"""The splits of examples: those that are taught, those that are searched, those that ask."""

_COPY = re.compile(r"#\d+$")


@dataclass(frozen=True, slots=True)
class Example:
    """A specimen, or, where pairs are made by taxon, one photo or one barcode.

    Attributes:
        specimen_id: photos and barcodes of one specimen share it, so several examples may.
        barcode: cleaned.
        split: `train`, `key` or `val`.
        seen: whether the species is among the taught ones, by the table of splits; None where
            there is no table, or no species.
        photo_sha256: of the photo's bytes, as stores have it; None until it was looked at.
    """

    specimen_id: str
    photo: Path | None = None
    barcode: str | None = None
    lineage: Lineage = UNLABELLED
    bin_uri: str | None = None
    split: str | None = TRAIN
    seen: bool | None = None
    photo_sha256: str | None = None

    @property
    def words(self) -> str:
        """ "order family genus species", `not_classified` for what is not known."""
        return self.lineage.as_text()

    def has(self, modality: Modality) -> bool:
        """Whether there is a photo, a barcode, or a name at any rank."""
        if modality == "text":
            return bool(self.lineage)
        return (self.photo if modality == "image" else self.barcode) is not None

    def label(self, kind: LabelKind) -> str:
        """What the example shares with those that are alike to it.

        Without a BIN, or a species, these are the examples of its own specimen: what is known to
        its family alone may be of any species, and is not alike to all others of the family.
        """
        known = {"bin": self.bin_uri, "species": self.lineage.species, "specimen": None}[kind]
        return known or f"specimen {self.specimen_id}"


@dataclass(frozen=True, slots=True)
class Examples:
    """What a run is taught and validated with.

    Attributes:
        queries, keys: for validation; empty without a table of splits.
        skips: inputs that cannot be used, and why.
    """

    train: list[Example]
    queries: list[Example] = field(default_factory=list)
    keys: list[Example] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """What any of the training examples has."""
        return tuple(m for m in MODALITIES if any(example.has(m) for example in self.train))

    def searched(self, modality: Modality) -> list[Example]:
        """What validations search: the keys that have the modality.

        Where no key has it: the taught examples that have it, and a species.
        """
        keys = [example for example in self.keys if example.has(modality)]
        return keys or [e for e in self.train if e.has(modality) and e.lineage.species]


def original_id(specimen_id: str) -> str:
    """`id` for the copy `id#2`, as `io.names.UniqueIds` writes it; else the id itself."""
    return _COPY.sub("", specimen_id) if "#" in specimen_id else specimen_id
