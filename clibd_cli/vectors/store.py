"""Writing an embedding store: whole parts only, one writer at a time, one model a store."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.core.atomic import atomic_path
from clibd_cli.core.closing import Closing
from clibd_cli.core.errors import ClibdError
from clibd_cli.vectors.parts import part_paths, read_facts
from clibd_cli.vectors.schema import StoreFacts

if TYPE_CHECKING:
    import pyarrow as pa


class StoreWriter(Closing):
    """Appends parts to the store in `folder`; a context manager that holds the store's lock.

    A part appears under its final name only when it is complete, so whatever happens to the
    machine, what the folder shows is whole.

    Raises:
        ClibdError: where another run writes to the store, or the store is of another model.
    """

    def __init__(self, folder: Path, facts: StoreFacts, overwrite: bool = False) -> None:
        from filelock import FileLock, Timeout

        refuse_foreign_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.facts = facts
        self._lock = FileLock(folder / ".lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise ClibdError(
                f"another run of clibd is writing to {folder}",
                "Wait for it, or give another --out.",
            ) from error
        try:
            if overwrite:
                self._clear()
            self._check_facts()
            self._sweep()
            self._next = self._next_number()
        except BaseException:
            self._lock.release()
            raise

    def write(self, rows: pa.Table) -> Path:
        """Write `rows` as the next part, and return its path."""
        import pyarrow.parquet as pq

        path = self.folder / f"part-{self._next:06d}.parquet"
        with atomic_path(path) as partial:
            pq.write_table(rows, partial, compression="zstd", write_page_checksum=True)
        self._next += 1
        return path

    def close(self) -> None:
        """Let go of the store."""
        self._lock.release()

    def _clear(self) -> None:
        for path in part_paths(self.folder):
            path.unlink()

    def _check_facts(self) -> None:
        parts = part_paths(self.folder)
        if not parts:
            return
        here = read_facts(parts[0])
        if here.fingerprint != self.facts.fingerprint:
            raise ClibdError(
                f"{self.folder} holds vectors of the model {here.model} "
                f"({here.fingerprint[:12]}), not of {self.facts.model} "
                f"({self.facts.fingerprint[:12]}): they cannot mix",
                "Give another --out, or --overwrite to make the store anew.",
            )

    def _sweep(self) -> None:
        """Remove what a killed run left half-written."""
        for path in self.folder.glob(".*.partial*"):
            path.unlink(missing_ok=True)

    def _next_number(self) -> int:
        numbers = [int(path.stem.split("-")[1]) for path in part_paths(self.folder)]
        return max(numbers, default=-1) + 1


def refuse_foreign_folder(folder: Path) -> None:
    """Refuse to write among files that are not a store's."""
    if folder.is_file():
        raise ClibdError(f"{folder} is a file, not a folder for embeddings", "Give another --out.")
    if folder.is_dir() and not part_paths(folder):
        strangers = [
            p.name for p in folder.iterdir() if not p.name.startswith((".", "_", "shard-"))
        ]
        if strangers:
            raise ClibdError(
                f"{folder} holds other files ({strangers[0]} …), and no embeddings",
                "Give --out a new or empty folder.",
            )


def remove_store(folder: Path) -> None:
    """Remove a whole store, shards included."""
    refuse_foreign_folder(folder)
    shutil.rmtree(folder, ignore_errors=False)
