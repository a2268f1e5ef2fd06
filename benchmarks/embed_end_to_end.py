"""`embed` from files to Parquet, beside the encoder alone on ready tensors.

    python benchmarks/embed_end_to_end.py [--photos FOLDER] [--models clibd-mini official] [--json]

Both in one process, with the same threads, weights and batches, by turns; the model is opened
before, as at the start of a long job. Photos and barcodes are distinct, simulated unless a folder
of photos is named. Of each, the median of some rounds, and the median of the rounds' ratios, which
is the share of the encoder's rate that is left to the user; and the same of the seconds of
processor, which a busy machine disturbs less.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the program `clibd` does, before torch

import torch
from encoders import barcodes, photos
from main_job import write_official_size

import clibd_cli as clibd
from clibd_cli.core.records import Modality
from clibd_cli.core.shipped import OWN_MODEL, shipped_folder
from clibd_cli.io.photos import load_photo
from clibd_cli.models.model import ClibdModel, load_model
from clibd_cli.simulated.photos import jpeg_bytes
from clibd_cli.tasks import embed as embedding

ITEMS: dict[str, dict[Modality, int]] = {
    "clibd-mini": {"image": 384, "dna": 8192},
    "official": {"image": 32, "dna": 64},
}


def main() -> None:
    """Measure, and print what was measured."""
    options = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    options.add_argument("--photos", type=Path, help="real ones, instead of simulated")
    options.add_argument("--models", nargs="+", choices=list(ITEMS), default=list(ITEMS))
    options.add_argument(
        "--modalities", nargs="+", choices=["image", "dna"], default=["image", "dna"]
    )
    options.add_argument("--precision", default="auto")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        os.environ["CLIBD_HOME"] = name
        for what in given.models:
            for modality in given.modalities:
                folder = Path(name) / f"{what}-{modality}"
                folder.mkdir()
                rows.append(measured(what, modality, folder, given))
    if given.json:
        print(json.dumps(rows))
        return
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    print(
        f"{'tower':<20}{'items':>7}{'encoder a second':>18}{'embed a second':>16}{'share':>8}"
        f"{'processor':>11}"
    )
    for row in rows:
        print(
            f"{row['tower']:<20}{row['n']:>7,}{row['encoder']:>18.1f}{row['embed']:>16.1f}"
            f"{row['share']:>8.2f}{row['processor']:>11.2f}"
        )


def measured(
    what: str, modality: Modality, folder: Path, given: argparse.Namespace
) -> dict[str, Any]:
    """One tower: the encoder alone and `embed`, by turns."""
    model = opened(what, modality, folder, given.precision)
    inputs, items = written(model, modality, folder, ITEMS[what][modality], given.photos)
    size = model.batch_size(modality)
    ready = [model._inputs(modality, items[at : at + size]) for at in range(0, len(items), size)]
    encoder = model._fused.get(modality) or model._encoders[modality]
    embedding.open_model = lambda *_: model  # type: ignore[assignment]

    def alone() -> None:
        with torch.inference_mode():
            for batch in ready:
                encoder(*batch)

    def whole() -> None:
        done = clibd.embed(inputs, folder / "store", precision=given.precision, overwrite=True)
        if done.encoded != len(items):
            raise SystemExit(f"{done.encoded} of {len(items)} were encoded")

    taken = [(*seconds(alone), *seconds(whole)) for _ in range(given.rounds + 1)][1:]
    return {
        "tower": f"{what} {modality}",
        "n": len(items),
        "encoder": len(items) / median(wall for wall, *_ in taken),
        "embed": len(items) / median(wall for *_, wall, _ in taken),
        "share": median(alone / whole for alone, _, whole, _ in taken),
        "processor": median(alone / whole for _, alone, _, whole in taken),
    }


def opened(what: str, modality: Modality, folder: Path, precision: str) -> ClibdModel:
    """clibd-mini, or random weights of official size."""
    if what == OWN_MODEL:
        return load_model(shipped_folder() / OWN_MODEL, "auto", precision, [modality])
    write_official_size(folder / "model")
    return load_model(folder / "model", "auto", precision, [modality])


def written(
    model: ClibdModel, modality: Modality, folder: Path, n: int, real: Path | None
) -> tuple[clibd.Inputs, list[Any]]:
    """`n` distinct files or records for `embed`, and what the encoder reads of them."""
    if modality == "dna":
        found = list(dict.fromkeys(barcodes(None)))[:n]
        records = "".join(f">{i}\n{barcode}\n" for i, barcode in enumerate(found))
        (folder / "all.fasta").write_text(records)
        return clibd.Inputs(dna=[str(folder / "all.fasta")]), found
    if real is None:
        paths = [folder / f"{i:06}.jpg" for i in range(n)]
        for path, photo in zip(paths, photos(None), strict=False):
            path.write_bytes(jpeg_bytes(photo, "simulated", "clibd"))
    else:
        every = sorted(real.rglob("*.jpg"))
        paths = every[:: max(1, len(every) // n)][:n]
    items = [model.prepare_photo(load_photo(path)) for path in paths]
    return clibd.Inputs(photos=[str(path) for path in paths]), items


def seconds(job: Callable[[], None]) -> tuple[float, float]:
    """How long a job takes, and how much of the processor."""
    begun, used = time.perf_counter(), time.process_time()
    job()
    return time.perf_counter() - begun, time.process_time() - used


if __name__ == "__main__":
    main()
