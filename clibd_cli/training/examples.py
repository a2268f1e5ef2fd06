"""Photos, barcodes and tables read into examples: what a training run teaches and asks.

Barcodes and photos are read as `clibd embed` reads them, with the same ids and the same skips.
Nothing of a test split is kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.core.records import Modality, Skip, Specimen
from clibd_cli.io.barcodes import read_barcodes
from clibd_cli.io.labels import read_labels
from clibd_cli.io.names import StrPath, printable, shorten
from clibd_cli.io.photo_files import find_photos
from clibd_cli.io.sequences import MIN_BASES
from clibd_cli.training.consistency import find_contradictions, in_a_line
from clibd_cli.training.example import KEY, TRAIN, VAL, Example, Examples, original_id
from clibd_cli.training.example_files import find_files
from clibd_cli.training.example_splits import divide, warn_of_taught_queries, without_repeats
from clibd_cli.training.photo_reading import look_at_photos

if TYPE_CHECKING:
    from clibd_cli.training.settings_fields import Pairs

__all__ = ["KEY", "TRAIN", "VAL", "Example", "Examples", "read_examples"]


def read_examples(
    dna: Sequence[StrPath],
    photos: Sequence[StrPath],
    labels: StrPath | Sequence[StrPath] | None = None,
    split: StrPath | Sequence[StrPath] | None = None,
    *,
    pairs: Pairs = "specimen",
    min_bases: int = MIN_BASES,
    check_photos: bool = True,
    workers: int | None = None,
    progress: Progress = SILENT,
) -> Examples:
    """Read photos, barcodes and their names, and divide them by the table of splits.

    With pairs by specimen, a photo and a barcode with one id are one example, and further photos
    of a specimen (`id#2` …) get its barcode, too. With pairs by taxon they are kept apart, and
    equal barcodes (Ns at the ends left out) that are taught, or searched, are one example, under
    the commonest of the most complete lineages that their specimens bear.

    Args:
        dna: FASTA files, tables, or folders of them.
        photos: folders or files.
        labels, split: one table or several (see `example_files.find_files`). Without a split all
            is taught; with one, what it does not name is left out.
        check_photos: decode each photo that is used once, in `workers` threads (by default one a
            core), and skip those that cannot be, so that none of them ends the run.

    Raises:
        ClibdError: where a file is missing, nothing is left to train on, an id has two splits, or
            no specimen has both photo and barcode where pairs are to be made of these.
    """
    splits = _several(split)
    files = find_files(dna, photos, _several(labels), splits)
    table = read_labels(files.labels, progress.warn) if files.labels else None
    progress.begin("reading", None)
    skips: list[Skip] = []
    records = read_barcodes(files.barcodes, table, min_bases, progress.warn)
    barcodes = list(_usable(records, skips, progress)) if files.barcodes else []
    records = find_photos(files.photos, table, progress.warn)
    pictures = list(_usable(records, skips, progress)) if files.photos else []
    by_specimen = pairs == "specimen"
    joined = _join(pictures, barcodes) if by_specimen else _part(pictures, barcodes)
    found = divide(joined, splits, progress)
    if not by_specimen:
        found = without_repeats(found)
    if check_photos:
        looked = look_at_photos(found, skips, workers, progress)
        found = [example for example in looked if example is not None]
    train, queries, keys = (
        [example for example in found if example.split == part] for part in (TRAIN, VAL, KEY)
    )
    if not train:
        found_some = splits if barcodes or pictures else ()
        raise _nothing_taught([*files.barcodes, *files.photos], found_some, skips)
    if barcodes and pictures:
        _check_pairs(train, pairs, progress)
    if wrong := find_contradictions((e.specimen_id, e.lineage) for e in found):
        progress.warn(in_a_line(wrong))
    warn_of_taught_queries(train, queries, progress)
    if queries:
        _warn_of_taught_keys(train, keys, progress)
    return Examples(train, queries, keys, skips)


def _warn_of_taught_keys(
    train: Sequence[Example], keys: Sequence[Example], progress: Progress
) -> None:
    """Say so where validations search what was taught (see `Examples.searched`)."""
    things: dict[Modality, str] = {"image": "photo", "dna": "barcode"}
    for modality, thing in things.items():
        if not any(e.has(modality) for e in keys) and any(e.has(modality) for e in train):
            progress.warn(
                f"no {thing} is a key in the split: validations search the taught {thing}s"
            )


def _several(names: StrPath | Sequence[StrPath] | None) -> list[StrPath]:
    if names is None:
        return []
    return [names] if isinstance(names, (str, os.PathLike)) else list(names)


def _usable(
    records: Iterable[Specimen | Skip], skips: list[Skip], progress: Progress
) -> Iterator[Specimen]:
    """The specimens among `records`; equal barcodes are kept in memory once."""
    same: dict[str, str] = {}
    for record in records:
        progress.advance()
        if isinstance(record, Skip):
            skips.append(record)
        elif record.modality == "dna":
            content = same.setdefault(record.content, record.content)
            yield record if content is record.content else replace(record, content=content)
        else:
            yield record


def _part(photos: Iterable[Specimen], barcodes: Iterable[Specimen]) -> list[Example]:
    """Each barcode and each photo by itself."""
    return [*(_of_barcode(b, b.specimen_id) for b in barcodes), *(_of_photo(p) for p in photos)]


def _of_barcode(barcode: Specimen, specimen_id: str) -> Example:
    return Example(specimen_id, None, barcode.content, barcode.lineage, barcode.bin_uri)


def _of_photo(photo: Specimen, specimen_id: str | None = None) -> Example:
    name = specimen_id or photo.specimen_id
    return Example(name, Path(photo.content), None, photo.lineage, photo.bin_uri)


def _join(photos: Sequence[Specimen], barcodes: Sequence[Specimen]) -> list[Example]:
    """Photo and barcode of a specimen in one example; those without the other stay alone."""
    known = {specimen.specimen_id for specimen in (*barcodes, *photos)}
    owner = {name: original if (original := original_id(name)) in known else name for name in known}
    of_specimen: dict[str, Specimen] = {}
    for barcode in barcodes:
        of_specimen.setdefault(owner[barcode.specimen_id], barcode)
    joined: list[Example] = []
    paired: set[str] = set()
    for photo in photos:
        example = _of_photo(photo, owner[photo.specimen_id])
        barcode_too = of_specimen.get(example.specimen_id)
        if barcode_too is not None:
            paired.add(barcode_too.specimen_id)
            example = replace(
                example,
                barcode=barcode_too.content,
                lineage=photo.lineage.completed_by(barcode_too.lineage),
                bin_uri=photo.bin_uri or barcode_too.bin_uri,
            )
        joined.append(example)
    alone = (barcode for barcode in barcodes if barcode.specimen_id not in paired)
    return [*joined, *(_of_barcode(barcode, owner[barcode.specimen_id]) for barcode in alone)]


def _nothing_taught(
    inputs: Sequence[StrPath], splits: Sequence[StrPath], skips: Sequence[Skip]
) -> ClibdError:
    """The error where there is nobody to train on.

    Args:
        splits: the tables that left none of those that are there; empty where none is there.
    """
    if splits:
        return ClibdError(
            f"no specimen is left to train on in {', '.join(map(printable, splits))}",
            "A split named train or pretrain is trained on; see also the reasons of the skips.",
        )
    told = list(map(str, skips))
    read = shorten(list(map(printable, inputs)), len(inputs), 200)
    return ClibdError(
        f"there is nothing to train on in {read}",
        f"What cannot be used: {shorten(told, len(told), 200)}." if told else "Look at the files.",
    )


def _check_pairs(train: Sequence[Example], pairs: Pairs, progress: Progress) -> None:
    """Refuse photos and barcodes that pair not at all, and say what will train little."""
    if pairs == "specimen" and not any(e.photo and e.barcode for e in train):
        ids = [next((e.specimen_id for e in train if e.has(m)), "") for m in ("image", "dna")]
        raise ClibdError(
            f"no specimen has both a photo ({ids[0]} …) and a barcode ({ids[1]} …)",
            'Give labels that name the photos\' specimens, or make pairs = "taxon".',
        )
    species = [{e.lineage.species for e in train if e.has(m)} - {None} for m in ("image", "dna")]
    if pairs == "taxon" and not species[0] & species[1]:
        progress.warn("no species has both a photo and a barcode: nothing pairs them but names")
