"""What a result, a hit and a skip look like as a row, and the files that hold them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from clibd_cli.core.errors import UsageError
from clibd_cli.core.lineage import RANKS
from clibd_cli.core.records import Call, Hit, Skip, Specimen
from clibd_cli.io.writers import (
    DelimitedRows,
    DelimitedWriter,
    JsonLinesWriter,
    ParquetWriter,
    ResultWriter,
)

RESULT_COLUMNS = (
    "specimen_id",
    *RANKS,
    "rank",
    *(f"confidence_{rank}" for rank in RANKS),
    "nearest_id",
    "nearest_species",
    "nearest_similarity",
    "n_support",
    "evidence",
    "flags",
    "source",
    "identity",
    "overlap_bp",
    "conflict",
)
"""The columns of `classify`, in their promised order; `identity` and `overlap_bp` are those of the
nearest reference, where barcodes were aligned."""

EXPLANATION = "explanation"
"""The column of results whose photos were explained: the path of a picture of where the encoder
looked, from the folder that the results are in."""

NEAR_COLUMNS = (
    "specimen_id",
    "position",
    "key_id",
    "key_modality",
    "similarity",
    "identity",
    "overlap_bp",
    *RANKS,
    "bin_uri",
    "n_specimens",
    "source",
)
"""The columns of the nearest references beside the results of `classify`; `position` counts from 1
within a specimen, `source` is that of the reference."""

HIT_COLUMNS = (
    "query_id",
    "query_modality",
    "position",
    "key_id",
    "key_modality",
    "similarity",
    *RANKS,
    "bin_uri",
    "n_specimens",
    "source",
)
"""The columns of `search`; `position` counts from 1, `source` is that of the key."""

SKIP_COLUMNS = ("source", "specimen_id", "reason")

FLOAT_COLUMNS = frozenset(
    {*(f"confidence_{rank}" for rank in RANKS), "nearest_similarity", "similarity", "identity"}
)
INT_COLUMNS = frozenset({"n_support", "n_specimens", "position", "overlap_bp"})


def call_row(call: Call) -> dict[str, Any]:
    """One row of the results; ranks and confidences that are not supported are None."""
    nearest = call.nearest
    return {
        "specimen_id": call.specimen_id,
        **{rank: call.lineage.at(rank) for rank in RANKS},
        "rank": call.lineage.deepest,
        **{f"confidence_{rank}": call.confidence.get(rank) for rank in RANKS},
        "nearest_id": nearest.specimen_id if nearest else None,
        "nearest_species": nearest.lineage.species if nearest else None,
        "nearest_similarity": nearest.similarity if nearest else None,
        "n_support": call.n_support,
        "evidence": call.evidence,
        "flags": ";".join(call.flags),
        "source": call.source,
        "identity": nearest.identity if nearest else None,
        "overlap_bp": nearest.overlap_bp if nearest else None,
        "conflict": call.conflict or None,
    }


def near_rows(call: Call) -> list[dict[str, Any]]:
    """One row for each of the nearest references that go with a call."""
    return [
        {
            "specimen_id": call.specimen_id,
            "position": position,
            "key_id": hit.specimen_id,
            "key_modality": hit.modality,
            "similarity": hit.similarity,
            "identity": hit.identity,
            "overlap_bp": hit.overlap_bp,
            **{rank: hit.lineage.at(rank) for rank in RANKS},
            "bin_uri": hit.bin_uri,
            "n_specimens": hit.n_specimens,
            "source": hit.source,
        }
        for position, hit in enumerate(call.near, 1)
    ]


def hit_rows(query: Specimen, hits: Iterable[Hit]) -> list[dict[str, Any]]:
    """One row for each hit of a query, the nearest first."""
    return [
        {
            "query_id": query.specimen_id,
            "query_modality": query.modality,
            "position": position,
            "key_id": hit.specimen_id,
            "key_modality": hit.modality,
            "similarity": hit.similarity,
            **{rank: hit.lineage.at(rank) for rank in RANKS},
            "bin_uri": hit.bin_uri,
            "n_specimens": hit.n_specimens,
            "source": hit.source,
        }
        for position, hit in enumerate(hits, 1)
    ]


def column_kinds(columns: Sequence[str]) -> dict[str, type]:
    """The type of the values of each column; what is not known to be a number is text."""
    return {
        name: float if name in FLOAT_COLUMNS else int if name in INT_COLUMNS else str
        for name in columns
    }


def open_results(path: Path, columns: Sequence[str]) -> ResultWriter:
    """A writer for `path`, in the format of its suffix: .csv, .tsv, .jsonl or .parquet.

    The file has its name only once the writer is closed well (a context manager does so); until
    then rows are in `NAME.partial.csv` beside it, and an exception removes that.

    Raises:
        UsageError: for another suffix.
        ClibdError: where the file cannot be written, or another run is writing it.
    """
    return open_table(path, column_kinds(columns))


def open_table(path: Path, kinds: Mapping[str, type]) -> ResultWriter:
    """A writer as `open_results` gives it, for columns with values of the given types."""
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        return DelimitedWriter(path, kinds, "," if suffix == ".csv" else "\t")
    if suffix in (".jsonl", ".ndjson"):
        return JsonLinesWriter(path, kinds)
    if suffix == ".parquet":
        return ParquetWriter(path, kinds)
    raise UsageError(
        f"results cannot be written as {suffix or 'a file without suffix'}: {path.name}",
        "Let the name end in .csv, .tsv, .jsonl or .parquet.",
    )


def delimited_rows(stream: IO[str], columns: Sequence[str], delimiter: str = ",") -> DelimitedRows:
    """A writer of CSV rows on an open stream, such as the standard output."""
    return DelimitedRows(stream, column_kinds(columns), delimiter)


def skipped_path(results: Path) -> Path:
    """Where the skips of `results` are listed: `results.skipped.csv` for `results.parquet`."""
    return results.with_name(f"{results.stem}.skipped.csv")


def explanations_path(results: Path) -> Path:
    """The folder of pictures of where the encoder looked: `results.explanations`."""
    return results.with_name(f"{results.stem}.explanations")


def near_path(results: Path) -> Path:
    """Where the nearest references of `results` are: `results.hits.parquet` for `results.csv`."""
    return results.with_name(f"{results.stem}.hits.parquet")


class SkipWriter:
    """Lists skips as CSV. The file is there, with a header alone, where nothing was skipped.

    Args:
        path: the list itself, such as `skipped_path` gives it.
    """

    def __init__(self, path: Path) -> None:
        self._rows = open_results(path, SKIP_COLUMNS)
        self.count = 0

    def write(self, skip: Skip) -> None:
        """Add one."""
        self._rows.write(
            {"source": skip.source, "specimen_id": skip.specimen_id, "reason": skip.reason}
        )
        self.count += 1

    def close(self) -> None:
        """Finish the list; it takes its name."""
        self._rows.close()

    def discard(self) -> None:
        """Give the list up."""
        self._rows.discard()

    def __enter__(self) -> SkipWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._rows.__exit__(kind, error, trace)
