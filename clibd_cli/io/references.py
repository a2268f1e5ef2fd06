"""What a folder of raw references holds: barcodes, photos, and the tables that label them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from clibd_cli.core.errors import ClibdError
from clibd_cli.io.barcodes import is_fasta
from clibd_cli.io.columns import BARCODE_IDS, FILES, IDS, SEQUENCE
from clibd_cli.io.names import printable
from clibd_cli.io.photo_files import PHOTO_SUFFIXES, visible_files
from clibd_cli.io.ranks import RankColumns
from clibd_cli.io.streams import BrokenInputError, first_line, read_lines
from clibd_cli.io.tables import Table

FASTA_SUFFIXES = frozenset({".fasta", ".fa", ".fas", ".fna", ".fsa"})
TABLE_SUFFIXES = frozenset({".tsv", ".csv", ".tab", ".txt"})
_PACKED = frozenset({".gz", ".zst", ".zstd"})


@dataclass(frozen=True, slots=True)
class References:
    """The files of a folder by what they are for; each list is in the order of the names.

    Attributes:
        photo_root: the folder where it holds any photo, for `find_photos`.
        label_tables: tables that name photos (or specimens) and their taxa. A table with
            sequences as well is also among the `barcode_files`.
        ignored: files that are none of this.
    """

    barcode_files: list[Path] = field(default_factory=list)
    photo_root: Path | None = None
    label_tables: list[Path] = field(default_factory=list)
    ignored: list[Path] = field(default_factory=list)


def scan_references(folder: Path) -> References:
    """Tell what the files under `folder` are, by their names and their first lines.

    A table with a sequence column is barcodes; a table with a `file` or `image_file` column, or
    with ids and taxa but no sequences, labels photos and barcodes. Results of `clibd classify`
    are neither: what was predicted is no reference. A file that is no text, whatever its name,
    is ignored. Embedding stores and indexes in the folder are passed over.

    Raises:
        ClibdError: where `folder` is no folder.
    """
    if not folder.is_dir():
        raise ClibdError(f"{printable(folder)} is not a folder", "Name the folder of references.")
    barcodes: list[Path] = []
    labels: list[Path] = []
    ignored: list[Path] = []
    photo_root: Path | None = None
    for path in visible_files(folder):
        if path.suffix.lower() in PHOTO_SUFFIXES:
            photo_root = folder
            continue
        kinds = _kinds(path)
        barcodes += [path] * ("barcodes" in kinds)
        labels += [path] * ("labels" in kinds)
        ignored += [path] * (not kinds)
    return References(barcodes, photo_root, labels, ignored)


def _kinds(path: Path) -> set[str]:
    """Which of `barcodes` and `labels` a file is; both and neither are possible."""
    if _suffix(path) not in FASTA_SUFFIXES | TABLE_SUFFIXES:
        return set()
    try:
        return _text_kinds(path)
    except (ClibdError, BrokenInputError):
        return set()


def _text_kinds(path: Path) -> set[str]:
    first, _ = first_line(read_lines(path))
    if first is None:
        return set()
    if is_fasta(first):
        return {"barcodes"}
    table = Table(iter([first]), os.fspath(path))
    if table.find(("confidence_order", "nearest_similarity")) is not None:
        return set()
    sequences = table.find(SEQUENCE) is not None and bool(table.find_all(BARCODE_IDS))
    files, ranked = table.find(FILES) is not None, RankColumns(table).present
    named = table.find(IDS) is not None and not sequences
    labelling = ranked and (files or named)
    return {kind for kind, is_it in (("barcodes", sequences), ("labels", labelling)) if is_it}


def _suffix(path: Path) -> str:
    """The suffix in lower case, beneath that of a compressor."""
    name = path.with_suffix("") if path.suffix.lower() in _PACKED else path
    return name.suffix.lower()
