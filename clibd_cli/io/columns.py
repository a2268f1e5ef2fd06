"""What the columns of a table are called in BOLD, BIOSCAN and lab tables: the one place.

Names are compared in lower case, with spaces and hyphens as underscores. An earlier alias wins over
a later one. (BOLD v3: `species_name`, `nucleotides`; BOLD v5: `nuc`, `marker_code`; BIOSCAN-1M:
`nucraw`, `uri`, `image_file`; BIOSCAN-5M: `dna_barcode`, `dna_bin`.)
"""

from __future__ import annotations

import re

from clibd_cli.core.lineage import RANKS

SPECIMEN = (
    "specimen_id",
    "processid",
    "process_id",
    "record_id",
    "recordid",
    "sampleid",
    "sample_id",
)
"""Columns whose value is the specimen's own name. BOLD's `specimenid` is a number of theirs."""

IDS = (*SPECIMEN, "id", "seq_id", "seqid", "sequence_id", "feature_id", "asv_id", "otu_id")
"""Columns by which a record can be found."""

BARCODE_IDS = (*IDS, "name", "seq_name", "accession")
"""Columns that name a record in a table of barcodes."""

FILES = ("image_file", "file", "filename", "file_name", "image", "photo")
"""Columns that name a photo: a path relative to the table, or a bare file name."""

SEQUENCE = (
    "nucleotides",
    "nuc",
    "nucraw",
    "dna_barcode",
    "barcode",
    "sequence",
    "seq",
    "nucleotide",
)
BIN = ("bin_uri", "dna_bin", "uri", "bin")
MARKER = ("marker_code", "markercode", "marker", "locus")
TAXONOMY = ("taxon", "taxonomy")
"""A whole lineage in one cell (QIIME2, UNITE); used only where no column holds a rank."""

RANK_COLUMNS: dict[str, tuple[str, ...]] = {rank: (rank, f"{rank}_name") for rank in RANKS}

_SEPARATORS = re.compile(r"[\s\-]+")


def normal_name(name: str) -> str:
    """The form in which column names are compared: `Process ID` becomes `process_id`."""
    return _SEPARATORS.sub("_", name.strip().strip("\"'").strip().lower())
