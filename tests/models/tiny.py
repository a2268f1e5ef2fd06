"""Tiny checkpoints in the official layouts, with random seeded weights, for tests of any room."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from clibd_cli.core.records import Modality
from clibd_cli.models.cards import DnaPooling, ModelCard
from clibd_cli.models.install import install_checkpoint

WIDTH = 64
DEPTH = 2
CROP, PATCH = 32, 8
ALL: tuple[Modality, ...] = ("image", "dna", "text")

IMAGE = "image_encoder.base_image_encoder."
DNA = "dna_encoder.base_dna_encoder."
TEXT = "language_encoder.base_language_encoder."

_WORDS = (
    "[PAD] [UNK] [CLS] [SEP] [MASK] not _ classified dip ##tera lepido ##ptera noctuidae xestia "
    + " ".join(f"{c} ##{c}" for c in "abcdefghijklmnopqrstuvwxyz-")
).split()

State = dict[str, Tensor]


class Weights:
    """Random tensors in the order they are asked for."""

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)

    def matrix(self, *shape: int, scale: float = 0.1) -> Tensor:
        return torch.randn(*shape, generator=self._generator) * scale

    def linear(self, state: State, name: str, rows: int, columns: int) -> None:
        state[f"{name}.weight"] = self.matrix(rows, columns)
        state[f"{name}.bias"] = self.matrix(rows)

    def norm(self, state: State, name: str, width: int) -> None:
        state[f"{name}.weight"] = 1 + self.matrix(width)
        state[f"{name}.bias"] = self.matrix(width)


def vit_state(weights: Weights, prefix: str = "", *, width: int = WIDTH, dim: int = WIDTH) -> State:
    """A timm vision transformer of two layers."""
    state: State = {
        "cls_token": weights.matrix(1, 1, width),
        "pos_embed": weights.matrix(1, 1 + (CROP // PATCH) ** 2, width),
        "patch_embed.proj.weight": weights.matrix(width, 3, PATCH, PATCH),
        "patch_embed.proj.bias": weights.matrix(width),
    }
    for layer in range(DEPTH):
        block = f"blocks.{layer}"
        weights.norm(state, f"{block}.norm1", width)
        weights.linear(state, f"{block}.attn.qkv", 3 * width, width)
        weights.linear(state, f"{block}.attn.proj", width, width)
        weights.norm(state, f"{block}.norm2", width)
        weights.linear(state, f"{block}.mlp.fc1", 4 * width, width)
        weights.linear(state, f"{block}.mlp.fc2", width, 4 * width)
    weights.norm(state, "norm", width)
    weights.linear(state, "head", dim, width)
    return {prefix + name: tensor for name, tensor in state.items()}


def bert_state(
    weights: Weights, prefix: str, rows: int, *, width: int = WIDTH, positions: int = 180
) -> State:
    """A Hugging Face `BertModel` of two layers, without its pooler."""
    state: State = {}
    for name, n in (("word", rows), ("position", positions), ("token_type", 2)):
        state[f"embeddings.{name}_embeddings.weight"] = weights.matrix(n, width)
    weights.norm(state, "embeddings.LayerNorm", width)
    for n in range(DEPTH):
        layer = f"encoder.layer.{n}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            weights.linear(state, f"{layer}.attention.{part}", width, width)
        weights.norm(state, f"{layer}.attention.output.LayerNorm", width)
        weights.linear(state, f"{layer}.intermediate.dense", 2 * width, width)
        weights.linear(state, f"{layer}.output.dense", width, 2 * width)
        weights.norm(state, f"{layer}.output.LayerNorm", width)
    return {prefix + name: tensor for name, tensor in state.items()}


def mlm_state(
    weights: Weights, prefix: str, rows: int, outputs: int, *, width: int = WIDTH
) -> State:
    """`BertForMaskedLM` whose decoder has `outputs` outputs."""
    state = bert_state(weights, "bert.", rows, width=width)
    state["cls.predictions.bias"] = torch.zeros(rows)
    weights.linear(state, "cls.predictions.transform.dense", width, width)
    weights.norm(state, "cls.predictions.transform.LayerNorm", width)
    weights.linear(state, "cls.predictions.decoder", outputs, width)
    return {prefix + name: tensor for name, tensor in state.items()}


def clibd_state(
    modalities: Iterable[Modality] = ALL, *, dim: int = WIDTH, k: int = 5, seed: int = 0
) -> State:
    """A CLIBD state dict under the new names, without LoRA. Towers do not depend on each other."""
    state: State = {"logit_scale": torch.tensor(2.6592)}
    for modality in modalities:
        weights = Weights(100 * seed + ALL.index(modality))
        if modality == "image":
            state |= vit_state(weights, IMAGE, dim=dim)
        elif modality == "dna":
            state |= mlm_state(weights, DNA, 4**k + 3, dim)
        else:
            state |= bert_state(weights, TEXT, len(_WORDS))
            weights.linear(state, "language_encoder.proj", dim, WIDTH)
    return state


def barcodebert_5mer(seed: int = 0, k: int = 5) -> State:
    """BarcodeBERT alone as `BertForMaskedLM` saves it: the decoder shares the embeddings."""
    state = mlm_state(Weights(seed), "", 4**k + 3, 1)
    state["cls.predictions.bias"] = Weights(seed + 1).matrix(4**k + 3)
    state["cls.predictions.decoder.weight"] = state["bert.embeddings.word_embeddings.weight"]
    state["cls.predictions.decoder.bias"] = state["cls.predictions.bias"]
    return state


def barcodebert_4mer(seed: int = 0, heads: int = 4) -> dict[str, object]:
    """The newer BarcodeBERT: `BertForTokenClassification` with its `bert_config`."""
    weights = Weights(seed)
    state = bert_state(weights, "bert.", 4**4 + 2)
    weights.linear(state, "classifier", 4**4, WIDTH)
    config = {
        "vocab_size": 4**4 + 2,
        "hidden_size": WIDTH,
        "num_hidden_layers": DEPTH,
        "num_attention_heads": heads,
        "intermediate_size": 2 * WIDTH,
        "max_position_embeddings": 180,
        "num_labels": 4**4,
    }
    return {"model": state, "bert_config": config}


def with_lora(state: State, layers: Iterable[int], prefix: str) -> tuple[State, State]:
    """The tower at `prefix` with rank-4 LoRA on `layers`, and the same merged by hand."""
    weights = Weights(7)
    lora, merged = dict(state), dict(state)
    for layer in layers:
        if prefix == IMAGE:
            stems = [(f"{prefix}blocks.{layer}.attn.qkv.", "qkv.", "linear_a_{}.", "linear_b_{}.")]
            parts = {"q": slice(0, WIDTH), "v": slice(2 * WIDTH, 3 * WIDTH)}
        else:
            inner = "bert." if prefix == DNA else ""
            attention = f"{prefix}{inner}encoder.layer.{layer}.attention.self."
            stems = [(f"{attention}{part}.", "w.", "w_a.", "w_b.") for part in ("query", "value")]
            parts = {"": slice(0, WIDTH)}
        for stem, wrapped, a_name, b_name in stems:
            for kind in ("weight", "bias"):
                lora[stem + wrapped + kind] = lora.pop(stem + kind)
            weight = merged[stem + "weight"].double()
            for part, rows in parts.items():
                a, b = weights.matrix(4, WIDTH), weights.matrix(WIDTH, 4)
                lora[stem + a_name.format(part) + "weight"] = a
                lora[stem + b_name.format(part) + "weight"] = b
                weight[rows] += b.double() @ a.double()
            merged[stem + "weight"] = weight.float()
    return lora, merged


def with_old_names(state: State) -> State:
    """The same state dict as older official code named it."""
    old = {
        "base_image_encoder": "lora_vit",
        "base_dna_encoder": "lora_barcode_bert",
        "base_language_encoder": "lora_bert",
        "language_encoder.proj.": "language_encoder.lora_bert.proj.",
    }
    renamed: State = {}
    for name, tensor in state.items():
        former_name = name
        for new, former in old.items():
            former_name = former_name.replace(new, former)
        renamed[former_name] = tensor
    return renamed


def write_vocab(path: Path) -> Path:
    """A BERT vocabulary that fits the text tower of `clibd_state`."""
    path.write_text("\n".join(_WORDS) + "\n", encoding="utf-8", newline="\n")
    return path


def save(state: object, path: Path) -> Path:
    """Save as the official code does."""
    torch.save(state, path)
    return path


def install_tiny(
    home: Path,
    name: str = "tiny",
    modalities: Iterable[Modality] = ("image", "dna"),
    *,
    dna_pooling: DnaPooling | None = None,
    seed: int = 0,
) -> ModelCard:
    """Install a tiny CLIBD model (64 wide, photos of 32 pixels) as `home/name`."""
    home.mkdir(parents=True, exist_ok=True)
    source = save(clibd_state(modalities, seed=seed), home / f".{name}.pth")
    vocab = write_vocab(home / f".{name}.vocab.txt")
    try:
        return install_checkpoint(source, name, home, dna_pooling=dna_pooling, vocab=vocab)
    finally:
        source.unlink()
        vocab.unlink()
