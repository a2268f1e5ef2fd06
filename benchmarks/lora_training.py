"""LoRA training from a checkpoint of official layout and size: seconds a step, rate and memory.

    python benchmarks/lora_training.py --photos PHOTOS --labels photos.csv --dna barcodes.tsv.gz
        [--steps 6] [--batch-size 16] [--micro-batch 4] [--precision bf16]

The weights are random: neither speed nor memory depend on them. Photos and barcodes pair by
species. Prints what `clibd train` reports of the run, as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import clibd_cli as clibd


def main() -> None:
    """Train for some steps, and print what they took."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--photos", required=True)
    options.add_argument("--labels", required=True)
    options.add_argument("--dna", required=True)
    options.add_argument("--steps", type=int, default=6)
    options.add_argument("--batch-size", type=int, default=16)
    options.add_argument("--micro-batch", type=int, default=4)
    options.add_argument("--precision", default="bf16")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["CLIBD_HOME"] = name
        write_official_checkpoint(folder / "best.pth")
        settings = clibd.read_settings(
            None,
            {
                "name": "lora",
                "out": str(folder / "run"),
                "init_model": str(folder / "best.pth"),
                "photos": [given.photos],
                "labels": [given.labels],
                "dna": [given.dna],
                "pairs": "taxon",
                "label": "species",
                "lora_rank": 4,
                "steps": given.steps,
                "batch_size": given.batch_size,
                "image_batch_size": given.batch_size,
                "micro_batch": given.micro_batch,
                "gradient_caching": True,
                "precision": given.precision,
            },
        )
        done = clibd.train(settings)
        lines = Path(done.log).read_text(encoding="utf-8").splitlines()
        steps = [line for line in map(json.loads, lines) if line["event"] == "step"]
    facts = asdict(done)
    facts["seconds_a_step"] = statistics.median(step["seconds"] for step in steps)
    facts["rows_a_step"] = statistics.mean(step["rows"] for step in steps)
    facts["losses"] = [round(step["loss"], 3) for step in steps]
    print(json.dumps(facts, indent=2))


def write_official_checkpoint(path: Path) -> None:
    """ViT-B/16 and a BarcodeBERT of 12 layers under the official names, with random weights."""
    import torch

    from clibd_cli.core.records import Modality
    from clibd_cli.models.layouts import official_name
    from clibd_cli.models.published import published_cards
    from clibd_cli.models.towers import BlockShape, tensor_shapes

    published = published_cards()["clibd-1m-id"]
    shape = BlockShape(heads=12, hidden=3072)
    prefixes: dict[Modality, str] = {
        "image": "image_encoder.base_image_encoder.",
        "dna": "dna_encoder.base_dna_encoder.",
    }
    state = {}
    for modality, prefix in prefixes.items():
        joint: dict[str, list[torch.Tensor]] = {}
        for name, size in tensor_shapes(getattr(published, modality), shape).items():
            tensor = torch.randn(size) * 0.02
            joint.setdefault(official_name(modality, name), []).append(tensor)
        for name, parts in joint.items():
            # timm keeps query, key and value in one matrix.
            state[prefix + name] = _official_shape(name, torch.cat(parts), published.image.patch)
    state["logit_scale"] = torch.tensor(2.6593)
    torch.save(state, path)


def _official_shape(name: str, tensor: Any, patch: int) -> Any:
    if name == "patch_embed.proj.weight":
        return tensor.reshape(len(tensor), 3, patch, patch)
    if name == "cls_token":
        return tensor.reshape(1, 1, -1)
    if name == "pos_embed":
        return tensor[None]
    if name == "bert.embeddings.token_type_embeddings.weight":
        return tensor.expand(2, -1).clone()
    return tensor


if __name__ == "__main__":
    main()
