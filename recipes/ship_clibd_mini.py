"""Put a trained model and its reference library into the package, as clibd-mini.

    clibd train recipes/clibd_mini.toml
    python recipes/ship_clibd_mini.py [MODEL]

MODEL is the model that the recipe trained. The library holds, of the data that the recipe names,
one vector for each species and BIN of the barcodes and a few for each species of the photos; no
sequences, no photos.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import clibd_cli as clibd
from clibd_cli.core.shipped import OWN_LIBRARY, OWN_MODEL, shipped_folder
from clibd_cli.models.home import models_home
from clibd_cli.models.registry import find_installed, read_card, write_card
from clibd_cli.training.settings import read_settings

RECIPE = Path(__file__).with_name("clibd_mini.toml")
REPRESENTATIVES = {"image": 5, "dna": 1}


def main() -> None:
    """Copy the model, embed the recipe's data with it, and build the library."""
    settings = read_settings(RECIPE, {})
    trained = find_installed(sys.argv[1] if len(sys.argv) > 1 else settings.name, models_home())
    ship_model(trained, shipped_folder() / OWN_MODEL)
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)  # the index records the names of its sources as they were given
        clibd.embed(clibd.Inputs(dna=settings.dna), "barcodes.embeddings", model=OWN_MODEL)
        photos = clibd.Inputs(photos=settings.photos, labels=settings.labels)
        clibd.embed(photos, "photos.embeddings", model=OWN_MODEL)
        clibd.build_index(
            ["barcodes.embeddings", "photos.embeddings"],
            OWN_LIBRARY,
            model=OWN_MODEL,
            kind="exact",
            representatives=REPRESENTATIVES,
            vectors="float16",
        )
        library = shipped_folder() / OWN_LIBRARY
        shutil.rmtree(library, ignore_errors=True)
        shutil.copytree(OWN_LIBRARY, library)
    for folder in sorted(shipped_folder().iterdir()):
        size = sum(path.stat().st_size for path in folder.iterdir())
        print(f"{folder.name}: {size / 1e6:.1f} MB")


def ship_model(trained: Path, shipped: Path) -> None:
    """The trained model's folder, under its own name; its fingerprint does not change by that."""
    shutil.rmtree(shipped, ignore_errors=True)
    shutil.copytree(trained, shipped)
    write_card(shipped, replace(read_card(shipped), name=OWN_MODEL))


if __name__ == "__main__":
    main()
