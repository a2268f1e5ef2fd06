"""What each training example teaches, as numbers: which rows are alike, and which taxa they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Protocol

import numpy as np

from clibd_cli.core.digest import sha256_text
from clibd_cli.core.lineage import RANKS, Lineage
from clibd_cli.training.example import Example
from clibd_cli.training.settings_fields import LabelKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_TAXON = -1
"""The code of an example that has no name at a rank."""


class Labelled(Protocol):
    """What targets are made of; `training.example.Example` is one."""

    @property
    def specimen_id(self) -> str:
        """Shared by the photo and the barcode of one animal."""

    @property
    def lineage(self) -> Lineage:
        """Its names."""

    @property
    def barcode(self) -> str | None:
        """The cleaned barcode."""

    @property
    def photo(self) -> PurePath | None:
        """Where the photo is, None without one."""

    def label(self, kind: LabelKind) -> str:
        """What the example shares with those that are alike to it."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Codes of the examples.

    Attributes:
        groups: int64 [n]; rows with equal codes are alike in the contrastive loss.
        taxa: for each rank, int64 [n]: from 0 on in the order of the names, or `NO_TAXON`.
        names: for each rank, the names of the codes.
        digest: of all examples, their ids, labels, names, barcodes and the names of their photos,
            in order; other data has another, the same data in another folder has not.
    """

    groups: NDArray[np.int64]
    taxa: dict[str, NDArray[np.int64]]
    names: dict[str, list[str]]
    digest: str

    @property
    def sizes(self) -> dict[str, int]:
        """The number of taxa at each rank."""
        return {rank: len(names) for rank, names in self.names.items()}


def make_targets(examples: Sequence[Labelled], label: LabelKind) -> Targets:
    """The targets of `examples`.

    Args:
        label: what rows that are alike share (see `Example.label`).
    """
    lineages = [example.lineage for example in examples]
    names = {rank: sorted({name for x in lineages if (name := x.at(rank))}) for rank in RANKS}
    taxa = {rank: _codes((x.at(rank) for x in lineages), names[rank]) for rank in RANKS}
    code_of: dict[str, int] = {}
    labels = [example.label(label) for example in examples]
    groups = [code_of.setdefault(text, len(code_of)) for text in labels]
    digest = _digest(examples, labels)
    return Targets(np.array(groups, dtype=np.int64), taxa, names, digest)


def digest_of(queries: Sequence[Example], keys: Sequence[Example]) -> str:
    """What tells the data of one validation from those of another, as `Targets.digest` does.

    Empty where nothing asks.
    """
    examples = [*queries, *keys] if queries else []
    return _digest(examples, [f"{e.split} {e.seen}" for e in examples]) if examples else ""


def _digest(examples: Sequence[Labelled], labels: Sequence[str]) -> str:
    return sha256_text(
        "\n".join(
            f"{example.specimen_id}\t{text}\t{example.lineage.as_text()}\t{example.barcode or ''}"
            f"\t{'' if example.photo is None else example.photo.name}"
            for example, text in zip(examples, labels, strict=True)
        )
    )


def _codes(given: Iterable[str | None], names: Sequence[str]) -> NDArray[np.int64]:
    code_of = {name: code for code, name in enumerate(names)}
    return np.array([NO_TAXON if name is None else code_of[name] for name in given], dtype=np.int64)
