"""The whole main job on real barcodes and photos, with a checkpoint in the official layout."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clibd_cli.cli.main import app
from clibd_cli.core.lineage import RANKS
from clibd_cli.vectors.index import ReferenceIndex

pytestmark = [pytest.mark.realdata, pytest.mark.slow]


def clibd(*words: str) -> str:
    done = CliRunner().invoke(app, [*words, "--json", "--quiet"])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_arctic_barcodes_and_lepidoptera_photos(
    shared_data: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    golden = shared_data.parent / "goldens" / "official_tiny_idt"
    monkeypatch.setenv("CLIBD_HOME", str(workplace / "home"))
    clibd("models", "add", str(golden / "best.pth"), "--name", "official",
          "--vocab", str(golden / "vocab.txt"))  # fmt: skip

    dna = json.loads(clibd("embed", "--dna", str(shared_data / "coi/insects_arctic.tsv.gz")))
    assert (dna["n"], dna["skipped"], dna["encoded"]) == (30811, 0, 12318)
    photos = json.loads(
        clibd("embed", "--photos", str(shared_data / "lepidoptera/photos"),
              "--labels", str(shared_data / "lepidoptera/photos.csv"))
    )  # fmt: skip
    assert (photos["n"], photos["skipped"]) == (6146, 0)

    header = json.loads(clibd("build-index", "insects_arctic.embeddings", "photos.embeddings"))[
        "header"
    ]
    assert header["counts"]["specimens"] == 36957
    assert header["keys"]["image"]["vectors"] == 6146

    done = json.loads(
        clibd("classify", str(shared_data / "bioscan_photos"), "--out", "results.csv", "--dna",
              str(shared_data / "bold_tsv/bold_v5_odonata_norway.tsv"))
    )  # fmt: skip
    assert done["n"] + done["skipped"] == 80 + 85
    with Path("results.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert sum(row["evidence"] == "image" for row in rows) == 80
    for row in rows:
        deepest = [rank for rank in RANKS if row[rank]]
        assert row["rank"] == (deepest[-1] if deepest else "")

    _references_find_themselves(Path("insects_arctic.embeddings"))


def _references_find_themselves(store: Path) -> None:
    import pyarrow.dataset as ds

    from clibd_cli.vectors.schema import vectors_of

    table = ds.dataset(store).head(200)
    index = ReferenceIndex(Path("clibd-index"), ["dna"])
    vectors = vectors_of(table.column("embedding"), index.header.dim)
    for species, hits in zip(
        table.column("species").to_pylist(), index.search(vectors, 1), strict=True
    ):
        assert hits[0].similarity == pytest.approx(1.0, abs=1e-5)
        if species is not None:
            assert species in {lineage.species for lineage, _ in hits[0].labels}
