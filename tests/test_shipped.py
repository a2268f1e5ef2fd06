"""What really ships: the trained model and its library, whole, small enough, without sequences."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from typer.testing import CliRunner

import clibd_cli
from clibd_cli.cli.main import app
from clibd_cli.core.shipped import OWN_LIBRARY, OWN_MODEL

SHIPPED = Path(clibd_cli.__file__).parent / "shipped"
_MOST_WEIGHTS, _MOST_LIBRARY = 25e6, 15e6

COMPLEMENT = str.maketrans("ACGT", "TGCA")


@pytest.fixture
def what_ships(monkeypatch: pytest.MonkeyPatch, workplace: Path) -> None:
    """A fresh machine, with the package as it is."""
    monkeypatch.setattr("clibd_cli.core.shipped.shipped_folder", lambda: SHIPPED)
    monkeypatch.setenv("CLIBD_HOME", str(workplace / "home"))
    for name in ("CLIBD_MODEL", "CLIBD_INDEX"):
        monkeypatch.delenv(name, raising=False)


def test_the_model_is_whole_small_and_says_what_it_is() -> None:
    from clibd_cli.models.verify import verify_model

    card = verify_model(SHIPPED / OWN_MODEL)
    assert card.name == OWN_MODEL
    assert card.modalities == ("image", "dna", "text")
    assert card.dim <= 256
    assert card.size_bytes <= _MOST_WEIGHTS
    assert card.licence != "not stated"
    assert card.source
    assert "Not for" in card.notes
    assert "%" in card.notes  # how good it is


@pytest.mark.parametrize("corner", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_the_model_looks_at_the_animal(corner: tuple[int, int]) -> None:
    import numpy as np
    from PIL import Image, ImageDraw

    from clibd_cli.models.model import load_model

    photo = Image.new("RGB", (438, 438), (205, 203, 198))
    row, column = corner
    left, top = 30 + 200 * column, 30 + 200 * row
    draw = ImageDraw.Draw(photo)
    for wing in ((0, 10), (92, 10), (10, 90), (82, 90)):
        box = (left + wing[0], top + wing[1], left + wing[0] + 85, top + wing[1] + 80)
        draw.ellipse(box, fill=(190, 95, 30), outline=(40, 25, 15), width=5)
        draw.ellipse([side + 28 * (1 if i < 2 else -1) for i, side in enumerate(box)], fill="black")
    draw.ellipse((left + 80, top, left + 97, top + 170), fill=(50, 35, 25))
    model = load_model(SHIPPED / OWN_MODEL, "cpu", "fp32", ("image",))
    pixels = [model.prepare_photo(photo)]
    (heat,) = model.explain_photos(pixels, np.zeros((1, model.dim), np.float32))
    halves = heat[3 * row : 3 * row + 3, 3 * column : 3 * column + 3]
    assert heat.shape == (6, 6)
    assert float(halves.sum()) > 0.6 * float(heat.sum())
    assert float(halves.max()) == 1.0


def test_the_library_is_whole_small_and_without_sequences() -> None:
    import pyarrow.parquet as pq

    from clibd_cli.models.registry import read_card
    from clibd_cli.vectors.index import ReferenceIndex

    folder = SHIPPED / OWN_LIBRARY
    index = ReferenceIndex(folder)
    assert index.header.model_fingerprint == read_card(SHIPPED / OWN_MODEL).fingerprint
    assert {"image", "dna"} <= set(index.modalities)
    assert index.header.representatives is not None
    assert sum(path.stat().st_size for path in folder.iterdir()) <= _MOST_LIBRARY
    rows = pq.read_table(folder / "keys.parquet", columns=["barcode", "source"])
    assert rows.column("barcode").null_count == rows.num_rows
    assert not any("/" in source for source in set(rows.column("source").to_pylist()))
    assert not any(Path(source).is_absolute() for source in index.header.sources)
    assert set(SHIPPED.iterdir()) == {SHIPPED / OWN_MODEL, folder}


def barcodes(table: Path) -> Iterator[tuple[str, str, str]]:
    """Id, species and bases of every hundredth whole barcode that has a species."""
    with gzip.open(table, "rt", encoding="utf-8") as lines:
        rows = csv.DictReader(lines, delimiter="\t")
        named = (row for row in rows if row["species"] and len(row["nucleotides"]) > 600)
        for row in islice(named, 0, None, 100):
            yield row["record_id"], row["species"], row["nucleotides"].replace("-", "")


@pytest.mark.realdata
def test_barcodes_are_named_right_after_installation(
    shared_data: Path, workplace: Path, what_ships: None
) -> None:
    # The library was made of these barcodes: this tells whether it works, not how good it is.
    whole = list(islice(barcodes(shared_data / "coi/arthropods.tsv.gz"), 400))
    ways = {
        "whole": [bases for _, _, bases in whole],
        "turned": [bases.translate(COMPLEMENT)[::-1] for _, _, bases in whole],
        "cut": [bases[200:500] for _, _, bases in whole],
    }
    right = {}
    for way, reads in ways.items():
        fasta = "".join(f">{i}\n{read}\n" for (i, _, _), read in zip(whole, reads, strict=True))
        (workplace / f"{way}.fasta").write_text(fasta, encoding="utf-8")
        out = workplace / f"{way}.csv"
        done = CliRunner().invoke(
            app, ["classify", "--dna", f"{way}.fasta", "--method", "nearest", "--out", str(out)]
        )
        assert done.exit_code == 0, done.output
        with out.open(encoding="utf-8", newline="") as table:
            species = [row["species"] for row in csv.DictReader(table)]
        hits = [a == b for a, (_, b, _) in zip(species, whole, strict=True)]
        right[way] = sum(hits) / len(hits)
    assert right["whole"] > 0.92, right  # one vector stands for a species in a BIN
    assert right["turned"] == right["whole"], right
    assert right["cut"] > 0.9, right
