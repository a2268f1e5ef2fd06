"""Files that appear under their final name only when they are whole."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from clibd_cli.core.digest import sha256_text
from clibd_cli.core.errors import ClibdError

_LONGEST_NAME = 255
"""Bytes of a file name, on ext4, APFS and most others (NTFS: as many UTF-16 units)."""

_LONGEST_SUFFIX = 16
"""Characters; what is longer is part of the name and says nothing of the format."""


def beside(final: Path, before: str = "", inside: str = "", after: str = "") -> Path:
    """The path of a helper of `final`: `before`, its stem, `inside`, its suffix, `after`.

    A stem that would make the name longer than a file system takes is cut, and told apart from
    others that begin alike by 8 hexadecimal digits of the SHA-256 of the whole name.
    """
    suffix = final.suffix if len(final.suffix) <= _LONGEST_SUFFIX else ""
    stem = final.name.removesuffix(suffix)
    ending = f"{inside}{suffix}{after}"
    room = _LONGEST_NAME - len(os.fsencode(before + ending))
    raw = os.fsencode(stem)
    if len(raw) > room:
        digest = sha256_text(final.name)[:8]
        stem = raw[: room - len(digest) - 1].decode("utf-8", "ignore") + f"-{digest}"
    return final.with_name(f"{before}{stem}{ending}")


def make_folder(folder: Path) -> None:
    """Make `folder`, and those that it is in, where they are not there.

    Raises:
        ClibdError: where a file has the name of one of them.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        file = next(path for path in (folder, *folder.parents) if path.exists())
        raise ClibdError(f"{file} is a file, not a folder", "Give another --out.") from error


@contextmanager
def atomic_path(final: Path, partial: Path | None = None) -> Iterator[Path]:
    """A path beside `final` to write to; it takes the final name when the block ends well.

    The bytes are on the disk before the rename, so a power cut leaves the old file or the whole
    new one. If the block raises, the half-written file is removed and `final` is untouched.

    Args:
        partial: the path to write to, in the same folder, where people shall see it; by default
            a hidden one that no other process uses. Callers keep others from naming the same.

    Raises:
        ClibdError: where the whole file cannot take its name (on Windows, a table that is open
            in a spreadsheet); it is kept, and named.
    """
    make_folder(final.parent)
    if partial is None:
        # The suffix stays last, since some writers choose the format by it.
        partial = beside(final, ".", f".{os.getpid()}.partial")
    try:
        yield partial
        _onto_disk(partial)
    except BaseException:
        with suppress(OSError):  # what made the block fail may forbid this too, and matters more
            partial.unlink()
        raise
    try:
        partial.replace(final)
    except OSError as error:
        raise ClibdError(
            f"{final} cannot be replaced: {error.strerror or error}",
            f"Close it where it is open. What was written is kept: rename {partial} yourself.",
        ) from error
    except BaseException:  # Ctrl-C, just before the file took its name
        with suppress(OSError):
            partial.unlink()
        raise


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """An OSError that names no file, as those of writing do not, names `path`."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def remove_partials(final: Path) -> None:
    """Remove what processes that were killed in `atomic_path(final)` left beside `final`.

    Callers keep others from writing it at the same time, and its name is not so long that it is
    cut (`beside`).
    """
    # As `atomic_path` calls it in a process of any number.
    start, _, suffix = beside(final, ".", ".0.partial").name.rpartition("0.partial")
    of_any = re.compile(rf"{re.escape(start)}\d+\.partial{re.escape(suffix)}")
    for path in final.parent.iterdir():
        if of_any.fullmatch(path.name):
            with suppress(OSError):
                path.unlink()


def write_text(final: Path, text: str) -> None:
    """Write `text` as UTF-8 with Unix line ends, atomically.

    Lone surrogates, from file names that are not UTF-8, become `?`.
    """
    with naming(final), atomic_path(final) as partial:
        partial.write_text(text, encoding="utf-8", errors="replace", newline="\n")


@contextmanager
def atomic_folder(final: Path) -> Iterator[Path]:
    """A new folder beside `final` to fill; it takes the final name when the block ends well.

    All that is in it is on the disk before. A folder that stands under the final name is replaced;
    if the block raises, it is untouched. What a killed run left behind is put in order first:
    callers keep others from making the same folder at the same time.
    """
    make_folder(final.parent)
    partial, old = beside(final, ".", after=".partial"), beside(final, ".", after=".old")
    if old.exists() and not final.exists():  # killed between the two renames
        old.replace(final)
    for leftover in (partial, old):
        shutil.rmtree(leftover, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        for path in partial.rglob("*"):
            if path.is_file():
                _onto_disk(path)
        if final.exists():
            final.replace(old)
        partial.replace(final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if old.exists() and not final.exists():
            old.replace(final)
        shutil.rmtree(old, ignore_errors=True)


def _onto_disk(path: Path) -> None:
    with path.open("rb+") as handle:
        os.fsync(handle.fileno())
