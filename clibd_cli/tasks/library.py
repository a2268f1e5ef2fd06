"""Which references a run compares with: the user's own index, or the library that ships."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import Modality
from clibd_cli.core.shipped import OWN_MODEL, shipped_library
from clibd_cli.tasks.references import DEFAULT_INDEX
from clibd_cli.vectors.header import IndexHeader, is_index, read_header

_KEYS: dict[Modality, str] = {"image": "photos", "dna": "barcodes", "text": "names"}


@dataclass(frozen=True, slots=True)
class ChosenIndex:
    """The index that a run compares with.

    Attributes:
        told: what to tell a user who did not name it; empty where she did.
    """

    folder: Path
    told: str


def choose_index(given: str | Path | None = None) -> ChosenIndex:
    """The index as given, else that in `$CLIBD_INDEX`, else `./clibd-index`, else the library.

    The library never stands in for an index that was named, or for a folder of the usual name.

    Raises:
        ClibdError: where there is none.
    """
    named = given or os.environ.get("CLIBD_INDEX")
    folder = Path(named or DEFAULT_INDEX)
    if is_index(folder):
        return ChosenIndex(folder, "" if given else f"references: the index {folder}")
    library = shipped_library()
    if named or folder.exists() or library is None:
        raise ClibdError(
            f"there is no index in {folder}",
            "Build one with `clibd build-index REFERENCES`, or name one with --index.",
        )
    return ChosenIndex(
        library,
        f"references: {describe_library(read_header(library))}; without barcodes to align with, it "
        "tells neither identity nor chimeras nor frame shifts; `clibd build-index` makes an index "
        "of your own",
    )


def describe_library(header: IndexHeader) -> str:
    """What the library that ships is, in one clause."""
    counts = " and ".join(
        f"{header.keys[modality].vectors:,} {_KEYS[modality]}" for modality in header.modalities
    )
    chosen = f", which stand for {header.represented:,}" if header.represented else ""
    return f"{OWN_MODEL}'s own library ({counts}{chosen})"
