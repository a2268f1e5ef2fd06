"""References to an index, specimens to names: the main job from Python, on simulated specimens."""

from __future__ import annotations

import sys
from pathlib import Path

import clibd_cli as clibd


def main(folder: Path) -> None:
    """Simulate a collection in `folder`, index its references and name its specimens."""
    collection = clibd.write_collection(folder)
    index = clibd.build_index(
        [str(folder / "refs")], folder / "index", model="clibd-demo", store_root=folder
    )
    print(f"{index.header.counts['vectors']} distinct references")

    specimens = clibd.Inputs(dna=[str(folder / "samples.fasta")], photos=[str(folder / "photos")])
    done = clibd.classify(specimens, folder / "index", folder / "results.csv")
    print(f"{done.n} specimens, {done.skipped} inputs skipped, named: {done.named}")
    print(f"the truth is in {collection.folder / 'truth.csv'}, the names in {done.out}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "example-names"))
