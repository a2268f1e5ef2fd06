"""A loaded model gives unit vectors that depend on the item alone, or a sentence that says why."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from clibd_cli.core.digest import sha256_file
from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.records import Modality
from clibd_cli.models.cards import card_from_json
from clibd_cli.models.model import ClibdModel, load_model
from clibd_cli.models.registry import read_card, write_card
from tests.models.tiny import ALL, WIDTH, install_tiny

BARCODES = ["ACGTTGCA" * 80, "TTGACCA" * 90, "ACGTA", "N" * 658, "GATTACA" * 20, "CCCTA" * 132]
TAXA = ["Diptera Sciaridae not_classified not_classified", "Lepidoptera Noctuidae Xestia", "a"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    install_tiny(home, "whole", ALL)
    install_tiny(home, "pair", ("image", "dna"))
    return home


@pytest.fixture(scope="module")
def model(installed: Path) -> ClibdModel:
    return load_model(installed / "whole", "cpu", "fp32")


@pytest.fixture
def copy(installed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(installed / "whole", tmp_path / "copy"))


def photos(n: int = 5) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [
        Image.fromarray(rng.integers(0, 256, (40 + i, 50, 3), dtype=np.uint8)) for i in range(n)
    ]


def items(model: ClibdModel, modality: Modality) -> list[Any]:
    if modality == "image":
        return [model.prepare_photo(photo) for photo in photos()]
    return BARCODES if modality == "dna" else TAXA


@pytest.mark.parametrize("modality", ALL)
def test_vectors_are_of_unit_length(model: ClibdModel, modality: Modality) -> None:
    given = items(model, modality)
    vectors = model.encode(modality, given)
    assert vectors.shape == (len(given), WIDTH) == (len(given), model.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert len(np.unique(vectors.round(4), axis=0)) == len(given)


@pytest.mark.parametrize("modality", ALL)
@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_vectors_do_not_depend_on_who_shares_the_batch(
    model: ClibdModel, modality: Modality, batch_size: int
) -> None:
    given = items(model, modality)
    whole = model.encode(modality, given)
    turned = model.encode(modality, given[::-1], batch_size=batch_size)[::-1]
    np.testing.assert_allclose(whole, turned, atol=1e-6)


@pytest.mark.parametrize("modality", ALL)
def test_no_items_give_no_vectors(model: ClibdModel, modality: Modality) -> None:
    assert model.encode(modality, []).shape == (0, WIDTH)


def test_card_and_fingerprint_are_at_hand(model: ClibdModel, installed: Path) -> None:
    card = card_from_json((installed / "whole" / "card.json").read_text("utf-8"), "card")
    assert model.card == card
    assert model.fingerprint == card.fingerprint
    assert (model.device.type, model.precision) == ("cpu", "fp32")


@pytest.mark.parametrize("modality", ALL)
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_lower_precision_gives_nearly_the_same(
    model: ClibdModel, installed: Path, modality: Modality, precision: str
) -> None:
    lower = load_model(installed / "whole", "cpu", precision)
    assert lower.precision == precision
    given = items(model, modality)
    similarity = (lower.encode(modality, given) * model.encode(modality, given)).sum(1)
    assert similarity.min() > 0.999
    assert not np.array_equal(lower.encode(modality, given), model.encode(modality, given))


def test_a_modality_without_a_tower_says_which_there_are(installed: Path) -> None:
    pair = load_model(installed / "pair", "cpu", "fp32")
    for attempt in (
        lambda: pair.encode("text", TAXA),
        lambda: load_model(installed / "pair", "cpu", modalities=["text"]),
    ):
        with pytest.raises(ClibdError, match="no text tower, only image and dna"):
            attempt()


def test_only_the_towers_asked_for_are_loaded(installed: Path) -> None:
    dna = load_model(installed / "whole", "cpu", "fp32", modalities=["dna"])
    assert dna.encode("dna", BARCODES).shape == (len(BARCODES), WIDTH)
    with pytest.raises(ClibdError, match="image tower was not loaded"):
        dna.encode("image", [torch.zeros(3, 32, 32)])


def test_vectors_that_are_not_finite_are_an_error(installed: Path) -> None:
    broken = load_model(installed / "whole", "cpu", "fp32")
    for encoder in broken._encoders.values():
        encoder.get_parameter("blocks.0.up.weight").data.fill_(float("nan"))
    for modality in ALL:
        with pytest.raises(ClibdError, match="not finite"):
            broken.encode(modality, items(broken, modality))


def test_unknown_devices_are_usage_errors(installed: Path) -> None:
    with pytest.raises(UsageError):
        load_model(installed / "whole", "tpu")
    with pytest.raises(UsageError):
        load_model(installed / "whole", "cpu", "int8")


def sealed(folder: Path) -> None:
    """Make the card's digests and fingerprint those of the files that lie there now."""
    card = read_card(folder)
    digest = sha256_file(folder / "model.safetensors")
    write_card(folder, replace(card, weights_sha256=digest).with_fingerprint())


class TestDamagedFolders:
    def refused(self, folder: Path, told: str) -> None:
        with pytest.raises(ClibdError, match=told) as error:
            load_model(folder, "cpu")
        assert error.value.hint

    def test_no_folder(self, tmp_path: Path) -> None:
        self.refused(tmp_path / "none", r"card\.json")

    def test_no_weights(self, copy: Path) -> None:
        (copy / "model.safetensors").unlink()
        self.refused(copy, r"model\.safetensors")

    def test_truncated_weights(self, copy: Path) -> None:
        path = copy / "model.safetensors"
        path.write_bytes(path.read_bytes()[:-100])
        self.refused(copy, r"model\.safetensors")

    def test_card_of_another_model(self, copy: Path) -> None:
        card = read_card(copy)
        for depth in (3, 1):
            write_card(copy, replace(card, image=replace(card.image, depth=depth)))
            sealed(copy)
            self.refused(copy, "does not hold the model")

    def test_tensors_of_another_type_or_name(self, copy: Path) -> None:
        tensors = load_file(copy / "model.safetensors")
        doubled = {name: tensor.double() for name, tensor in tensors.items()}
        heads = {"clibd": '{"heads": {"image": 1, "dna": 1, "text": 1}}'}
        save_file(doubled, copy / "model.safetensors", metadata=heads)
        sealed(copy)
        self.refused(copy, "does not hold the model")
        save_file({**tensors, "gadget": torch.ones(1)}, copy / "model.safetensors", metadata=heads)
        sealed(copy)
        self.refused(copy, "gadget")
        save_file(tensors, copy / "model.safetensors")
        sealed(copy)
        self.refused(copy, "heads")

    def test_half_precision_files_are_read_as_float32(self, copy: Path) -> None:
        tensors = load_file(copy / "model.safetensors")
        whole = load_model(copy, "cpu", "fp32", modalities=["dna"]).encode("dna", ["ACGT" * 100])
        halved = {name: tensor.half() for name, tensor in tensors.items()}
        heads = {"clibd": '{"heads": {"image": 1, "dna": 1, "text": 1}}'}
        save_file(halved, copy / "model.safetensors", metadata=heads)
        sealed(copy)
        half = load_model(copy, "cpu", "fp32", modalities=["dna"]).encode("dna", ["ACGT" * 100])
        assert half.dtype == np.float32
        assert 0 < np.abs(whole - half).max() < 1e-3

    def test_heads_that_do_not_divide_the_width(self, copy: Path) -> None:
        tensors = load_file(copy / "model.safetensors")
        for heads in ('{"heads": {"dna": 7}}', '{"heads": {"dna": "x"}}', '{"heads": 3}', "[]"):
            save_file(tensors, copy / "model.safetensors", metadata={"clibd": heads})
            sealed(copy)
            self.refused(copy, "heads")

    def test_another_vocabulary(self, copy: Path) -> None:
        path = copy / "vocab.txt"
        path.write_text(path.read_text("utf-8").replace("xestia", "xestja"), encoding="utf-8")
        self.refused(copy, r"vocab\.txt is not what its card describes")
        path.unlink()
        self.refused(copy, r"vocab\.txt")
