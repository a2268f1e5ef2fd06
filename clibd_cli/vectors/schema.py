"""The columns of an embedding store, and the facts that every part of it carries.

The format is a promise to users (README, "The files"): a folder of Parquet parts that any Parquet
tool reads, one row a specimen and modality, embeddings of unit length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.lineage import RANKS
from clibd_cli.core.records import Specimen
from clibd_cli.core.version import __version__

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

FORMAT_VERSION = 1

TEXTS = ("specimen_id", "modality", *RANKS, "bin_uri", "barcode", "source", "content_sha256")
"""The columns of text."""

MAX_DIM = 16_384
"""Beyond this, a width of vectors is no width but a slip or an attack."""

STRENGTH = "strength"
"""The column of the vectors' lengths before they became 1, which stores of clibd 0.1.0 lack."""


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What a store's vectors are: they may only meet vectors of the same fingerprint.

    Attributes:
        dim: width of the vectors.
        dtype: `float32` or `float16`, as they lie on the disk.
    """

    model: str
    fingerprint: str
    dim: int
    dtype: str = "float32"
    tool_version: str = __version__


def store_schema(facts: StoreFacts) -> pa.Schema:
    """The Arrow schema of a store with these facts in its metadata."""
    import pyarrow as pa

    number = pa.float16() if facts.dtype == "float16" else pa.float32()
    text = ["specimen_id", "modality"]
    optional = [*RANKS, "bin_uri", "barcode"]
    fields = [
        *(pa.field(name, pa.string(), nullable=False) for name in text),
        pa.field("embedding", pa.list_(number, facts.dim), nullable=False),
        *(pa.field(name, pa.string()) for name in optional),
        pa.field("source", pa.string(), nullable=False),
        pa.field("content_sha256", pa.string(), nullable=False),
        pa.field(STRENGTH, pa.float32()),
    ]
    return pa.schema(
        fields,
        metadata={
            "clibd.format_version": str(FORMAT_VERSION),
            "clibd.model": facts.model,
            "clibd.fingerprint": facts.fingerprint,
            "clibd.tool_version": facts.tool_version,
        },
    )


def facts_of(schema: pa.Schema, where: str) -> StoreFacts:
    """The facts in the schema of a part.

    Raises:
        ClibdError: where `where` is no part of a store, or one of a newer clibd.
    """
    metadata = {k.decode(): v.decode() for k, v in (schema.metadata or {}).items()}
    version = metadata.get("clibd.format_version", "")
    if version.isdigit() and int(version) > FORMAT_VERSION:
        raise ClibdError(f"{where} was written by a newer clibd", "Update clibd.")
    try:
        vectors = schema.field("embedding").type
        facts = StoreFacts(
            model=metadata["clibd.model"],
            fingerprint=metadata["clibd.fingerprint"],
            dim=vectors.list_size,
            dtype="float16" if str(vectors.value_type) in {"float16", "halffloat"} else "float32",
            tool_version=metadata["clibd.tool_version"],
        )
    except (KeyError, AttributeError) as error:
        raise ClibdError(f"{where} is Parquet, but not an embedding store of clibd") from error
    expected = store_schema(facts)
    older = expected.remove(expected.get_field_index(STRENGTH))
    if facts.dim > MAX_DIM:
        raise ClibdError(f"{where} says that its vectors are {facts.dim:,} wide")
    if not version.isdigit() or not (schema.equals(expected) or schema.equals(older)):
        raise ClibdError(f"{where} does not have the columns of an embedding store")
    return facts


def to_table(
    specimens: Sequence[Specimen],
    digests: Sequence[str],
    vectors: np.ndarray,
    facts: StoreFacts,
    strengths: np.ndarray | None = None,
) -> pa.Table:
    """Rows of a store.

    Args:
        specimens: n of them.
        digests: SHA-256 of what each was computed from.
        vectors: [n, dim], unit length.
        facts: of the store that the rows are for.
        strengths: [n], how long the vectors were; NaN where that is unknown.
    """
    import numpy as np
    import pyarrow as pa

    schema = store_schema(facts)
    flat = np.ascontiguousarray(vectors, dtype=facts.dtype).reshape(-1)
    columns = {
        "specimen_id": [s.specimen_id for s in specimens],
        "modality": [s.modality for s in specimens],
        **{rank: [s.lineage.at(rank) for s in specimens] for rank in RANKS},
        "bin_uri": [s.bin_uri for s in specimens],
        "barcode": [s.content if s.modality == "dna" else None for s in specimens],
        "source": [s.source for s in specimens],
        "content_sha256": list(digests),
    }
    arrays = {name: pa.array(column, pa.string()) for name, column in columns.items()}
    arrays["embedding"] = pa.FixedSizeListArray.from_arrays(pa.array(flat), facts.dim)
    arrays[STRENGTH] = (
        pa.nulls(len(specimens), pa.float32())
        if strengths is None
        else pa.array(strengths, pa.float32(), from_pandas=True)
    )
    return pa.Table.from_arrays([arrays[name] for name in schema.names], schema=schema)


def strengths_of(rows: pa.RecordBatch) -> np.ndarray:
    """The strengths of rows, float32 [n]; NaN where they are unknown."""
    import numpy as np

    if STRENGTH not in rows.schema.names:
        return np.full(rows.num_rows, np.nan, dtype=np.float32)
    strengths: np.ndarray = rows.column(STRENGTH).to_numpy(zero_copy_only=False)
    return strengths.astype(np.float32, copy=False)


def vectors_of(column: pa.ChunkedArray | pa.Array, dim: int) -> np.ndarray:
    """The `embedding` column as a float32 array [n, dim].

    Raises:
        ClibdError: where a vector is not of unit length, which `embed` never writes.
    """
    import numpy as np
    import pyarrow as pa

    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    parts = [chunk.flatten().to_numpy(zero_copy_only=False).reshape(-1, dim) for chunk in chunks]
    if not parts:
        return np.empty((0, dim), dtype=np.float32)
    vectors = np.concatenate(parts).astype(np.float32, copy=False)
    # NaN fails the comparison too. Half precision is off by up to 0.001.
    if not bool((np.abs(np.linalg.norm(vectors, axis=1) - 1.0) < 1e-2).all()):
        raise ClibdError(
            "the store holds vectors that are not of unit length", "Embed the inputs anew."
        )
    return vectors
