"""Which files of a folder are photos, in which order, and what each specimen is called."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.lineage import UNLABELLED
from clibd_cli.core.records import Skip, Specimen
from clibd_cli.io.labels import LabelTable, Unmatched
from clibd_cli.io.names import StrPath, UniqueIds, Warn, ignore, printable

_PHOTO_SUFFIXES = """
    .jpg .jpeg .jpe .jfif .png .apng .tif .tiff .webp .bmp .dib .gif .heic .heif .hif .avif .jp2
    .j2k .jpf .jpx .mpo .ppm .pgm .pbm .pnm .tga .psd .pcx .sgi .qoi
"""
PHOTO_SUFFIXES = frozenset(_PHOTO_SUFFIXES.split())
"""Files that are photos by their names; whether they are any by content shows at decoding."""

_RAW_SUFFIXES = ".arw .cr2 .cr3 .crw .dng .nef .nrw .orf .pef .raf .raw .rw2 .srw .x3f .iiq .3fr"
RAW_SUFFIXES = frozenset(_RAW_SUFFIXES.split())
"""Photos as a camera's sensor saw them, which Pillow does not develop."""

_IGNORED = frozenset({"thumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin"})
"""What Windows, macOS and file servers leave in folders (names in lower case)."""

_STORE_SUFFIX = ".embeddings"
_STORE_ENTRY = re.compile(r"part-\d+\.parquet|shard-\d+-of-\d+")
_INDEX_FILES = {"index.json", "keys.parquet"}
"""By these, folders that clibd has made are known: embedding stores and indexes."""


class PhotoFile(NamedTuple):
    """A file under its folder; whether it is a photo is another question.

    Attributes:
        name: its path under the folder that the user gave, without suffix, with `/`; for a file
            given by name, its bare name without suffix.
    """

    path: Path
    name: str


def find_photos(
    roots: Iterable[StrPath], labels: LabelTable | None = None, warn: Warn = ignore
) -> Iterator[Specimen | Skip]:
    """The photos in `roots` (folders, recursively, and single files): a specimen or skip for each.

    The order is that of the names, the same on every run. Hidden files and files that are no
    photos by their suffix are left out; a file given by name is always tried. Folders are
    entered once, so loops of links end. Embedding stores and indexes below a root are passed
    over. Nothing is opened here.

    Args:
        labels: its label replaces lineage and BIN, and the id where it has one; else the id is
            the path under the given folder without suffix. Ids are unique: `id#2` ...
        warn: told once, at the end, of repeated ids and of photos without a label.

    Raises:
        ClibdError: before the first photo where one of `roots` does not exist.
    """
    folders: list[StrPath] = [roots] if isinstance(roots, (str, os.PathLike)) else list(roots)
    for root in folders:
        if not os.path.lexists(root):
            raise ClibdError(f"{printable(root)} does not exist", "Check the name and the folder.")
    repeated = _repeated_names(folders, labels) if labels is not None else frozenset()
    ids, unmatched = UniqueIds(), Unmatched(labels, "photos")
    for file in _all_files(folders):
        if isinstance(file, Skip):
            yield file
            continue
        label = None
        if labels is not None:
            label = labels.find_photo(os.path.abspath(file.path), repeated)  # noqa: PTH100
            unmatched.count(file.name, label)
        yield Specimen(
            specimen_id=ids.take((label.specimen_id if label else None) or file.name),
            modality="image",
            content=str(file.path),
            source=printable(file.path),
            lineage=label.lineage if label else UNLABELLED,
            bin_uri=label.bin_uri if label else None,
        )
    ids.report("photos", warn)
    unmatched.report(warn)


def _repeated_names(roots: list[StrPath], labels: LabelTable) -> frozenset[str]:
    """Bare file names that the labels know and that several photos have: no key to either."""
    seen: set[str] = set()
    repeated: set[str] = set()
    for file in _all_files(roots):
        if isinstance(file, PhotoFile):
            name = printable(file.path.name)
            if labels.knows_file(name):
                (repeated if name in seen else seen).add(name)
    return frozenset(repeated)


def _all_files(roots: list[StrPath]) -> Iterator[PhotoFile | Skip]:
    entered: set[str] = set()
    for root in map(Path, roots):
        if not root.is_dir():
            yield PhotoFile(root, printable(root.stem))
            continue
        reason = "the folder has been read before" if _real(root) in entered else "no photos in it"
        found = False
        for file in _files_under(root, entered):
            found = True
            yield file
        if not found:
            yield Skip(printable(root), "", reason)


def visible_files(folder: Path) -> Iterator[Path]:
    """Every file under `folder` that is not hidden, in the order in which photos are found.

    Embedding stores and indexes below it are passed over.
    """
    for found in _walk(folder, set()):
        if isinstance(found, PhotoFile):
            yield found.path


def _files_under(root: Path, entered: set[str]) -> Iterator[PhotoFile | Skip]:
    for found in _walk(root, entered):
        if isinstance(found, Skip):
            yield found
            continue
        suffix = found.path.suffix.lower()
        if suffix in PHOTO_SUFFIXES:
            yield found
        elif suffix in RAW_SUFFIXES:
            reason = f"a camera's raw file ({found.path.suffix}): export it as JPEG or TIFF"
            yield Skip(printable(found.path), found.name, reason)


def _walk(root: Path, entered: set[str]) -> Iterator[PhotoFile | Skip]:
    """All files under `root`. Folders whose real path is in `entered` are not read again."""
    # (folder, its path under root with "/" at its end, name, whether it is a folder); a stack,
    # since folders may be nested deeper than Python calls may.
    waiting = [(root, "", "", True)]
    while waiting:
        folder, prefix, name, is_folder = waiting.pop()
        path = folder / name
        if not is_folder:
            yield PhotoFile(path, printable(prefix + path.stem))
            continue
        if _real(path) in entered:
            continue
        entered.add(_real(path))
        try:
            names = sorted(_names(path), reverse=True)
        except OSError as error:
            reason = f"the folder cannot be read: {error.strerror or error}"
            yield Skip(printable(path), "", reason)
            continue
        if name and _is_made_by_clibd(name, {entry for entry, _ in names}):
            continue
        inner = f"{prefix}{name}/" if name else ""
        waiting.extend((path, inner, *entry) for entry in names)


def _is_made_by_clibd(name: str, entries: set[str]) -> bool:
    """Whether a folder of this name and with these entries is an embedding store or an index."""
    return (
        name.endswith(_STORE_SUFFIX)
        or entries >= _INDEX_FILES
        or any(_STORE_ENTRY.fullmatch(entry) for entry in entries)
    )


def _names(folder: Path) -> Iterator[tuple[str, bool]]:
    """Each visible entry of a folder, and whether it is a folder."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and entry.name.lower() not in _IGNORED:
                yield entry.name, _is_folder(entry)


def _real(path: Path) -> str:
    return os.path.realpath(path)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
