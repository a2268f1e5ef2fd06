"""A made-up reference library: vectors of species in genera in families, and their barcodes."""

from __future__ import annotations

import random

import numpy as np

from clibd_cli.core.digest import sha256_text
from clibd_cli.core.lineage import Lineage
from clibd_cli.core.records import Modality
from clibd_cli.vectors.holdings import Holdings

N_SPECIES = 24
_SPREAD = (1.0, 0.5, 0.3, 0.04)
"""How far families, genera, species and specimens lie from what they belong to."""


def lineage_of(species: int) -> Lineage:
    """Four species a genus, two genera a family, three families in two orders."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    genus, family = f"Genus{letters[species // 4]}", f"Famil{letters[species // 8]}dae"
    order = "Diptera" if species < 16 else "Odonata"
    return Lineage(order, family, genus, f"{genus} {letters[species] * 6}")


def made_library(each: int = 6, modality: Modality = "dna", seed: int = 3) -> Holdings:
    """`each` specimens of 24 species, ids such as `s3-1`, each with a vector of its own."""
    rng = np.random.default_rng(seed)
    centres: dict[tuple[str, ...], np.ndarray] = {}
    vectors, held = [], Holdings(modality, np.empty((0, 0)), np.empty(0, np.int64))
    for species in range(N_SPECIES):
        names = lineage_of(species)
        levels = (("f", str(names.family)), ("g", str(names.genus)), ("s", str(names.species)))
        for level in levels:
            centres.setdefault(level, rng.normal(size=32))
        for individual in range(each):
            parts = [centres[level] for level in levels] + [rng.normal(size=32)]
            vector = sum(w * part for w, part in zip(_SPREAD, parts, strict=True))
            vectors.append(vector / np.linalg.norm(vector))
            barcode = made_barcode(species, individual)
            held.ids.append(f"s{species}-{individual}")
            held.lineages.append(names)
            held.bins.append(f"BOLD:AAA{species:04d}")
            held.barcodes.append(barcode if modality == "dna" else "")
            held.sources.append(f"made#s{species}-{individual}")
            held.digests.append(sha256_text(f"{modality}{barcode}"))
    held.vectors = np.stack(vectors).astype(np.float32)
    held.numbers = np.arange(len(held.ids))
    return held


def made_barcode(species: int, individual: int = 0) -> str:
    """600 bases without a stop codon in the first frame; individuals differ in one base."""
    rng = random.Random(species)
    codons = [a + b + c for a in "CG" for b in "ACGT" for c in "ACGT"]
    bases = list("".join(rng.choice(codons) for _ in range(200)))
    place = 3 * individual + 2
    bases[place] = {"A": "C", "C": "G", "G": "T", "T": "A"}[bases[place]]
    return "".join(bases)


def row_of(held: Holdings, specimen_id: str) -> int:
    """The row of a specimen."""
    return held.ids.index(specimen_id)


def add_copy(held: Holdings, specimen_id: str, new_id: str, lineage: Lineage) -> None:
    """The same content and vector once more, under another id and label."""
    row = row_of(held, specimen_id)
    held.ids.append(new_id)
    held.lineages.append(lineage)
    for name in ("bins", "barcodes", "sources", "digests"):
        values = getattr(held, name)
        values.append(values[row])
    held.numbers = np.append(held.numbers, held.numbers[row])
