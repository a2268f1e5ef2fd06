"""Results as `classify` writes them, made up: one row of each kind that an export must know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clibd_cli.core.lineage import RANKS
from clibd_cli.io.results import RESULT_COLUMNS, column_kinds
from clibd_cli.io.writers import DelimitedWriter, JsonLinesWriter, ParquetWriter

KINDS: dict[str, type] = column_kinds((*RESULT_COLUMNS, "conflict"))


def made_row(specimen_id: str, *names: str | None, **cells: Any) -> dict[str, Any]:
    """A row with `names` from the order down, and ordinary values elsewhere."""
    given = [*names, *[None] * (4 - len(names))]
    lineage = dict(zip(RANKS, given, strict=True))
    return {
        **dict.fromkeys(KINDS),
        "specimen_id": specimen_id,
        **lineage,
        "rank": next((rank for rank in reversed(RANKS) if lineage[rank]), None),
        **{f"confidence_{rank}": 0.99 - i / 8 for i, rank in enumerate(RANKS) if lineage[rank]},
        "nearest_id": "ref-7",
        "nearest_species": "Aedes vexans",
        "nearest_similarity": 0.98765432,
        "n_support": 3,
        "evidence": "dna",
        "flags": "",
        "source": f"q.fasta#{specimen_id}",
        **cells,
    }


ROWS = [
    made_row(
        "a1", "Diptera", "Culicidae", "Aedes", "Aedes vexans", identity=0.9954, overlap_bp=658
    ),
    made_row("a2", "Diptera", "Culicidae", flags="new_species_suspected;far_from_references"),
    made_row("a3", nearest_id=None, nearest_species=None, nearest_similarity=None, n_support=0),
    made_row(
        "p1",
        "Lepidoptera",
        "Noctuidae",
        "Xestia",
        "Xestia c-nigrum",
        evidence="image",
        source="plate ä/p1.jpg",
    ),
    made_row(
        "p2",
        evidence="image+dna",
        source="plate ä/p2.jpg",
        flags="conflict",
        conflict="image: Lepidoptera Noctuidae; dna: Diptera Culicidae Aedes",
    ),
    made_row("=1+2", "Diptera", "Chironomidae", "Chironomus", "Chironomus sp. 1TE"),
]

RUN_LOG = """{
  "format_version": 1,
  "started": "2026-02-28T23:59:00Z",
  "finished": "2026-03-01T00:00:10Z",
  "versions": {"clibd": "9.8.7", "python": "3.11"},
  "model": "tiny",
  "fingerprint": "0123456789abcdef",
  "index": "C:\\\\refs\\\\our-index",
  "index_sha256": {"keys.parquet": "fedcba98765432100000"},
  "method": "vote",
  "k": 10,
  "target_precision": 0.95
}
"""


def write_results(path: Path, rows: list[dict[str, Any]] | None = None, log: bool = True) -> Path:
    """`rows` in the format of the suffix, as `classify` writes them, and a run log beside them."""
    suffix = path.suffix
    if suffix == ".parquet":
        writer: Any = ParquetWriter(path, KINDS)
    elif suffix == ".jsonl":
        writer = JsonLinesWriter(path, KINDS)
    else:
        writer = DelimitedWriter(path, KINDS, "\t" if suffix == ".tsv" else ",")
    with writer:
        for row in ROWS if rows is None else rows:
            writer.write(row)
    if log:
        path.with_name(f"{path.stem}.run.json").write_text(RUN_LOG, encoding="utf-8")
    return path
