"""Which photos a report wants, and where they are now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

    from clibd_cli.report.contents import ReportRow


class PhotoFinder:
    """Finds photos that results name, though they or the results may have moved.

    Args:
        roots: folders that a relative path may start from.
        moved: folders that hold photos under the end of their old path, as much of it as fits.
    """

    def __init__(self, roots: Sequence[Path], moved: Sequence[Path]) -> None:
        self._roots, self._moved = roots, moved

    def load(self, source: str) -> Image.Image | None:
        """The photo that results call `source`, or None."""
        from clibd_cli.io.photos import PhotoError, load_photo

        for path in self._candidates(source):
            with suppress(PhotoError, OSError, ValueError):
                if path.is_file():
                    return load_photo(path)
        return None

    def _candidates(self, source: str) -> Iterator[Path]:
        yield from (root / source for root in self._roots)
        parts = [part for part in source.replace("\\", "/").split("/") if part not in ("", ".")]
        if ".." in parts:  # what follows lies below a folder that may be among the moved ones
            parts = parts[len(parts) - parts[::-1].index("..") :]
        for folder in self._moved:
            yield from (folder.joinpath(*parts[start:]) for start in range(len(parts)))


def photos_of(rows: Sequence[ReportRow]) -> Iterator[str]:
    """The photos of flagged rows and of their references, then of all rows, then the rest."""
    for row in (row for row in rows if row.flags):
        yield from _evidence(row)
    yield from (row.photo for row in rows if row.photo)
    for row in rows:
        yield from _evidence(row)


def _evidence(row: ReportRow) -> Iterator[str]:
    pictures = (row.photo, row.explanation, *(hit.photo for hit in row.nearest))
    yield from (picture for picture in pictures if picture)
