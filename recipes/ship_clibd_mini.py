"""Put a trained model and its reference library into the package, as clibd-mini.

    clibd train recipes/clibd_mini.toml
    python recipes/ship_clibd_mini.py --measured mini-check.train/run.json

The run `mini-check` (recipes/split_clibd_mini.py) tells how good the recipe is, and its model
brings along how far names of photos can be trusted that it has not seen: the shipped model has seen
all. The library holds, of the data that the recipe names, one vector for each species and BIN of
the barcodes and a few for each species of the photos; no sequences, no photos.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import clibd_cli as clibd
from clibd_cli.core.shipped import OWN_LIBRARY, OWN_MODEL, shipped_folder
from clibd_cli.models.experience import CALIBRATION_FILE, SEEN_FILE, with_experience
from clibd_cli.models.home import models_home
from clibd_cli.models.registry import find_installed, read_card, write_card
from clibd_cli.tasks.held_out import REPRESENTATIVES
from clibd_cli.training.settings import read_settings

RECIPE = Path(__file__).with_name("clibd_mini.toml")
CHECK = "mini-check"
FIGURES = {
    "seen.dna_to_dna.species": "barcode to barcodes, species",
    "unseen.dna_to_dna.genus.known": "genus of new species",
    "seen.image_to_image.species": "photo to photos, species",
    "unseen.image_to_image.genus.known": "genus of new species",
    "seen.image_to_dna.species.known": "photo to barcodes, species",
    "unseen.image_to_dna.family": "family of new species",
}


def main() -> None:
    """Build both beside the package's own, and swap them."""
    options = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    options.add_argument("model", nargs="?", help="by default the one that the recipe names")
    options.add_argument("--measured", type=Path, required=True, help="run.json of the check run")
    options.add_argument("--calibration", type=Path, help=f"by default that of {CHECK}")
    given = options.parse_args()
    settings = read_settings(RECIPE, {})
    trained = find_installed(given.model or settings.name, models_home())
    if not (trained / SEEN_FILE).is_file():
        options.error(f"{trained} does not say what it has seen: give its `clibd train` again")
    calibration = given.calibration or find_installed(CHECK, models_home()) / CALIBRATION_FILE
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch) / OWN_MODEL
        shutil.copytree(trained, model)
        card = read_card(model)
        notes = f"{card.notes} {told(given.measured)}"
        shutil.copy(calibration, model / CALIBRATION_FILE)
        card = with_experience(replace(card, name=OWN_MODEL, notes=notes), model)
        write_card(model, card)
        swap(model)  # the library looks up what its model has seen
        here = Path.cwd()
        os.chdir(scratch)  # the index records the names of its sources as they are given
        try:
            build_library(settings)
        finally:
            os.chdir(here)
        swap(Path(scratch) / OWN_LIBRARY)


def swap(made: Path) -> None:
    """Put a folder into the package in place of that of its name."""
    final = shipped_folder() / made.name
    shutil.rmtree(final, ignore_errors=True)
    shutil.copytree(made, final)
    size = sum(path.stat().st_size for path in final.iterdir())
    print(f"{final}: {size / 1e6:.1f} MB")


def build_library(settings: clibd.TrainSettings) -> None:
    """The index `clibd-mini-library`, made with the package's model, here."""
    model = OWN_MODEL
    clibd.embed(clibd.Inputs(dna=settings.dna), "barcodes.embeddings", model=model)
    photos = clibd.Inputs(photos=settings.photos, labels=settings.labels)
    clibd.embed(photos, "photos.embeddings", model=model)
    clibd.build_index(
        ["barcodes.embeddings", "photos.embeddings"],
        OWN_LIBRARY,
        kind="exact",
        representatives=REPRESENTATIVES,
        vectors="float16",
        command="python recipes/ship_clibd_mini.py",
    )


def told(measured: Path) -> str:
    """The figures of the check run, for the card."""
    metrics = json.loads(measured.read_text(encoding="utf-8"))["metrics"]
    figures = ", ".join(f"{what} {100 * metrics[name]:.1f} %" for name, what in FIGURES.items())
    return (
        "Measured with the same recipe on specimens and species kept back "
        f"(recipes/split_clibd_mini.py), nearest reference, top-1: {figures}."
    )


if __name__ == "__main__":
    main()
