"""The nearest references of each barcode, and a store read with nothing but pyarrow."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow.dataset as ds

import clibd_cli as clibd


def main(folder: Path) -> None:
    """Simulate a collection in `folder`, embed its references and look up its barcodes."""
    clibd.write_collection(folder)
    references = clibd.Inputs(dna=[str(folder / "refs" / "barcodes.fasta")])
    store = clibd.embed(references, folder / "refs.embeddings", model="clibd-demo").store

    table = ds.dataset(store).to_table(columns=["specimen_id", "species"])
    print(f"{table.num_rows} reference barcodes, {len(table['species'].unique())} species")

    clibd.build_index([store], folder / "index")
    queries = clibd.Inputs(dna=[str(folder / "samples.fasta")])
    for found in list(clibd.search(queries, folder / "index", k=3))[:5]:
        if isinstance(found, clibd.Skip):
            print(f"{found.specimen_id}: skipped, {found.reason}")
            continue
        for hit in found.hits:
            print(f"{found.specimen.specimen_id}  {hit.similarity:.4f}  {hit.lineage.species}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "example-nearest"))
