"""What the encoders promise beyond agreement with the official code (see `test_parity`)."""

from __future__ import annotations

import pytest
import torch

from clibd_cli.models.cards import DNA_POOLINGS, DnaPooling, DnaTower, ImageTower, TextTower
from clibd_cli.models.pooling import pool_tokens
from clibd_cli.models.towers import BlockShape, ImageEncoder, build_encoder, tensor_shapes

SHAPE = BlockShape(heads=2, hidden=48)
IMAGE = ImageTower(width=32, depth=1, output_dim=20, patch=8, crop=32, resize=37)
TEXT = TextTower(width=32, depth=2, output_dim=20, vocab_size=30, max_positions=24)


def dna(pooling: DnaPooling, head_dim: int | None = 20) -> DnaTower:
    return DnaTower(
        width=32,
        depth=2,
        output_dim=20 if pooling.startswith("logits") else 32,
        k=2,
        vocabulary="mask_cls_unk",
        pooling=pooling,
        head_dim=head_dim,
    )


def randomised(encoder: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(seed)
    for parameter in encoder.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.2
    return encoder.eval().requires_grad_(False)


@pytest.mark.parametrize("pooling", DNA_POOLINGS)
def test_poolings_are_what_their_names_say(pooling: DnaPooling) -> None:
    hidden = torch.randn(3, 7, 5, generator=torch.Generator().manual_seed(1))
    head = torch.nn.Linear(5, 4).requires_grad_(False)
    expected = {
        "logits_softmax_mean": head(hidden).softmax(-1).mean(1),
        "logits_mean": head(hidden).mean(1),
        "hidden_state_mean": hidden.mean(1),
        "cls_token": hidden[:, 0],
    }
    torch.testing.assert_close(pool_tokens(hidden, head, pooling, None), expected[pooling])


@pytest.mark.parametrize("pooling", ["logits_softmax_mean", "logits_mean", "hidden_state_mean"])
def test_masked_tokens_have_no_part_in_means(pooling: DnaPooling) -> None:
    hidden = torch.randn(2, 6, 5, generator=torch.Generator().manual_seed(1))
    head = torch.nn.Linear(5, 4).requires_grad_(False)
    mask = torch.tensor([[1, 1, 1, 1, 0, 0], [1, 0, 0, 0, 0, 0]])
    pooled = pool_tokens(hidden, head, pooling, mask)
    for row, real in enumerate((4, 1)):
        alone = pool_tokens(hidden[row : row + 1, :real], head, pooling, None)
        torch.testing.assert_close(pooled[row : row + 1], alone)


def test_padding_changes_nothing_where_it_is_masked() -> None:
    encoder = randomised(build_encoder(dna("hidden_state_mean", None), SHAPE))
    ids = torch.tensor([[3, 4, 5, 2, 2, 2]])
    mask = torch.tensor([[1, 1, 1, 0, 0, 0]])
    torch.testing.assert_close(encoder(ids, mask), encoder(ids[:, :3], mask[:, :3]))
    assert not torch.allclose(encoder(ids), encoder(ids[:, :3]))


@pytest.mark.parametrize("tower", [IMAGE, TEXT, dna("logits_mean"), dna("cls_token", None)])
def test_shapes_are_told_without_building(tower: ImageTower | DnaTower | TextTower) -> None:
    encoder = build_encoder(tower, SHAPE)
    assert tensor_shapes(tower, SHAPE) == {
        n: tuple(t.shape) for n, t in encoder.state_dict().items()
    }


def test_photos_are_cut_into_patches_as_a_convolution_would() -> None:
    encoder = randomised(build_encoder(IMAGE, SHAPE))
    photos = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    weight = encoder.get_parameter("patch.weight")
    convolved = torch.nn.functional.conv2d(photos, weight.view(32, 3, 8, 8), stride=8)
    assert isinstance(encoder, ImageEncoder)
    product = encoder._cut(photos) @ weight.T
    torch.testing.assert_close(product, convolved.flatten(2).transpose(1, 2), rtol=1e-4, atol=1e-5)


def test_every_parameter_matters() -> None:
    text, image = randomised(build_encoder(TEXT, SHAPE)), randomised(build_encoder(IMAGE, SHAPE))
    barcode = randomised(build_encoder(dna("logits_softmax_mean"), SHAPE))
    inputs = {
        image: (torch.rand(1, 3, 32, 32),),
        text: (torch.tensor([[3, 4, 5]]), torch.tensor([[1, 1, 0]])),
        barcode: (torch.tensor([[0, 3, 4]]),),
    }
    for encoder, arguments in inputs.items():
        before = encoder(*arguments)
        for name, parameter in encoder.named_parameters():
            if name.endswith("attention.key.bias"):
                continue  # adds the same to every token's score: softmax takes it away
            kept = parameter.data.clone()
            parameter.data = kept + torch.linspace(0.5, 1.5, kept.numel()).view(kept.shape)
            assert not torch.equal(encoder(*arguments), before), name
            parameter.data = kept


def test_outputs_are_float32_in_any_precision() -> None:
    encoder = randomised(build_encoder(dna("logits_mean"), SHAPE)).to(torch.bfloat16)
    assert encoder(torch.tensor([[0, 3]])).dtype == torch.float32
