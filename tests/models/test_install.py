"""A checkpoint becomes a model folder as a whole or not at all, and always the same one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from clibd_cli.core.digest import sha256_file
from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.models.cards import HubFile, ModelCard, card_from_json
from clibd_cli.models.install import check_name, install_checkpoint
from tests.models.tiny import clibd_state, install_tiny, save, write_vocab


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return save(clibd_state(), tmp_path / "best.pth")


@pytest.fixture
def vocab(tmp_path: Path) -> Path:
    return write_vocab(tmp_path / "words.txt")


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_writes_weights_card_and_vocabulary(tmp_path: Path, source: Path, vocab: Path) -> None:
    home = tmp_path / "home" / "models"
    card = install_checkpoint(source, "clibd-x", home, vocab=vocab)
    folder = home / "clibd-x"
    assert entries(home) == ["clibd-x"]
    assert entries(folder) == ["card.json", "model.safetensors", "vocab.txt"]
    assert card_from_json((folder / "card.json").read_text("utf-8"), "card") == card
    assert card.weights_sha256 == sha256_file(folder / "model.safetensors")
    assert card.vocab_sha256 == sha256_file(vocab)
    assert card.size_bytes == (folder / "model.safetensors").stat().st_size
    assert card == card.with_fingerprint()
    assert card.fingerprint
    assert (card.name, card.dim, card.modalities) == ("clibd-x", 64, ("image", "dna", "text"))
    assert card.logit_scale == pytest.approx(2.6592)
    assert card.source == f"best.pth, SHA-256 {sha256_file(source)}"


def test_the_same_model_is_the_same_bytes_and_fingerprint(
    tmp_path: Path, source: Path, vocab: Path
) -> None:
    home = tmp_path / "home"
    first = install_checkpoint(source, "one", home, vocab=vocab)
    state = {f"module.{name}": tensor for name, tensor in clibd_state().items()}
    other = save({"state_dict": dict(reversed(state.items())), "epoch": 1}, tmp_path / "b.pt")
    second = install_checkpoint(other, "two", home, vocab=vocab)
    save_file(clibd_state(), tmp_path / "c.safetensors")
    third = install_checkpoint(tmp_path / "c.safetensors", "three", home, vocab=vocab)
    assert first.fingerprint == second.fingerprint == third.fingerprint
    weights = {(home / n / "model.safetensors").read_bytes() for n in ("one", "two", "three")}
    assert len(weights) == 1


def test_pooling_and_weights_change_the_fingerprint(
    tmp_path: Path, source: Path, vocab: Path
) -> None:
    cards = [
        install_checkpoint(source, "a", tmp_path, vocab=vocab),
        install_checkpoint(source, "b", tmp_path, vocab=vocab, dna_pooling="hidden_state_mean"),
        install_tiny(tmp_path, "c", ("image", "dna", "text"), seed=1),
    ]
    assert len({card.fingerprint for card in cards}) == 3


def test_the_weights_file_has_one_metadata_key(tmp_path: Path) -> None:
    # safetensors writes several keys in no fixed order, which would change the digest.
    install_tiny(tmp_path)
    with safe_open(tmp_path / "tiny" / "model.safetensors", "pt") as held:
        assert len(held.metadata()) == 1


def test_keeps_what_a_published_card_knows(tmp_path: Path, source: Path, vocab: Path) -> None:
    hub = HubFile("a/b", "best.pth", "abc", "123")
    base = ModelCard("published", "A title", "a hub", "MIT", "Someone 2025", "notes", hub=hub)
    card = install_checkpoint(source, "mine", tmp_path, vocab=vocab, base=base)
    assert (card.name, card.title, card.source, card.licence) == ("mine", "A title", "a hub", "MIT")
    assert (card.citation, card.notes, card.hub) == ("Someone 2025", "notes", hub)
    assert card.dim == 64


def test_a_text_tower_needs_its_vocabulary(tmp_path: Path, source: Path, vocab: Path) -> None:
    with pytest.raises(ClibdError, match="vocabulary") as error:
        install_checkpoint(source, "m", tmp_path)
    assert "--vocab FILE" in (error.value.hint or "")
    vocab.write_text(vocab.read_text("utf-8") + "one-more\n", encoding="utf-8")
    with pytest.raises(ClibdError, match=r"words\.txt has 69 tokens.*68"):
        install_checkpoint(source, "m", tmp_path, vocab=vocab)
    assert not (tmp_path / "m").exists()


def test_without_a_text_tower_the_vocabulary_is_left_out(tmp_path: Path, vocab: Path) -> None:
    source = save(clibd_state(["dna"]), tmp_path / "b.pth")
    card = install_checkpoint(source, "m", tmp_path, vocab=vocab)
    assert card.vocab_sha256 is None
    assert entries(tmp_path / "m") == ["card.json", "model.safetensors"]


def test_a_taken_name_is_refused_unless_overwritten(tmp_path: Path) -> None:
    first = install_tiny(tmp_path)
    with pytest.raises(ClibdError, match="already a model tiny"):
        install_tiny(tmp_path, seed=1)
    source = save(clibd_state(["dna"], seed=1), tmp_path / "b.pth")
    second = install_checkpoint(source, "tiny", tmp_path, overwrite=True)
    assert second.fingerprint != first.fingerprint
    assert entries(tmp_path) == ["b.pth", "tiny"]
    assert entries(tmp_path / "tiny") == ["card.json", "model.safetensors"]


def test_a_failure_leaves_the_old_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = install_tiny(tmp_path)
    monkeypatch.setattr(
        "clibd_cli.models.install.write_model", lambda *_: (_ for _ in ()).throw(OSError("full"))
    )
    source = save(clibd_state(["dna"]), tmp_path / "b.pth")
    with pytest.raises(ClibdError, match=r"tiny cannot be written: full"):
        install_checkpoint(source, "tiny", tmp_path, overwrite=True)
    assert entries(tmp_path) == ["b.pth", "tiny"]
    assert sha256_file(tmp_path / "tiny" / "model.safetensors") == card.weights_sha256


def test_weights_that_cannot_be_written_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("safetensors.numpy.save_file", full)
    with pytest.raises(ClibdError, match=r"tiny cannot be written: .*No space left") as error:
        install_tiny(tmp_path)
    assert error.value.hint
    assert entries(tmp_path) == []


def test_a_vocabulary_is_looked_for_by_its_size(tmp_path: Path, source: Path, vocab: Path) -> None:
    asked: list[int] = []

    def find(rows: int) -> Path:
        asked.append(rows)
        return vocab

    card = install_checkpoint(source, "m", tmp_path, vocab=find)
    assert card.vocab_sha256 == sha256_file(vocab)
    dna = save(clibd_state(["dna"]), tmp_path / "b.pth")
    install_checkpoint(dna, "n", tmp_path, vocab=find)
    assert asked == [68]
    with pytest.raises(ClibdError, match="vocabulary"):
        install_checkpoint(source, "o", tmp_path, vocab=lambda rows: None)


def test_a_bad_checkpoint_installs_nothing(tmp_path: Path) -> None:
    source = save({"gadget": torch.ones(1)}, tmp_path / "b.pth")
    with pytest.raises(ClibdError, match="gadget"):
        install_checkpoint(source, "m", tmp_path / "home")
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "a\\b", "../x", ".hidden", "-x", "a b", "a" * 65, "CON", "nul.x", "x.",
     "é", "a\n", "C:x"],
)  # fmt: skip
def test_names_that_could_leave_the_home_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        install_checkpoint(tmp_path / "none.pth", name, tmp_path)
    with pytest.raises(UsageError):
        check_name(name)


@pytest.mark.parametrize("name", ["a", "0", "clibd-1m", "My_Model.v2", "a" * 64, "console", "com"])
def test_plain_names_are_taken(name: str) -> None:
    check_name(name)


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
def test_all_files_of_a_model_have_the_same_rights(tmp_path: Path) -> None:
    install_tiny(tmp_path, "tiny")
    rights = {path.name: path.stat().st_mode for path in (tmp_path / "tiny").iterdir()}
    assert rights["model.safetensors"] == rights["card.json"]
