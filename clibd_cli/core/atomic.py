"""Files that appear under their final name only when they are whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(final: Path) -> Iterator[Path]:
    """A path beside `final` to write to; it takes the final name when the block ends well.

    The bytes are on the disk before the rename, so a power cut leaves the old file or the whole
    new one. If the block raises, the half-written file is removed and `final` is untouched.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays last, since some writers choose the format by it.
    partial = final.with_name(f".{final.stem[:100]}.{os.getpid()}.partial{final.suffix}")
    try:
        yield partial
        with partial.open("rb+") as handle:
            os.fsync(handle.fileno())
        partial.replace(final)
    finally:
        partial.unlink(missing_ok=True)


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
    partial.mkdir()
    try:
        yield partial
        if final.exists():
            final.rename(old)
        partial.rename(final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if old.exists() and not final.exists():
            old.rename(final)
        shutil.rmtree(old, ignore_errors=True)
