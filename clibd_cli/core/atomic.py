"""Files that appear under their final name only when they are whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clibd_cli.core.errors import ClibdError


@contextmanager
def atomic_path(final: Path) -> Iterator[Path]:
    """A path beside `final` to write to; it takes the final name when the block ends well.

    The bytes are on the disk before the rename, so a power cut leaves the old file or the whole
    new one. If the block raises, the half-written file is removed and `final` is untouched.

    Raises:
        ClibdError: where the whole file cannot take its name (on Windows, a table that is open
            in a spreadsheet); it is kept, and named.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays last, since some writers choose the format by it.
    partial = final.with_name(f".{final.stem[:100]}.{os.getpid()}.partial{final.suffix}")
    try:
        yield partial
        with partial.open("rb+") as handle:
            os.fsync(handle.fileno())
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    try:
        partial.replace(final)
    except OSError as error:
        raise ClibdError(
            f"{final} cannot be replaced: {error.strerror or error}",
            f"Close it where it is open. What was written is kept: rename {partial} yourself.",
        ) from error


def write_text(final: Path, text: str) -> None:
    """Write `text` as UTF-8 with Unix line ends, atomically."""
    with atomic_path(final) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def atomic_folder(final: Path) -> Iterator[Path]:
    """A new folder beside `final` to fill; it takes the final name when the block ends well.

    A folder that stands under the final name is replaced; if the block raises, it is untouched.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    partial = final.with_name(f".{final.name[:100]}.{os.getpid()}.partial")
    old = final.with_name(f".{final.name[:100]}.{os.getpid()}.old")
    for leftover in (partial, old):
        shutil.rmtree(leftover, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        if final.exists():
            final.replace(old)
        partial.replace(final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if old.exists() and not final.exists():
            old.replace(final)
        shutil.rmtree(old, ignore_errors=True)
