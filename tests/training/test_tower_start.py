"""Starting towers: from models, checkpoints and nothing; LoRA and what stays frozen."""

from __future__ import annotations

import builtins
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.records import MODALITIES, Modality
from clibd_cli.models.cards import ProfileDnaTower
from clibd_cli.models.home import models_home
from clibd_cli.models.model import load_model
from clibd_cli.models.registry import find_installed
from clibd_cli.training import tower_new
from clibd_cli.training.example import Example, Examples
from clibd_cli.training.settings_fields import TrainSettings
from clibd_cli.training.tower_start import TrainTowers, start_towers
from tests.made_inputs import SPECIES, barcode_of
from tests.models.tiny import (
    TEXT,
    WIDTH,
    Weights,
    barcodebert_5mer,
    clibd_state,
    save,
    vit_state,
    with_lora,
    write_vocab,
)

EXAMPLES = Examples(
    train=[
        Example(f"s{n}", Path(f"s{n}.jpg"), barcode_of(n), lineage)
        for n, lineage in enumerate(SPECIES)
    ]
)
NAMES = [lineage.as_text() for lineage in SPECIES]
TINY_NEW = {"VIT_WIDTH": 64, "VIT_DEPTH": 1, "DNA_WIDTH": 64, "DNA_DEPTH": 1, "PROFILE_HIDDEN": 32}
TINY_NEW |= {"TEXT_WIDTH": 64, "TEXT_DEPTH": 1, "NGRAM_WIDTH": 16}


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in TINY_NEW.items():
        monkeypatch.setattr(tower_new, name, size)
    short = partial(ProfileDnaTower, positions=90)
    monkeypatch.setattr(tower_new, "ProfileDnaTower", short)


def settings(**values: Any) -> TrainSettings:
    return TrainSettings(name="t", **values)


def items(towers: TrainTowers, modality: Modality) -> list[Any]:
    if modality == "image":
        crop = getattr(towers.cards["image"], "crop")  # noqa: B009
        generator = torch.Generator().manual_seed(5)
        return list(torch.rand(4, 3, crop, crop, generator=generator))
    return [barcode_of(n) for n in range(4)] if modality == "dna" else NAMES


def vectors(towers: TrainTowers, modality: Modality) -> Tensor:
    result: Tensor = towers.modules[modality](*towers.inputs(modality, items(towers, modality)))
    return result


def trainable(module: nn.Module) -> set[str]:
    return {name for name, weights in module.named_parameters() if weights.requires_grad}


def test_towers_of_an_installed_model_encode_as_it_does(workplace: Path) -> None:

    home = find_installed("tiny", models_home())
    towers = start_towers(settings(init_model="tiny"), EXAMPLES)
    model = load_model(home, precision="fp32")
    assert (set(towers.modules), towers.dim) == (set(MODALITIES), WIDTH)
    for modality in MODALITIES:
        ours = nn.functional.normalize(vectors(towers, modality), dim=-1).detach().numpy()
        theirs = model.encode(modality, items(towers, modality))
        assert abs(ours - theirs).max() < 1e-6
    assert towers.origins["dna"].startswith("tiny (")


def test_towers_of_a_checkpoint_and_their_vocabulary(workplace: Path) -> None:
    file = save(clibd_state(), workplace / "best.pth")
    with pytest.raises(ClibdError, match="vocabulary"):
        start_towers(settings(init_model=str(file)), EXAMPLES)
    vocab = write_vocab(workplace / "vocab.txt")
    towers = start_towers(settings(init_model=str(file), vocab=str(vocab)), EXAMPLES)
    assert towers.vocab == vocab
    assert towers.heads == {"image": 1, "dna": 1, "text": 1}
    tensors, _ = towers.merged_tensors()
    head = clibd_state()["image_encoder.base_image_encoder.head.weight"]
    assert torch.equal(tensors["image.head.weight"], head)


def test_a_tower_alone_from_another_file(workplace: Path) -> None:
    bert = save(barcodebert_5mer(), workplace / "bert.pth")
    vit = save(vit_state(Weights(1)), workplace / "vit.pth")
    towers = start_towers(settings(image_tower=str(vit), dna_tower=str(bert)), EXAMPLES)
    assert (set(towers.modules), towers.dim) == ({"image", "dna"}, WIDTH)
    mixed = settings(init_model="tiny", dna_tower=str(bert))
    assert start_towers(mixed, EXAMPLES).origins["dna"] == "bert.pth"


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "kinds", [("vit", "bert", "bert"), ("efficientnet_lite0", "profile", "ngrams")]
)
def test_new_towers(workplace: Path, kinds: tuple[str, str, str]) -> None:
    named = {f"{m}_tower": f"new:{kind}" for m, kind in zip(MODALITIES, kinds, strict=True)}
    vocab = str(write_vocab(workplace / "vocab.txt"))
    made = [
        start_towers(settings(**named, vocab=vocab, dim=24, seed=seed), EXAMPLES)
        for seed in (0, 0, 1)
    ]
    first, again, other = (towers.merged_tensors()[0] for towers in made)
    assert all(torch.equal(first[name], again[name]) for name in first)
    for modality in MODALITIES:
        out = vectors(made[0], modality)
        assert out.shape == (4, 24)
        assert torch.isfinite(out).all()
        # Photos, barcodes and names already differ before training.
        assert (out[0] - out[1]).abs().max() > 1e-6
        mine = {n for n in first if n.startswith(modality)}
        assert any(not torch.equal(first[n], other[n]) for n in mine)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("kind", ["bert", "profile"])
def test_dropout_is_on_in_training_only(workplace: Path, kind: str) -> None:
    asked = settings(dna_tower=f"new:{kind}", dim=24, dropout=0.5)
    towers = start_towers(asked, Examples(EXAMPLES.train))
    for weights in towers.modules["dna"].parameters():
        weights.data += 0.01  # a profile's hidden units add nothing at first

    def once() -> Tensor:  # of a part of a barcode: a profile's hidden units speak where bases lack
        result: Tensor = towers.modules["dna"](*towers.inputs("dna", [barcode_of(0)[:30]]))
        return result

    towers.set_training(True)
    assert not torch.equal(once(), once())
    towers.set_training(False)
    assert torch.equal(once(), once())


@pytest.mark.usefixtures("small")
def test_new_towers_take_the_space_of_the_others(workplace: Path) -> None:
    asked = settings(init_model="tiny", dna_tower="new:profile", dim=24)
    towers = start_towers(asked, EXAMPLES)
    assert (towers.dim, vectors(towers, "dna").shape) == (WIDTH, (4, WIDTH))


def test_lora_changes_nothing_at_first_and_trains_little(workplace: Path) -> None:
    pytest.importorskip("peft")
    plain = start_towers(settings(init_model="tiny"), EXAMPLES)
    towers = start_towers(settings(init_model="tiny", lora_rank=4), EXAMPLES)
    for modality, output in zip(MODALITIES, ("head", "head.decoder", "projection"), strict=True):
        assert torch.equal(vectors(towers, modality), vectors(plain, modality))
        layers = {
            f"blocks.{n}.attention.{part}.lora_{half}.default.weight"
            for n in range(2)
            for part in ("query", "value")
            for half in "AB"
        }
        wanted = layers | {f"{output}.weight", f"{output}.bias"}
        assert trainable(towers.modules[modality]) == wanted


def test_lora_merges_exactly(workplace: Path) -> None:
    pytest.importorskip("peft")
    towers = start_towers(settings(init_model="tiny", lora_rank=4), EXAMPLES)
    plain = start_towers(settings(init_model="tiny"), EXAMPLES)
    generator = torch.Generator().manual_seed(1)
    for module in towers.modules.values():
        for name, weights in module.named_parameters():
            if "lora_" in name:
                weights.data.normal_(generator=generator).mul_(0.1)
    tensors, heads = towers.merged_tensors()
    assert {name: t.shape for name, t in tensors.items()} == {
        name: t.shape for name, t in plain.merged_tensors()[0].items()
    }
    assert heads == plain.heads
    for modality in MODALITIES:
        adapted = vectors(towers, modality)
        assert (adapted - vectors(plain, modality)).abs().max() > 1e-3
        prefix = f"{modality}."
        own = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
        plain.modules[modality].load_state_dict(own, strict=True)
        assert (adapted - vectors(plain, modality)).abs().max() < 1e-5


def test_merging_is_that_of_official_checkpoints(workplace: Path) -> None:
    """W + B A without a factor, rounded once: to the bit what `models.lora` makes of it."""
    pytest.importorskip("peft")
    base = clibd_state(("text",))
    lora, merged = with_lora(base, range(2), TEXT)
    vocab = str(write_vocab(workplace / "vocab.txt"))
    asked = settings(init_model=str(save(base, workplace / "base.pth")), vocab=vocab, lora_rank=4)
    towers = start_towers(asked, EXAMPLES)
    state = towers.modules["text"].state_dict()
    for layer in range(2):
        for part in ("query", "value"):
            stem = f"{TEXT}encoder.layer.{layer}.attention.self.{part}"
            for half, theirs in (("A", "w_a"), ("B", "w_b")):
                name = f"blocks.{layer}.attention.{part}.lora_{half}.default.weight"
                state[name].copy_(lora[f"{stem}.{theirs}.weight"])
    tensors, _ = towers.merged_tensors()
    wanted = start_towers(
        settings(init_model=str(save(merged, workplace / "merged.pth")), vocab=vocab), EXAMPLES
    ).merged_tensors()[0]
    assert all(torch.equal(tensors[name], wanted[name]) for name in wanted)


@pytest.mark.usefixtures("small")
def test_lora_leaves_new_towers_alone_and_refuses_others(workplace: Path) -> None:
    pytest.importorskip("peft")
    asked = settings(init_model="tiny", text_tower="new:ngrams", lora_rank=2)
    towers = start_towers(asked, EXAMPLES)
    assert len(trainable(towers.modules["text"])) == len(list(towers.modules["text"].parameters()))


@pytest.mark.usefixtures("small")
def test_lora_needs_a_tower_that_has_learned(workplace: Path) -> None:
    asked = settings(dna_tower="new:bert", text_tower="new:ngrams", lora_rank=2)
    with pytest.raises(UsageError, match=r"all that are trained are new \(dna, text\)"):
        start_towers(asked, EXAMPLES)
    with pytest.raises(UsageError, match=r"all that are trained are new \(dna\)"):
        start_towers(replace(asked, text_tower="model:tiny", freeze=("text",)), EXAMPLES)


def test_a_text_tower_without_names_to_read_says_where_they_were_looked_for(
    workplace: Path,
) -> None:
    nameless = Examples([Example("a", None, barcode_of(0))])
    asked = settings(dna_tower="model:tiny", text_tower="model:tiny", labels=("names.csv",))
    with pytest.raises(UsageError, match="none of the 1 specimens that are taught has a name") as e:
        start_towers(asked, nameless)
    assert e.value.hint == "Look whether names.csv has their ids, such as a."
    with pytest.raises(UsageError, match="no training example has a name") as e:
        start_towers(replace(asked, modalities=("dna", "text")), nameless)
    assert "names.csv" in (e.value.hint or "")
    with pytest.raises(UsageError, match="has a name") as e:
        start_towers(replace(asked, labels=()), nameless)
    assert (e.value.hint or "").startswith("Give labels")


def test_frozen_towers_stay(workplace: Path) -> None:
    towers = start_towers(settings(init_model="tiny", freeze=("image",)), EXAMPLES)
    towers.set_training(True)
    assert trainable(towers.modules["image"]) == set()
    assert not towers.modules["image"].training
    assert towers.modules["dna"].training
    assert towers.frozen == {"image"}


def test_only_kinds_with_examples(workplace: Path) -> None:
    dna = Examples([Example("a", None, barcode_of(0))])
    alone = settings(init_model="tiny", taxon_weight=1.0)
    assert set(start_towers(alone, dna).modules) == {"dna"}
    kept = start_towers(settings(init_model="tiny", freeze=("image",)), dna)
    assert set(kept.modules) == {"image", "dna"}


def test_without_peft_the_next_step_is_said(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "peft":
            raise ImportError(name)
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ClibdError, match="peft") as caught:
        start_towers(settings(init_model="tiny", lora_rank=4), EXAMPLES)
    assert "clibd[lora]" in str(caught.value.hint)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"init_model": "tinny"}, "no model called tinny"),
        ({"init_model": "gone/best.pth"}, "gone/best.pth does not exist"),
        ({"dna_tower": "gone.pth"}, "gone.pth does not exist"),
        ({"dna_tower": "model:gone"}, "no model called gone"),
        ({"text_tower": "new:bert"}, "vocabulary"),
        ({"init_model": "tiny", "train_crop": 16}, "train_crop is 16"),
        ({"init_model": "tiny", "freeze": MODALITIES}, "no tower is left to train"),
        ({"init_model": "two.pth", "modalities": ("text",)}, "there is no text tower in two.pth"),
        ({"image_tower": "wide.pth", "dna_tower": "two.pth"}, "differ in length"),
        ({"text_tower": "two.pth"}, "two.pth has no text tower, only image and dna"),
    ],
)
def test_mistakes_are_told(workplace: Path, values: dict[str, Any], says: str) -> None:
    save(clibd_state(("image", "dna")), Path("two.pth"))
    save(vit_state(Weights(1), dim=32), Path("wide.pth"))
    with pytest.raises(ClibdError, match=says.replace(".", r"\.")):
        start_towers(settings(**values), EXAMPLES)


def test_examples_without_what_is_asked_for(workplace: Path) -> None:
    dna = Examples([Example("a", None, barcode_of(0))])
    with pytest.raises(ClibdError, match="no training example has a photo"):
        start_towers(settings(init_model="tiny", modalities=("image", "dna")), dna)


def test_starts_know_the_weights_not_their_file(tmp_path: Path) -> None:
    vocab = write_vocab(tmp_path / "vocab.txt")

    def starts(name: str, seed: int) -> dict[Modality, str]:
        path = save(clibd_state(seed=seed), tmp_path / name)
        return start_towers(settings(init_model=str(path), vocab=str(vocab)), EXAMPLES).starts

    one = starts("one.pth", 0)
    assert starts("moved.pth", 0) == one
    other = starts("one.pth", 1)
    assert all(other[modality] != one[modality] for modality in MODALITIES)
    words = vocab.read_text(encoding="utf-8").splitlines()[::-1]
    vocab.write_text("\n".join(words), encoding="utf-8")
    assert [m for m, start in starts("one.pth", 0).items() if start != one[m]] == ["text"]
