"""Small made-up input files: barcodes of four species, and photos in four colours."""

from __future__ import annotations

import csv
import random
from pathlib import Path

from clibd_cli.core.lineage import RANKS, Lineage

SPECIES = (
    Lineage("Diptera", "Sciaridae", "Corynoptera", "Corynoptera prima"),
    Lineage("Diptera", "Sciaridae", "Corynoptera", "Corynoptera secunda"),
    Lineage("Diptera", "Culicidae", "Aedes", "Aedes tertius"),
    Lineage("Odonata", "Libellulidae", "Libellula", "Libellula quarta"),
)
COLOURS = ("red", "orange", "navy", "seagreen")


def barcode_of(species: int, individual: int = 0) -> str:
    """A barcode of 600 bases; individuals of a species differ in one base."""
    rng = random.Random(species)
    bases = [rng.choice("ACGT") for _ in range(600)]
    if individual:
        place = 7 * individual % len(bases)
        bases[place] = {"A": "C", "C": "G", "G": "T", "T": "A"}[bases[place]]
    return "".join(bases)


def write_fasta(path: Path, individuals: range, prefix: str = "s", labels: bool = False) -> Path:
    """Barcodes of all species, four a round, ids like `s0-2` (species 0, individual 2)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as handle:
        for individual in individuals:
            for number, lineage in enumerate(SPECIES):
                header = f"{prefix}{number}-{individual}"
                if labels:
                    ranks = zip("ofgs", RANKS, strict=True)
                    tax = ",".join(f"{k}:{str(lineage.at(r)).replace(' ', '_')}" for k, r in ranks)
                    header += f";tax={tax};"
                handle.write(f">{header}\n{barcode_of(number, individual)}\n")
    return path


def write_photos(folder: Path, individuals: range, prefix: str = "p") -> Path:
    """A photo for each species and individual, and `photos.csv` beside the folder's photos."""
    from PIL import Image, ImageDraw

    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for individual in individuals:
        for number, lineage in enumerate(SPECIES):
            image = Image.new("RGB", (48, 40), "white")
            box = (4 + individual % 5, 4, 36, 30 + individual % 7)
            ImageDraw.Draw(image).ellipse(box, fill=COLOURS[number])
            name = f"{prefix}{number}-{individual}.png"
            image.save(folder / name)
            rows.append([name, *(lineage.at(rank) for rank in RANKS)])
    with (folder / "photos.csv").open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([["file", *RANKS], *rows])
    return folder
