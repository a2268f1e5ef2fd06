"""A folder whose files or card changed since they were installed is never used in silence."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clibd_cli.core.digest import sha256_file
from clibd_cli.core.errors import ClibdError
from clibd_cli.core.seal import sealed, unsealed
from clibd_cli.models.cards import ConvImageTower
from clibd_cli.models.experience import SEEN_FILE, with_experience, write_seen
from clibd_cli.models.model import load_model
from clibd_cli.models.published import published_cards
from clibd_cli.models.registry import read_card, write_card
from clibd_cli.models.verify import problem_of, verify_model
from tests.models.tiny import ALL, install_tiny


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    install_tiny(home, "whole", ALL)
    return home / "whole"


@pytest.fixture
def copy(installed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(installed, tmp_path / "copy"))


def refused(folder: Path, told: str) -> None:
    for use in (verify_model, load_model):
        with pytest.raises(ClibdError, match=told) as error:
            use(folder)
        assert error.value.hint


def edit(folder: Path, part: str | None, **facts: Any) -> None:
    path = folder / "card.json"
    card = unsealed(path.read_text("utf-8"))
    (card if part is None else card[part]).update(facts)
    path.write_text(sealed(card), encoding="utf-8")


def test_what_was_installed_passes(installed: Path) -> None:
    assert verify_model(installed) == read_card(installed)


def test_one_bit_of_the_weights(copy: Path) -> None:
    path = copy / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    refused(copy, r"model\.safetensors is not what its card describes")


def test_the_vocabulary(copy: Path) -> None:
    path = copy / "vocab.txt"
    path.write_text(path.read_text("utf-8").replace("xestia", "xestja"), encoding="utf-8")
    refused(copy, r"vocab\.txt is not what its card describes")
    path.unlink()
    refused(copy, r"vocab\.txt cannot be read")


def test_what_the_model_brings_along(copy: Path) -> None:
    write_seen(copy, ["ab" * 32])
    assert verify_model(copy) == read_card(copy)  # a card that does not speak of it
    write_card(copy, with_experience(read_card(copy), copy))
    assert verify_model(copy).seen_sha256 == sha256_file(copy / SEEN_FILE)
    write_seen(copy, ["cd" * 32])
    refused(copy, r"seen_in_training\.bin is not what its card describes")
    (copy / SEEN_FILE).unlink()
    refused(copy, r"seen_in_training\.bin cannot be read")


@pytest.mark.parametrize(
    ("part", "facts"),
    [
        ("dna", {"pooling": "logits_mean"}),
        ("dna", {"max_bases": 500}),
        ("image", {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}),
        ("text", {"max_tokens": 19}),
        (None, {"fingerprint": None}),
        (None, {"fingerprint": "0" * 64}),
        (None, {"weights_sha256": "0" * 64}),
    ],
)
def test_an_edited_card(copy: Path, part: str | None, facts: dict[str, Any]) -> None:
    edit(copy, part, **facts)
    refused(copy, r"card\.json is not what its fingerprint describes")


def test_a_card_of_other_weights(copy: Path) -> None:
    card = replace(read_card(copy), weights_sha256=sha256_file(copy / "vocab.txt"))
    (copy / "card.json").write_text(card.with_fingerprint().to_json(), encoding="utf-8")
    refused(copy, r"model\.safetensors is not what its card describes")


def test_a_tower_is_familiar_with_no_species_or_with_several(installed: Path) -> None:
    def problem(familiar: int) -> str | None:
        tower = ConvImageTower("efficientnet_lite0", card.dim, familiar=familiar)
        return problem_of(replace(card, image=tower))

    card = read_card(installed)
    assert problem(0) is None
    assert problem(2) is None
    assert "image.familiar is 1" in str(problem(1))
    assert "image.familiar is -1" in str(problem(-1))


@pytest.mark.parametrize(
    ("part", "facts", "told"),
    [
        (None, {"dim": 5}, "dim is 5"),
        (None, {"image": None, "dna": None, "text": None}, "no tower"),
        ("dna", {"max_bases": 0}, "dna.max_bases is 0"),
        ("dna", {"max_bases": 3}, "barcodes of 3 bases"),
        ("dna", {"max_bases": 100_000}, "barcodes of 100000 bases"),
        ("dna", {"k": 50}, "dna.k is 50"),
        ("dna", {"k": -1}, "dna.k is -1"),
        ("dna", {"depth": 10**9}, "dna.depth"),
        ("dna", {"head_dim": 3}, "does not give 64 outputs"),
        ("dna", {"pooling": "logits_mean", "head_dim": None}, "does not give 64 outputs"),
        ("dna", {"pooling": "cls_token", "prefix_mask": False}, "cls_token"),
        ("image", {"patch": 7}, "patches of 7"),
        ("image", {"resize": 10}, "photos of 10 pixels"),
        ("image", {"width": 10**30}, "image.width"),
        ("image", {"std": [1, 0, 1], "mean": [0, 0, 0]}, "deviation"),
        ("image", {"mean": [0, 0, 0]}, "deviation"),
        ("text", {"max_tokens": 2}, "2 tokens"),
        ("text", {"max_tokens": 900}, "900 tokens"),
    ],
)
def test_a_card_that_makes_no_sense_even_where_it_has_its_fingerprint(
    copy: Path, part: str | None, facts: dict[str, Any], told: str
) -> None:
    edit(copy, part, **facts)
    card = read_card(copy).with_fingerprint()
    (copy / "card.json").write_text(card.to_json(), encoding="utf-8")
    refused(copy, rf"card\.json makes no sense: .*{told}")


@pytest.mark.parametrize(
    ("part", "facts"),
    [
        ("dna", {"pooling": "foo"}),
        ("dna", {"pooling": ["logits_mean"]}),
        ("dna", {"k": "5"}),
        ("dna", {"k": True}),
        ("dna", {"prefix_mask": 1}),
        ("dna", {"gadget": 1}),
        ("image", {"width": "a"}),
        ("image", {"width": 64.0}),
        ("image", {"mean": [0.5, 0.5]}),
        ("image", {"mean": [0.5, 0.5, float("nan")]}),
        (None, {"dna": [1]}),
        (None, {"dna": "x"}),
        (None, {"dna": {}}),
        (None, {"dim": None}),
        (None, {"hub": [1]}),
        (None, {"logit_scale": 10**400}),
        (None, {"format_version": "a"}),
        (None, {"title": None}),
    ],
)
def test_values_of_another_type(copy: Path, part: str | None, facts: dict[str, Any]) -> None:
    edit(copy, part, **facts)
    refused(copy, r"card\.json is not a model card")


@pytest.mark.parametrize("text", ["[]", "3", "null", "[" * 100_000, '{"format_version": 1}', "{"])
def test_texts_that_are_no_card(copy: Path, text: str) -> None:
    (copy / "card.json").write_text(text, encoding="utf-8")
    refused(copy, r"card\.json is not a model card")


def test_published_cards_make_sense() -> None:
    assert [problem_of(card) for card in published_cards().values()] == [None] * 6
