"""The demo's collection: simulated references and queries in the files that a lab would have."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clibd_cli.core.atomic import write_text
from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.lineage import RANKS
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.core.version import __version__
from clibd_cli.simulated.cast import Animal, Cast, draw_cast
from clibd_cli.simulated.photos import draw_photo, jpeg_bytes

_TITLE = "SIMULATED SPECIMENS, made by clibd"
_OWN_PHOTO = re.compile(r"SIM[RQ]\d{4,}\.jpg")
_LINE = 70


@dataclass(frozen=True, slots=True)
class Collection:
    """Where a collection lies and what is in it.

    Attributes:
        references: the folder of raw references: `barcodes.fasta` with lineages in its headers,
            `photos/`, and `photos.csv` that labels them.
        photos, samples: the query photos and barcodes of the same specimens, unlabelled.
        truth: table of the queries: specimen_id, the four ranks, and `seen`, "true" where the
            species is among the references.
        broken_photo, failed_barcode: the queries whose photo or whose barcode is no good.
    """

    folder: Path
    references: Path
    photos: Path
    samples: Path
    truth: Path
    readme: Path
    seed: int
    n_references: int
    n_queries: int
    n_species: int
    n_unseen_species: int
    broken_photo: str
    failed_barcode: str


def write_collection(
    folder: Path,
    seed: int = 7,
    references_per_species: int = 6,
    queries_per_species: int = 3,
    progress: Progress = SILENT,
) -> Collection:
    """Write the simulated collection of 48 species into `folder`, or write it there again.

    The same seed gives the same bytes. Files in `folder` that are not the collection's own stay.
    `truth.csv` comes last, so where it stands the rest is complete.

    Raises:
        ClibdError: where `folder` is a file, or holds something but no collection.
        UsageError: where a count is below 1 or the seed below 0.
    """
    if min(references_per_species, queries_per_species) < 1:
        raise UsageError("A species needs at least one reference and one query.")
    if seed < 0:
        raise UsageError("A seed is 0 or more.")
    _claim(folder)
    cast = draw_cast(seed, references_per_species, queries_per_species)
    made = _planned(folder, seed, cast)
    write_text(made.readme, _readme(made))
    made.truth.unlink(missing_ok=True)
    progress.begin("Simulating specimens", made.n_references + made.n_queries)
    _write_references(made, cast.references, progress)
    _write_queries(made, cast.queries, progress)
    write_text(made.truth, _truth_table(cast))
    return made


def _planned(folder: Path, seed: int, cast: Cast) -> Collection:
    return Collection(
        folder=folder,
        references=folder / "refs",
        photos=folder / "photos",
        samples=folder / "samples.fasta",
        truth=folder / "truth.csv",
        readme=folder / "README.txt",
        seed=seed,
        n_references=len(cast.references),
        n_queries=len(cast.queries),
        n_species=cast.n_species,
        n_unseen_species=len(cast.unseen),
        broken_photo=cast.broken_photo,
        failed_barcode=cast.failed_barcode,
    )


def _claim(folder: Path) -> None:
    """Refuse a place that holds anybody else's files."""
    hint = "Name another folder, or an empty one."
    if folder.exists() and not folder.is_dir():
        raise ClibdError(f"{folder} is a file, not a folder", hint)
    if not folder.exists() or not any(folder.iterdir()):
        return
    readme = folder / "README.txt"
    if not (readme.is_file() and readme.read_bytes().startswith(_TITLE.encode())):
        raise ClibdError(f"{folder} holds files that are not simulated by clibd", hint)


def _write_references(made: Collection, animals: Sequence[Animal], progress: Progress) -> None:
    _write_photos(made.references / "photos", animals, made, progress)
    records = (
        (f"{one.specimen_id};tax={_sintax(one)};", _wrapped(one.read, _LINE)) for one in animals
    )
    write_text(made.references / "barcodes.fasta", _fasta(records))
    rows = ([f"photos/{one.specimen_id}.jpg", one.specimen_id, *_names(one)] for one in animals)
    table = _csv(["file", "specimen_id", *RANKS], rows)
    write_text(made.references / "photos.csv", table)


def _write_queries(made: Collection, animals: Sequence[Animal], progress: Progress) -> None:
    _write_photos(made.photos, animals, made, progress)
    write_text(made.samples, _fasta((one.specimen_id, one.read) for one in animals))


def _write_photos(
    folder: Path, animals: Sequence[Animal], made: Collection, progress: Progress
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    note = f"Simulated specimen, drawn by clibd {__version__} with seed {made.seed}; no real animal"
    for one in animals:
        photo = draw_photo(one.species, made.seed, one.number)
        data = jpeg_bytes(photo, note, f"clibd {__version__}")
        if one.specimen_id == made.broken_photo:
            data = data[: len(data) // 3]
        (folder / f"{one.specimen_id}.jpg").write_bytes(data)
        progress.advance()
    current = {f"{one.specimen_id}.jpg" for one in animals}
    for path in folder.iterdir():
        if _OWN_PHOTO.fullmatch(path.name) and path.name not in current:
            path.unlink()


def _truth_table(cast: Cast) -> str:
    rows = (
        [one.specimen_id, *_names(one), "false" if one.species in cast.unseen else "true"]
        for one in cast.queries
    )
    return _csv(["specimen_id", *RANKS, "seen"], rows)


def _names(animal: Animal) -> list[str]:
    return [animal.species.lineage.at(rank) or "" for rank in RANKS]


def _sintax(animal: Animal) -> str:
    names = (name.replace(" ", "_") for name in _names(animal))
    ranks = ",".join(f"{rank[0]}:{name}" for rank, name in zip(RANKS, names, strict=True))
    return f"k:Simulata,{ranks}"


def _fasta(records: Iterable[tuple[str, str]]) -> str:
    return "".join(f">{header}\n{sequence}\n" for header, sequence in records)


def _wrapped(text: str, width: int) -> str:
    return "\n".join(text[start : start + width] for start in range(0, len(text), width))


def _csv(header: list[str], rows: Iterable[list[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _readme(made: Collection) -> str:
    return f"""{_TITLE} {__version__} with seed {made.seed}

Nothing here is real. The names are invented, the barcodes were evolved along an invented tree
by a random generator, and the photos are drawings. Do not mix these files with real data, and
do not judge the accuracy of a method by them.

refs/barcodes.fasta   barcodes of {made.n_references} references, lineages in SINTAX headers
refs/photos/          their photos, labelled by refs/photos.csv
photos/               photos of {made.n_queries} specimens to name
samples.fasta         barcodes of the same specimens, under the same ids
truth.csv             what they are; seen is false where the species has no references

{made.n_species} species, {made.n_unseen_species} of them without references.
Some barcodes are as untidy as real ones: lower case, N, gaps, missing ends.
On purpose, the photo of {made.broken_photo} is cut off, and the barcode of
{made.failed_barcode} is too short.
"""
