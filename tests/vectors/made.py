"""Stores and vectors for the tests of this room, made from a seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from clibd_cli.core.digest import sha256_text
from clibd_cli.core.lineage import Lineage
from clibd_cli.core.records import Modality, Specimen
from clibd_cli.vectors.schema import StoreFacts, to_table
from clibd_cli.vectors.store import StoreWriter

FACTS = StoreFacts(model="tiny", fingerprint="a" * 64, dim=16)


def unit_vectors(n: int, dim: int = 16, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def specimens(n: int, modality: Modality = "dna", first: int = 0) -> list[Specimen]:
    return [
        Specimen(
            specimen_id=f"s{i}",
            modality=modality,
            content=f"ACGT{i}",
            source=f"made.fasta#s{i}",
            lineage=Lineage("Odonata", "Libellulidae", "Libellula", f"Libellula no{i % 7}"),
        )
        for i in range(first, first + n)
    ]


def write_store(
    folder: Path,
    rows: list[Specimen],
    vectors: np.ndarray,
    facts: StoreFacts = FACTS,
) -> Path:
    with StoreWriter(folder, facts) as store:
        digests = [sha256_text(row.modality + row.content) for row in rows]
        store.write(to_table(rows, digests, vectors, facts))
        store.finish()
    return folder
