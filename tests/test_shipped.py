"""What really ships: the trained model and its library, whole, small enough, without sequences."""

from __future__ import annotations

from pathlib import Path

import pytest

import clibd_cli
from clibd_cli.core.shipped import OWN_LIBRARY, OWN_MODEL

SHIPPED = Path(clibd_cli.__file__).parent / "shipped"
_MOST_WEIGHTS, _MOST_LIBRARY = 25e6, 15e6

pytestmark = pytest.mark.skipif(
    not (SHIPPED / OWN_MODEL / "card.json").is_file(), reason="no trained model is in the package"
)


def test_the_model_is_whole_small_and_says_what_it_is() -> None:
    from clibd_cli.models.verify import verify_model

    card = verify_model(SHIPPED / OWN_MODEL)
    assert card.name == OWN_MODEL
    assert card.modalities == ("image", "dna", "text")
    assert card.dim <= 256
    assert card.size_bytes <= _MOST_WEIGHTS
    assert card.licence != "not stated"
    assert card.source
    assert card.notes


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
