"""Rates and peak memory of the main job, on simulated specimens, with a model of official size.

    python benchmarks/main_job.py [--barcodes 300] [--photos 60] [--precision fp32]

The weights are random: speed does not depend on them. Prints a table, and JSON with --json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import clibd_cli as clibd


def main() -> None:
    """Measure, and print what was measured."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--barcodes", type=int, default=300)
    options.add_argument("--photos", type=int, default=60)
    options.add_argument("--precision", default="fp32")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["CLIBD_HOME"] = name
        write_official_size(folder / "models" / "official")
        rows = list(_measure(folder, given.barcodes, given.photos, given.precision))
    if given.json:
        print(json.dumps(rows))
        return
    for row in rows:
        print(f"{row['what']:<28} {row['n']:>7,}  {row['a_second']:>10,.1f} a second")
    print(f"peak memory {_peak_megabytes():,} MB, {os.cpu_count()} cores")


def write_official_size(folder: Path) -> None:
    """A model of a ViT-B/16 and a BarcodeBERT of 12 layers, 768 wide, with random weights."""
    import torch

    from clibd_cli.models.cards import ModelCard
    from clibd_cli.models.convert import Converted
    from clibd_cli.models.install import write_model
    from clibd_cli.models.published import published_cards
    from clibd_cli.models.towers import BlockShape, tensor_shapes

    published = published_cards()["clibd-1m-id"]
    shape = BlockShape(heads=12, hidden=3072)
    tensors = {
        f"{modality}.{name}": torch.randn(size) * 0.02
        for modality in ("image", "dna")
        for name, size in tensor_shapes(getattr(published, modality), shape).items()
    }
    converted = Converted(
        tensors, {"image": 12, "dna": 12}, published.image, published.dna, None, 768, None
    )
    folder.mkdir(parents=True)
    card = ModelCard("official", "random weights of official size", "made here", dim=768)
    write_model(folder, replace(card, image=published.image, dna=published.dna), converted, None)


def _measure(
    folder: Path, barcodes: int, photos: int, precision: str
) -> Iterator[dict[str, object]]:
    from clibd_cli.simulated.photos import draw_photo, jpeg_bytes
    from clibd_cli.simulated.stream import simulate_barcodes
    from clibd_cli.simulated.taxonomy import invented_taxonomy

    fasta = folder / "samples.fasta"
    with fasta.open("w") as handle:
        for specimen_id, _, barcode in simulate_barcodes(barcodes, seed=1):
            handle.write(f">{specimen_id}\n{barcode}\n")
    pictures = folder / "photos"
    pictures.mkdir()
    species = invented_taxonomy(seed=1)
    for i in range(photos):
        photo = draw_photo(species[i % len(species)], 1, i)
        (pictures / f"{i}.jpg").write_bytes(jpeg_bytes(photo, "simulated", "clibd"))
    jobs = {
        "barcodes embedded": clibd.Inputs(dna=[str(fasta)]),
        "photos embedded": clibd.Inputs(photos=[str(pictures)]),
    }
    for what, inputs in jobs.items():
        store = folder / f"{what.split()[0]}.embeddings"
        done = clibd.embed(inputs, store, model="official", precision=precision)
        yield {"what": what, "n": done.n, "a_second": done.n / done.seconds}
    clibd.build_index(
        [str(folder / "barcodes.embeddings"), str(folder / "photos.embeddings")], folder / "index"
    )
    found = clibd.classify(
        clibd.Inputs(photos=[str(folder / "barcodes.embeddings")]),
        folder / "index",
        folder / "names.csv",
    )
    yield {"what": "embedded barcodes named", "n": found.n, "a_second": found.rate}


def _peak_megabytes() -> int:
    if sys.platform == "win32":
        return 0
    import resource

    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit


if __name__ == "__main__":
    main()
