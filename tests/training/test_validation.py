"""Nearest keys, counted as `clibd evaluate` counts them, each content encoded once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.lineage import Lineage
from clibd_cli.core.records import Modality
from clibd_cli.models.cards import ImageTower
from clibd_cli.training import validation
from clibd_cli.training.example import KEY, TRAIN, VAL, Example, Examples
from clibd_cli.training.validation import measured, validate
from tests.made_inputs import COLOURS, SPECIES, write_photos

TOWER = ImageTower(64, 1, 64, crop=16, resize=18)
PRIMA, SECUNDA, AEDES, LIBELLULA = SPECIES


class Letters:
    """Encodes barcodes by their shares of letters; counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Modality, list[Any]]] = []

    def __call__(self, modality: Modality, items: Sequence[Any]) -> np.ndarray:
        self.asked.append((modality, list(items)))
        counts = [[text.count(letter) + 1e-6 for letter in "ACGT"] for text in items]
        vectors = np.array(counts, dtype=np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def barcode(
    letters: str, lineage: Lineage, split: str, seen: bool | None = True, name: str = "x"
) -> Example:
    return Example(name, None, letters, lineage, None, split, seen)


KEYS = [
    barcode("AAAA", PRIMA, KEY),
    barcode("CCCC", SECUNDA, KEY),
    barcode("GGGG", AEDES, KEY, seen=False),
]


def test_shares_of_right_names_seen_and_unseen() -> None:
    queries = [
        barcode("AAAC", PRIMA, VAL),
        barcode("AAAC", PRIMA, VAL),
        barcode("AACC"[::-1] + "C", PRIMA, VAL),  # nearest to Corynoptera secunda
        barcode("GGGA", AEDES, VAL, seen=False),
        barcode("GGGC", LIBELLULA, VAL, seen=False),
        barcode("TTTT", Lineage("Diptera"), VAL, seen=None),
    ]
    encode = Letters()
    metrics = validate(encode, Examples([], queries, KEYS), ("dna",))
    third = pytest.approx(2 / 3)
    assert metrics == {
        "seen.dna_to_dna.order": 1.0,
        "seen.dna_to_dna.family": 1.0,
        "seen.dna_to_dna.genus": 1.0,
        "seen.dna_to_dna.species": third,
        **{f"unseen.dna_to_dna.{r}": 0.5 for r in ("order", "family", "genus", "species")},
        **{f"unseen.dna_to_dna.{r}.known": 1.0 for r in ("order", "family", "genus", "species")},
    }
    assert measured(Examples([], queries, KEYS), ("dna",)) == list(metrics)
    assert [(kind, sorted(items)) for kind, items in encode.asked] == [
        ("dna", ["AAAA", "CCCC", "GGGG"]),
        ("dna", ["AAAC", "CCAAC", "GGGA", "GGGC"]),
    ]


def test_taught_examples_with_a_species_are_keys_where_the_split_has_none() -> None:
    taught = [
        barcode("TTTT", LIBELLULA, TRAIN),
        barcode("TTTG", Lineage("Diptera"), TRAIN, seen=None),
    ]
    queries = [barcode("TTTG", LIBELLULA, VAL)]
    examples = Examples(taught, queries, KEYS)
    assert validate(Letters(), examples, ("dna",))["seen.dna_to_dna.species"] == 0
    without_keys = Examples(taught, queries)
    metrics = validate(Letters(), without_keys, ("dna",))
    assert metrics["seen.dna_to_dna.species"] == 1.0
    photo = Example("p", Path("p.jpg"), None, PRIMA)
    keys_of_a_kind = Examples([*taught, photo], queries, KEYS)
    assert keys_of_a_kind.searched("image") == [photo]
    assert keys_of_a_kind.searched("dna") == keys_of_a_kind.searched("text") == KEYS


def test_nothing_to_measure() -> None:
    train = [barcode("ACGT", PRIMA, TRAIN)]
    assert validate(Letters(), Examples(train), ("dna", "image")) == {}
    queries = [barcode("ACGT", PRIMA, VAL)]
    assert validate(Letters(), Examples(train, queries), ("image",)) == {}
    assert measured(Examples(train), ("dna", "image")) == []
    assert measured(Examples(train, queries), ("image",)) == []


def test_photos_barcodes_and_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "_ITEMS_A_CALL", {"image": 3, "dna": 2, "text": 2})
    monkeypatch.setattr(validation, "_SIMILARITIES", 5)
    write_photos(tmp_path, range(2))

    def photo(n: int, i: int, split: str) -> Example:
        return Example(f"p{n}", tmp_path / f"p{n}-{i}.png", None, SPECIES[n], None, split, n != 3)

    keys = [photo(n, 0, KEY) for n in range(4)]
    keys += [barcode("ACGT"[n] * 4, SPECIES[n], KEY) for n in range(3)]
    queries = [photo(n, 1, VAL) for n in range(4)]
    colours = torch.tensor([[1, 0, 0], [1, 0.65, 0], [0, 0, 0.5], [0.18, 0.55, 0.34]])
    assert len(COLOURS) == len(colours)

    def encode(modality: Modality, items: Sequence[Any]) -> np.ndarray:
        if modality == "image":
            assert len(items) <= 3
            centres = torch.stack([item[:, 8, 8] for item in items])
            found = torch.cdist(centres, colours).argmin(dim=1).tolist()
        elif modality == "dna":
            found = ["ACGT".index(item[0]) for item in items]
        else:
            found = [[s.as_text() for s in SPECIES].index(item) for item in items]
        return np.eye(4, dtype=np.float32)[found]

    metrics = validate(encode, Examples([], queries, keys), ("image", "dna", "text"), TOWER)
    assert measured(Examples([], queries, keys), ("image", "dna", "text")) == list(metrics)
    pairs = {name.split(".")[1] for name in metrics}
    assert pairs == {"image_to_image", "image_to_dna", "image_to_text"}
    assert metrics["seen.image_to_image.species"] == 1.0
    assert metrics["unseen.image_to_text.species"] == 1.0
    assert metrics["seen.image_to_dna.species"] == 1.0
    assert metrics["unseen.image_to_dna.species"] == 0.0
    assert "unseen.image_to_dna.species.known" not in metrics
    alone = validate(encode, Examples([], queries, keys), ("image",), TOWER, workers=0)
    assert alone == {name: v for name, v in metrics.items() if "image_to_image" in name}
    (tmp_path / "p1-1.png").unlink()
    with pytest.raises(ClibdError, match=r"p1-1\.png could be read"):
        validate(encode, Examples([], queries, keys), ("image",), TOWER)


def test_it_agrees_with_a_plain_search() -> None:
    rng = np.random.default_rng(0)
    vectors = {f"{'ACGT'[i % 4]}{i}": rng.normal(size=8).astype(np.float32) for i in range(60)}

    def encode(modality: Modality, items: Sequence[Any]) -> np.ndarray:
        found = np.stack([vectors[item] for item in items])
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    names = list(vectors)
    rows = [barcode(n, SPECIES[i % 3], KEY if i < 40 else VAL, i % 2 == 0)
            for i, n in enumerate(names)]  # fmt: skip
    metrics = validate(encode, Examples([], rows[40:], rows[:40]), ("dna",))
    keys = encode("dna", names[:40])
    for name, seen in (("seen", True), ("unseen", False)):
        queries = [row for row in rows[40:] if row.seen is seen]
        near = [rows[int((keys @ encode("dna", [q.barcode])[0]).argmax())] for q in queries]
        right = [k.lineage.species == q.lineage.species for k, q in zip(near, queries, strict=True)]
        assert metrics[f"{name}.dna_to_dna.species"] == pytest.approx(np.mean(right))
