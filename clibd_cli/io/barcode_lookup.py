"""Barcodes by specimen id, on the disk: a plate run of a million of them is no matter of memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from clibd_cli.core.closing import Closing
from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import Specimen
from clibd_cli.io.darwin_core import Barcode

_ROWS_AT_ONCE = 10_000


class BarcodeLookup(Closing):
    """A temporary table of barcodes, which is gone when the context ends.

    Attributes:
        found: how many were asked for and were there.
    """

    def __init__(self) -> None:
        self.found = 0
        self._stack = ExitStack()
        folder = self._stack.enter_context(TemporaryDirectory(prefix="clibd-"))
        database = sqlite3.connect(Path(folder) / "barcodes.sqlite", isolation_level=None)
        self._database = self._stack.enter_context(closing(database))
        for pragma in ("journal_mode=OFF", "synchronous=OFF"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute("CREATE TABLE barcodes (id TEXT PRIMARY KEY, seq TEXT, source TEXT)")

    def add(self, specimens: Iterable[Specimen]) -> None:
        """Take in barcodes; of those with one id the first stays.

        Raises:
            ClibdError: where there is no room for them.
        """
        waiting = iter(specimens)
        while rows := [
            (specimen.specimen_id, specimen.content, specimen.source)
            for specimen in islice(waiting, _ROWS_AT_ONCE)
        ]:
            try:
                self._database.execute("BEGIN")
                self._database.executemany("INSERT OR IGNORE INTO barcodes VALUES (?, ?, ?)", rows)
                self._database.execute("COMMIT")
            except sqlite3.OperationalError as error:
                raise ClibdError(
                    f"barcodes cannot be kept in the folder for temporary files: {error}",
                    "Make room there, or name another one with the variable TMPDIR.",
                ) from error

    def find(self, specimen_id: str) -> Barcode | None:
        """The barcode of a specimen, or None."""
        found = self._database.execute(
            "SELECT seq, source FROM barcodes WHERE id = ?", (specimen_id,)
        ).fetchone()
        if not found:
            return None
        self.found += 1
        return Barcode(*found)

    def close(self) -> None:
        """Remove the table."""
        self._stack.close()
