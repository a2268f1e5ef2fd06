"""What the user named on the command line, as streams of specimens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.records import Modality, Skip, Specimen
from clibd_cli.io.sequences import MIN_BASES

if TYPE_CHECKING:
    from clibd_cli.io.labels import LabelTable


@dataclass(frozen=True, slots=True)
class Inputs:
    """Files and folders to read.

    Attributes:
        dna: FASTA files or tables, `-` for standard input.
        photos: folders or files.
        text: a file of taxonomic names, or one name.
        labels: tables of labels for any of them.
    """

    dna: Sequence[str] = ()
    photos: Sequence[str] = ()
    text: str | None = None
    labels: Sequence[str] = ()
    min_bases: int = MIN_BASES

    def __post_init__(self) -> None:
        for name in ("dna", "photos", "labels"):
            if isinstance(value := getattr(self, name), str):  # one name, from Python
                object.__setattr__(self, name, (value,))

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """Which modalities are among them, in the order in which they are read."""
        named: dict[Modality, bool] = {
            "image": bool(self.photos),
            "dna": bool(self.dna),
            "text": self.text is not None,
        }
        return tuple(modality for modality, given in named.items() if given)

    @property
    def first(self) -> str:
        """The first thing named; its name becomes that of the default store."""
        return [*self.dna, *self.photos, *filter(None, [self.text])][0]


def check_inputs(inputs: Inputs) -> None:
    """Find misspelt names before a model is loaded or a file is made.

    Raises:
        ClibdError: for the first file or folder that is missing.
        UsageError: where barcodes are named as photos, or labels come from standard input.
    """
    from clibd_cli.io.streams import check_readable

    if "-" in inputs.labels:
        raise UsageError("labels cannot come from standard input", "Give --labels a file.")
    check_readable([*inputs.dna, *inputs.labels])
    for name in inputs.photos:
        if not Path(name).exists():
            raise ClibdError(f"{name} does not exist", "Check the name and the folder.")
        if Path(name).suffix.lower() in _NO_PHOTOS:
            raise UsageError(f"{name} is no photo", f"For barcodes write --dna {name}.")


_NO_PHOTOS = {".fasta", ".fa", ".fas", ".fna", ".tsv", ".csv", ".gz", ".zst"}


def read_label_tables(inputs: Inputs, warn: Callable[[str], None]) -> LabelTable | None:
    """All tables of labels as one, read once a run; None where none is named."""
    from clibd_cli.io.labels import read_labels

    return read_labels(inputs.labels, warn) if inputs.labels else None


def read_specimens(
    inputs: Inputs, modality: Modality, labels: LabelTable | None, warn: Callable[[str], None]
) -> Iterator[Specimen | Skip]:
    """The specimens of one modality, with their labels."""
    from clibd_cli.io.barcodes import read_barcodes
    from clibd_cli.io.photos import find_photos
    from clibd_cli.io.taxa import read_taxa

    if modality == "image":
        return find_photos(inputs.photos, labels, warn)
    if modality == "dna":
        return read_barcodes(inputs.dna, labels, inputs.min_bases, warn)
    return read_taxa(inputs.text or "", warn)


def count_specimens(inputs: Inputs, modality: Modality) -> int | None:
    """How many records there are, by a quick first reading; None for what is read only once."""
    files = {"image": (), "dna": inputs.dna, "text": (inputs.text,)}[modality]
    if not all(Path(name).is_file() for name in files if name):  # `-`, a pipe, a name to search
        return None
    return sum(1 for _ in read_specimens(inputs, modality, None, lambda _: None))
