"""Where towers look: against formulas written out slowly, and networks whose answer is known."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from clibd_cli.models.cards import ConvImageTower, ImageTower
from clibd_cli.models.efficientnet import FEATURES, ConvImageEncoder
from clibd_cli.models.explain import PHOTOS_AT_ONCE, attention_rollout, contributions, heat_of
from clibd_cli.models.model import load_model
from clibd_cli.models.towers import Attention, BlockShape, ImageEncoder
from tests.models.test_efficientnet import imagenet_encoder
from tests.models.test_towers import randomised
from tests.models.tiny import install_tiny

VIT = ImageTower(width=24, depth=3, output_dim=10, patch=8, crop=32, resize=37)
HEADS = 3
Array = np.ndarray


def tiny_vit() -> ImageEncoder:
    encoder = randomised(ImageEncoder(VIT, BlockShape(HEADS, hidden=20)), seed=3)
    assert isinstance(encoder, ImageEncoder)
    for name, weight in encoder.named_parameters():
        if name.endswith("query.weight"):
            weight.mul_(6)  # else every token draws on all others alike
    return encoder


def photos(n: int, side: int = 32, seed: int = 1) -> Tensor:
    return torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(seed))


def by_hand(encoder: ImageEncoder, photo: Array) -> tuple[Array, Array]:
    """Vector and rollout of one photo, in 64-bit numbers and one head and one token at a time."""
    state = {name: tensor.double().numpy() for name, tensor in encoder.state_dict().items()}

    def linear(name: str, x: Array) -> Array:
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def norm(name: str, x: Array) -> Array:
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-6)
        return scaled * state[f"{name}.weight"] + state[f"{name}.bias"]

    cells = [
        photo[:, top : top + 8, left : left + 8].reshape(-1)
        for top in range(0, 32, 8)
        for left in range(0, 32, 8)
    ]
    tokens = np.stack([state["class_token"], *(linear("patch", cell) for cell in cells)])
    tokens = tokens + state["positions"]
    n, size = len(tokens), 24 // HEADS
    flow = np.eye(n)
    for layer in range(VIT.depth):
        at = f"blocks.{layer}"
        read = norm(f"{at}.norm1", tokens)
        query, key, value = (linear(f"{at}.attention.{p}", read) for p in ("query", "key", "value"))
        mean, mixed = np.zeros((n, n)), np.zeros_like(tokens)
        for head in range(HEADS):
            part = slice(head * size, (head + 1) * size)
            for row in range(n):
                raw = [query[row, part] @ key[other, part] / math.sqrt(size) for other in range(n)]
                weights = np.exp(raw) / np.exp(raw).sum()
                mean[row] += weights / HEADS
                mixed[row, part] = weights @ value[:, part]
        tokens = tokens + linear(f"{at}.attention.output", mixed)
        up = linear(f"{at}.up", norm(f"{at}.norm2", tokens))
        gelu = up * 0.5 * (1 + np.vectorize(math.erf)(up / math.sqrt(2)))
        tokens = tokens + linear(f"{at}.down", gelu)
        kept = mean + np.eye(n)
        flow = (kept / kept.sum(axis=1, keepdims=True)) @ flow
    return linear("head", norm("norm", tokens[0])), flow[0, 1:].reshape(4, 4)


def test_rollout_is_that_of_the_formula() -> None:
    encoder, several = tiny_vit(), photos(3)
    found = attention_rollout(encoder, several)
    with torch.inference_mode():
        vectors = encoder(several)
    for row in range(3):
        vector, flow = by_hand(encoder, several[row].double().numpy())
        np.testing.assert_allclose(vectors[row].numpy(), vector, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(found[row].numpy(), flow, rtol=1e-4, atol=1e-6)
    assert float(found.flatten(1).std(dim=1).min()) > 2e-3  # or any formula would do


def test_encoding_computes_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, several = tiny_vit(), photos(2)
    with torch.inference_mode():
        before = encoder(several)
        heat_of(encoder, several, torch.zeros(2, 10))

        def refuse(self: Attention, tokens: Tensor) -> Tensor:
            raise AssertionError("the normal path must not pay for explanations")

        monkeypatch.setattr(Attention, "mean_weights", refuse)
        assert torch.equal(encoder(several), before)


def test_what_places_add_makes_up_the_cosine() -> None:
    encoder, several = imagenet_encoder().requires_grad_(False), photos(2, 96)
    nn.init.zeros_(encoder.head.bias)
    targets = functional.normalize(photos(2).flatten(1)[:, :8], dim=1)
    found = contributions(encoder, several, targets)
    assert found.shape == (2, 3, 3)
    cosines = functional.cosine_similarity(encoder(several), targets)
    torch.testing.assert_close(found.sum(dim=(1, 2)), cosines, rtol=1e-3, atol=1e-5)


class Corner(ConvImageEncoder):
    """A network that sees one thing in the upper left corner, another in the lower right one."""

    def __init__(self) -> None:
        super().__init__(ConvImageTower("efficientnet_lite0", output_dim=2))
        self.requires_grad_(False)
        self.head.weight.zero_()
        self.head.bias.zero_()
        self.head.weight[0, 0] = self.head.weight[1, 1] = 1.0

    def feature_maps(self, photos: Tensor) -> Tensor:
        maps = torch.full((len(photos), FEATURES, 5, 5), 3.0)
        maps[:, :2] = 0.0
        maps[:, 0, 0, 0] = 2.0
        maps[:, 1, 4, 4] = 2.0
        return maps


def test_the_place_that_is_like_the_reference_is_found() -> None:
    targets = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, 0.0]])
    heat = heat_of(Corner(), photos(4), targets)
    first, last, opposite, own = heat
    assert (float(first[0, 0]), float(first.sum())) == (1.0, 1.0)
    assert (float(last[4, 4]), float(last.sum())) == (1.0, 1.0)
    assert float(opposite.abs().sum()) == 0  # nothing speaks for it
    assert [float(own[0, 0]), float(own[4, 4]), float(own.sum())] == [1.0, 1.0, 2.0]


def test_without_a_reference_the_photo_is_compared_with_itself() -> None:
    encoder, several = imagenet_encoder().requires_grad_(False), photos(2, 96)
    own = functional.normalize(encoder(several), dim=1)
    alone = heat_of(encoder, several, torch.zeros(2, 8))
    torch.testing.assert_close(alone, heat_of(encoder, several, own))
    assert float(alone.amax()) == 1.0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_maps_are_finite_and_from_nothing_to_one(dtype: torch.dtype) -> None:
    for encoder in (tiny_vit(), imagenet_encoder().requires_grad_(False)):
        side = 32 if isinstance(encoder, ImageEncoder) else 96
        several = photos(2, side).to(dtype)
        heat = heat_of(encoder.to(dtype), several, torch.zeros(2, encoder.head.out_features))
        assert heat.dtype == torch.float32
        assert bool(heat.isfinite().all())
        assert heat.amin(dim=(1, 2)).tolist() >= [0.0, 0.0]
        assert heat.amax(dim=(1, 2)).tolist() == [1.0, 1.0]


def test_a_map_without_any_difference_is_nothing() -> None:
    encoder = tiny_vit()
    for parameter in encoder.parameters():
        parameter.zero_()
    assert float(heat_of(encoder, photos(1), torch.zeros(1, 10)).abs().sum()) == 0


def test_a_model_explains_any_number_of_photos(tmp_path: Path) -> None:
    install_tiny(tmp_path, "tiny")
    model = load_model(tmp_path / "tiny", "cpu", "fp32", ("image",))
    several = list(photos(PHOTOS_AT_ONCE + 3))
    targets = np.zeros((len(several), model.dim), np.float32)
    heat = model.explain_photos(several, targets)
    assert heat.shape == (len(several), 4, 4)
    alone = np.concatenate([model.explain_photos([photo], targets[:1]) for photo in several])
    np.testing.assert_allclose(heat, alone, atol=1e-4)
    assert model.explain_photos([], targets[:0]).shape[0] == 0
