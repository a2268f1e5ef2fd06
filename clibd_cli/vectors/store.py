"""Writing an embedding store: whole parts only, one writer at a time, one model a store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.core.atomic import atomic_path, make_folder, naming, write_text
from clibd_cli.core.closing import Closing
from clibd_cli.core.digest import sha256_file
from clibd_cli.core.errors import ClibdError
from clibd_cli.vectors.parts import SHARD, UNFINISHED, common_facts, part_paths
from clibd_cli.vectors.schema import StoreFacts
from clibd_cli.vectors.sums import SUMS, read_sums, write_sums

if TYPE_CHECKING:
    import pyarrow as pa


class StoreWriter(Closing):
    """Appends parts to the store in `folder`; a context manager that holds the store's lock.

    A part appears under its final name only when it is complete, so whatever happens to the
    machine, what the folder shows is whole; and from the first part until `finish` the folder
    says that more is to come.

    Args:
        command: what the user typed, told to whoever reads the store unfinished.

    Raises:
        ClibdError: where another run writes to the store, or the store is of another model.
    """

    def __init__(
        self, folder: Path, facts: StoreFacts, overwrite: bool = False, command: str = ""
    ) -> None:
        from filelock import FileLock, Timeout

        refuse_foreign_folder(folder)
        _refuse_other_shards(folder)
        make_folder(folder)
        self.folder = folder
        self.facts = facts
        self._command = command
        self._marked = False
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
            self._sums = self._still_there()
            self._next = self._next_number()
        except BaseException:
            self._lock.release()
            raise

    def write(self, rows: pa.Table) -> Path:
        """Write `rows` as the next part, and return its path."""
        import pyarrow.parquet as pq

        if not self._marked:
            write_text(self.folder / UNFINISHED, self._command + "\n")
            self._marked = True
        path = self.folder / f"part-{self._next:06d}.parquet"
        with naming(path), atomic_path(path) as partial:
            pq.write_table(rows, partial, compression="zstd", write_page_checksum=True)
            digest = sha256_file(partial)
        self._sums[path.name] = digest
        self._next += 1
        return path

    def finish(self) -> None:
        """All rows and the files beside them are there: the store may be read from now on."""
        for path in part_paths(self.folder):
            if path.name not in self._sums:  # of a run that was killed, or of an older clibd
                self._sums[path.name] = sha256_file(path)
        beside = {p for p in self.folder.glob("_*") if p.name not in (SUMS, UNFINISHED)}
        write_sums(self.folder, self._sums | {path.name: sha256_file(path) for path in beside})
        (self.folder / UNFINISHED).unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the store, finished or not."""
        self._lock.release()

    def _clear(self) -> None:
        for path in (*part_paths(self.folder), self.folder / SUMS):
            path.unlink(missing_ok=True)

    def _check_facts(self) -> None:
        if not part_paths(self.folder):
            return
        here = common_facts([self.folder])
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

    def _still_there(self) -> dict[str, str]:
        """The digests of the parts; those of removed ones are struck off, as their names return."""
        listed = read_sums(self.folder)
        there = {path.name for path in part_paths(self.folder)}
        kept = {name: digest for name, digest in listed.items() if name in there}
        if kept != listed:
            write_sums(self.folder, kept)
        return kept

    def _next_number(self) -> int:
        numbers = (path.stem.removeprefix("part-") for path in part_paths(self.folder))
        return max((int(number) for number in numbers if number.isdecimal()), default=-1) + 1


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


def _refuse_other_shards(folder: Path) -> None:
    """The rows of a store are shared out in one way only: nothing may be there twice."""
    shard = SHARD.fullmatch(folder.name)
    whole = folder.parent if shard else folder
    others = [p.name for p in whole.glob("shard-*") if _number(p) != (shard and shard[1])]
    if shard and part_paths(whole):
        others.append("rows of a run without --shard")
    if others:
        raise ClibdError(
            f"{whole} is shared out in another way already ({others[0]})",
            "Give another --out, or remove what is there.",
        )


def _number(folder: Path) -> str | None:
    """How many shards there are in all, by the name of one."""
    shard = SHARD.fullmatch(folder.name)
    return shard and shard[1]
