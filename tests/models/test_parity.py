"""Agreement with the official implementation, and with the libraries that it is built on.

The golden values were computed by the official classes; the library comparisons need no shared
files and use random weights, so that the encoders are held to the same function anywhere.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from clibd_cli.models.cards import DNA_POOLINGS, DnaPooling, ImageTower
from clibd_cli.models.install import install_checkpoint
from clibd_cli.models.kmers import tokenize
from clibd_cli.models.model import ClibdModel, load_model
from clibd_cli.models.preprocess import prepare_photo
from tests.models.tiny import DNA, save, write_vocab

GOLDEN = Path(__file__).resolve().parents[2].parent / "shared" / "goldens" / "official_tiny_idt"
BARCODES = ["ACGTTGCAAC" * 66, "TTGACCAN" * 60, "GATTACA" * 20, "ACGTA", "C" * 700]


def random_weights(module: torch.nn.Module, seed: int = 0, scale: float = 0.1) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in module.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator) * scale
        is_norm = "norm" in name.lower() and name.endswith("weight")
        parameter.data = noise + 1 if is_norm else noise
    return module.eval().requires_grad_(False)


def installed(state: object, tmp_path: Path, **options: Any) -> ClibdModel:
    source = save(state, tmp_path / "weights.pth")
    install_checkpoint(source, "m", tmp_path / "home", overwrite=True, **options)
    return load_model(tmp_path / "home" / "m", "cpu", "fp32")


def unit(vectors: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(vectors, dim=-1).numpy()


def assert_agrees(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Within 1e-6 a value, and within 1e-4 of what tells the items apart."""
    np.testing.assert_allclose(ours, theirs, atol=1e-6, rtol=0)
    centred = theirs - theirs.mean(0)
    error = np.linalg.norm((ours - ours.mean(0)) - centred) / np.linalg.norm(centred)
    assert error < 1e-4


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ClibdModel:
    home = tmp_path_factory.mktemp("home")
    install_checkpoint(GOLDEN / "best.pth", "golden", home, vocab=GOLDEN / "vocab.txt")
    return load_model(home / "golden", "cpu", "fp32")


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray]:
    with np.load(GOLDEN / "expected.npz") as arrays:
        return dict(arrays)


@pytest.mark.realdata
@pytest.mark.skipif(not GOLDEN.is_dir(), reason="the shared folder with golden values is not here")
class TestGolden:
    def barcodes(self) -> list[str]:
        records = (GOLDEN / "barcodes.fasta").read_text("utf-8").split(">")[1:]
        return ["".join(record.split("\n")[1:]) for record in records]

    def test_photos(self, model: ClibdModel, expected: dict[str, np.ndarray]) -> None:
        prepared = []
        for n in range(4):
            with Image.open(GOLDEN / f"specimen_{n}.png") as photo:
                prepared.append(model.prepare_photo(photo))
        assert_agrees(model.encode("image", prepared), expected["image"])

    def test_barcodes(self, model: ClibdModel, expected: dict[str, np.ndarray]) -> None:
        assert model.card.dna is not None
        ids, _ = tokenize(self.barcodes(), model.card.dna)
        np.testing.assert_array_equal(ids, expected["dna_token_ids"])
        assert_agrees(model.encode("dna", self.barcodes()), expected["dna"])

    def test_text(self, model: ClibdModel, expected: dict[str, np.ndarray]) -> None:
        labels = (GOLDEN / "taxa.txt").read_text("utf-8").splitlines()
        assert model._words is not None
        ids, _ = model._words.tokenize(labels)
        np.testing.assert_array_equal(ids, expected["text_token_ids"])
        assert_agrees(model.encode("text", labels), expected["text"])


def bert_config(**options: Any) -> Any:
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 128, "num_hidden_layers": 2, "intermediate_size": 256}
    return transformers.BertConfig(
        **{"num_attention_heads": 2, "max_position_embeddings": 180, **sizes, **options}
    )


class TestAgainstTransformers:
    @pytest.mark.parametrize("pooling", DNA_POOLINGS)
    @pytest.mark.parametrize("dim", [96, 128])
    def test_dna_tower_of_clibd(self, tmp_path: Path, pooling: DnaPooling, dim: int) -> None:
        config = bert_config(vocab_size=4**5 + 3)
        from transformers import BertForMaskedLM

        bert = BertForMaskedLM(config)
        bert.cls.predictions.decoder = torch.nn.Linear(128, dim)
        random_weights(bert)
        state = {DNA + name: tensor for name, tensor in bert.state_dict().items()}
        model = installed(state, tmp_path, dna_pooling=pooling)
        assert model.card.dna is not None
        ids, _ = tokenize(BARCODES, model.card.dna)
        output = bert(input_ids=torch.from_numpy(ids), output_hidden_states=True)
        hidden = output.hidden_states[-1]
        theirs = {
            "logits_softmax_mean": output.logits.softmax(-1).mean(1),
            "logits_mean": output.logits.mean(1),
            "hidden_state_mean": hidden.mean(1),
            "cls_token": hidden[:, 0],
        }[pooling]
        assert_agrees(model.encode("dna", BARCODES), unit(theirs))

    def test_barcodebert_5mer_alone(self, tmp_path: Path) -> None:
        config = bert_config(vocab_size=4**5 + 3)
        from transformers import BertForMaskedLM

        bert = random_weights(BertForMaskedLM(config))
        model = installed(bert.state_dict(), tmp_path)
        assert model.card.dna is not None
        ids, _ = tokenize(BARCODES, model.card.dna)
        output = bert(input_ids=torch.from_numpy(ids), output_hidden_states=True)
        assert_agrees(model.encode("dna", BARCODES), unit(output.hidden_states[-1].mean(1)))
        logits = installed(bert.state_dict(), tmp_path, dna_pooling="logits_mean")
        assert_agrees(logits.encode("dna", BARCODES), unit(output.logits.mean(1)))

    @pytest.mark.parametrize("heads", [2, 4])
    def test_barcodebert_4mer_alone(self, tmp_path: Path, heads: int) -> None:
        config = bert_config(vocab_size=4**4 + 2, num_attention_heads=heads, num_labels=256)
        from transformers import BertForTokenClassification

        bert = random_weights(BertForTokenClassification(config), scale=0.2)
        held = {"model": bert.state_dict(), "bert_config": config.to_dict()}
        model = installed(held, tmp_path)
        assert model.card.dna is not None
        ids, mask = (torch.from_numpy(a) for a in tokenize(BARCODES, model.card.dna))
        output = bert(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        weights = mask[..., None] / mask.sum(1)[:, None, None]
        theirs = unit((output.hidden_states[-1] * weights).sum(1))
        ours = model.encode("dna", BARCODES)
        assert_agrees(ours, theirs)

    def test_text_tower(self, tmp_path: Path) -> None:
        vocab = write_vocab(tmp_path / "vocab.txt")
        config = bert_config(vocab_size=68)
        from transformers import BertModel, BertTokenizer

        bert = random_weights(BertModel(config))
        projection = random_weights(torch.nn.Linear(128, 96), seed=1)
        state = {
            f"language_encoder.base_language_encoder.{n}": t for n, t in bert.state_dict().items()
        }
        state |= {f"language_encoder.proj.{n}": t for n, t in projection.state_dict().items()}
        labels = [
            "Diptera Sciaridae not_classified",
            "Lepidoptera Noctuidae Xestia Xestia c-nigrum",
        ]
        tokeniser = BertTokenizer.from_pretrained(tmp_path)
        tokens = tokeniser(
            labels, padding="max_length", truncation=True, max_length=20, return_tensors="pt"
        )
        theirs = projection(bert(**tokens).last_hidden_state.mean(1))
        model = installed(state, tmp_path, vocab=vocab)
        assert model._words is not None
        np.testing.assert_array_equal(model._words.tokenize(labels)[0], tokens["input_ids"])
        assert_agrees(model.encode("text", labels), unit(theirs))

    def test_image_tower(self, tmp_path: Path) -> None:
        transformers = pytest.importorskip("transformers")
        config = transformers.ViTConfig(
            hidden_size=128,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=256,
            image_size=32,
            patch_size=8,
            layer_norm_eps=1e-6,
        )
        vit = random_weights(transformers.ViTModel(config, add_pooling_layer=False))
        head = random_weights(torch.nn.Linear(128, 96), seed=1)
        state = timm_names(vit.state_dict())
        state |= {f"head.{name}": tensor for name, tensor in head.state_dict().items()}
        prefix = "image_encoder.base_image_encoder."
        model = installed({prefix + n: t for n, t in state.items()}, tmp_path)
        rng = np.random.default_rng(0)
        photos = [rng.integers(0, 256, (40, 44 + n, 3), dtype=np.uint8) for n in range(4)]
        assert isinstance(model.card.image, ImageTower)
        pixels = [prepare_photo(Image.fromarray(p), model.card.image) for p in photos]
        theirs = head(vit(pixel_values=torch.stack(pixels)).last_hidden_state[:, 0])
        assert_agrees(model.encode("image", pixels), unit(theirs))


def timm_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Hugging Face's ViT as timm names it."""
    if "layers.0.attention.q_proj.weight" not in state:
        pytest.skip("this version of transformers names the ViT's tensors differently")
    renamed = {
        "embeddings.cls_token": "cls_token",
        "embeddings.position_embeddings": "pos_embed",
        "embeddings.patch_embeddings.projection": "patch_embed.proj",
        "attention.o_proj": "attn.proj",
        "layernorm_before": "norm1",
        "layernorm_after": "norm2",
        "layernorm": "norm",
    }
    official: dict[str, torch.Tensor] = {}
    for name, tensor in state.items():
        if "k_proj" in name or "v_proj" in name:
            continue
        new = re.sub(r"^layers\.", "blocks.", name)
        for theirs, timms in renamed.items():
            new = new.replace(theirs, timms)
        if "q_proj" in name:
            parts = [state[name.replace("q_proj", part)] for part in ("q_proj", "k_proj", "v_proj")]
            new, tensor = new.replace("attention.q_proj", "attn.qkv"), torch.cat(parts)  # noqa: PLW2901
        official[new] = tensor
    return official
