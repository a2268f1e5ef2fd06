"""Which files a training run reads: barcodes, folders of photos, and the tables that label them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.io.barcodes import is_fasta
from clibd_cli.io.columns import FILES
from clibd_cli.io.names import StrPath, printable
from clibd_cli.io.photo_files import PHOTO_SUFFIXES
from clibd_cli.io.ranks import RankColumns
from clibd_cli.io.references import FASTA_SUFFIXES, TABLE_SUFFIXES, scan_references
from clibd_cli.io.streams import check_readable, first_line, read_lines
from clibd_cli.io.tables import Table

_PACKED = (".gz", ".zst", ".zstd")


@dataclass(frozen=True, slots=True)
class ExampleFiles:
    """What is read, each list without repeats and in the order in which it was named."""

    barcodes: tuple[Path, ...]
    photos: tuple[Path, ...]
    labels: tuple[Path, ...]


def find_files(
    dna: Sequence[StrPath],
    photos: Sequence[StrPath],
    labels: Sequence[StrPath],
    splits: Sequence[StrPath],
) -> ExampleFiles:
    """The files behind what a recipe names.

    A folder under `dna` gives its barcode files. Labels are the tables named, those that lie in
    the folders, and tables of barcodes that name photos as well; where there is none of these,
    the tables of splits, which `clibd split` writes with all names.

    Raises:
        ClibdError: for the first name that is missing.
        UsageError: where a table or FASTA is named among the photos.
    """
    check_readable([*labels, *splits, *(name for name in dna if not Path(name).is_dir())])
    barcodes: list[Path] = []
    tables = [Path(name) for name in labels]
    for path in map(Path, dna):
        if path.is_dir():
            found = scan_references(path)
            if not found.barcode_files:
                raise ClibdError(
                    f"{printable(path)} holds no barcodes",
                    "A barcode file is FASTA or a table with a sequence column.",
                )
            barcodes += found.barcode_files
            tables += found.label_tables
        else:
            barcodes.append(path)
            if photos and _labels_photos(path):
                tables.append(path)
    for path in map(Path, photos):
        _refuse_no_photos(path)
        if path.is_dir():
            tables += scan_references(path).label_tables
    if not tables:
        tables = [path for path in map(Path, splits) if _has_ranks(path)]
    return ExampleFiles(
        _distinct(barcodes), tuple(dict.fromkeys(map(Path, photos))), _distinct(tables)
    )


def _distinct(paths: Iterable[Path]) -> tuple[Path, ...]:
    """`paths` without repeats, however they are written."""
    return tuple({path.resolve(): path for path in reversed([*paths])}.values())[::-1]


def _refuse_no_photos(path: Path) -> None:
    if not path.exists():
        raise ClibdError(f"{printable(path)} does not exist", "Check the name and the folder.")
    inner = path.with_suffix("") if path.suffix.lower() in _PACKED else path
    suffix = inner.suffix.lower()
    if (
        path.is_file()
        and suffix in FASTA_SUFFIXES | TABLE_SUFFIXES
        and suffix not in PHOTO_SUFFIXES
    ):
        raise UsageError(
            f"{printable(path)} is no photo",
            "Give the folder of the photos under `photos`, and their table under `labels`.",
        )


def _labels_photos(path: Path) -> bool:
    """Whether a file of barcodes is a table that names photos and their taxa, too."""
    table = _header(path)
    return table is not None and bool(table.find_all(FILES)) and RankColumns(table).present


def _has_ranks(path: Path) -> bool:
    if path.suffix.lower() in (".parquet", ".jsonl", ".ndjson"):  # no text that labels are read of
        return False
    table = _header(path)
    return table is not None and RankColumns(table).present


def _header(path: Path) -> Table | None:
    """A table of which nothing but the header is read; None where `path` is none."""
    first, _ = first_line(read_lines(path))
    if first is None or is_fasta(first) or not first.strip():
        return None
    return Table(iter([first]), printable(path))
