"""EfficientNet-Lite0: against a network with batch norms, written out with torch's own layers."""

import hashlib
import json
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.seal import sealed, unsealed
from clibd_cli.models.cards import ConvImageTower, ModelCard, card_from_json
from clibd_cli.models.efficientnet import (
    ConvImageEncoder,
    InvertedBlock,
    from_imagenet,
    is_imagenet,
)
from clibd_cli.models.efficientnet_fused import FusedConvImageEncoder, can_fuse
from clibd_cli.models.parameters import parameter_count

TOWER = ConvImageTower("efficientnet_lite0", output_dim=8)
# inputs, outputs, kernel, stride, expansion of each block, as the paper's table has them
BLOCKS = [
    (32, 16, 3, 1, 1), (16, 24, 3, 2, 6), (24, 24, 3, 1, 6), (24, 40, 5, 2, 6), (40, 40, 5, 1, 6),
    (40, 80, 3, 2, 6), (80, 80, 3, 1, 6), (80, 80, 3, 1, 6), (80, 112, 5, 1, 6),
    (112, 112, 5, 1, 6), (112, 112, 5, 1, 6), (112, 192, 5, 2, 6), (192, 192, 5, 1, 6),
    (192, 192, 5, 1, 6), (192, 192, 5, 1, 6), (192, 320, 3, 1, 6),
]  # fmt: skip


def imagenet_tensors() -> dict[str, Tensor]:
    """Random tensors under the names of the published file."""
    generator = torch.Generator().manual_seed(1)
    tensors: dict[str, Tensor] = {}

    def convolution(name: str, norm: str, outputs: int, inputs: int, kernel: int) -> None:
        size = (outputs, inputs, kernel, kernel)
        fan = inputs * kernel * kernel
        tensors[f"{name}.weight"] = torch.randn(size, generator=generator) * (2 / fan) ** 0.5
        for part in ("weight", "running_var"):
            tensors[f"{norm}.{part}"] = 0.5 + torch.rand(outputs, generator=generator)
        for part in ("bias", "running_mean"):
            tensors[f"{norm}.{part}"] = torch.randn(outputs, generator=generator) * 0.1

    convolution("_conv_stem", "_bn0", 32, 3, 3)
    for place, (inputs, outputs, kernel, _, expansion) in enumerate(BLOCKS):
        at, inner = f"_blocks.{place}", inputs * expansion
        if expansion > 1:
            convolution(f"{at}._expand_conv", f"{at}._bn0", inner, inputs, 1)
        convolution(f"{at}._depthwise_conv", f"{at}._bn1", inner, 1, kernel)
        convolution(f"{at}._project_conv", f"{at}._bn2", outputs, inner, 1)
    convolution("_conv_head", "_bn1", 1280, 320, 1)
    tensors["_fc.weight"] = torch.zeros(1000, 1280)
    return tensors


def features_by_hand(photos: Tensor, tensors: dict[str, Tensor]) -> Tensor:
    """Pooled features with batch norms, and TensorFlow's padding."""

    def apply(x: Tensor, name: str, norm: str, stride: int = 1, groups: int = 1) -> Tensor:
        weight = tensors[f"{name}.weight"]
        kernel, side = weight.shape[-1], x.shape[-1]
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        before, after = total // 2, total - total // 2
        x = functional.pad(x, (before, after, before, after))
        x = functional.conv2d(x, weight, stride=stride, groups=groups)
        stats = [tensors[f"{norm}.{p}"] for p in ("running_mean", "running_var", "weight", "bias")]
        return functional.batch_norm(x, *stats, eps=1e-3)

    x = functional.relu6(apply(photos, "_conv_stem", "_bn0", stride=2))
    for place, (inputs, outputs, _, stride, expansion) in enumerate(BLOCKS):
        at, inner = f"_blocks.{place}", x
        if expansion > 1:
            inner = functional.relu6(apply(x, f"{at}._expand_conv", f"{at}._bn0"))
        groups = inputs * expansion
        inner = functional.relu6(
            apply(inner, f"{at}._depthwise_conv", f"{at}._bn1", stride, groups)
        )
        inner = apply(inner, f"{at}._project_conv", f"{at}._bn2")
        x = x + inner if stride == 1 and inputs == outputs else inner
    return functional.relu6(apply(x, "_conv_head", "_bn1")).mean(dim=(2, 3))


def imagenet_encoder() -> ConvImageEncoder:
    encoder = ConvImageEncoder(TOWER).eval()
    nn.init.normal_(encoder.head.weight)
    encoder.load_state_dict(from_imagenet(imagenet_tensors(), "x.pth"), strict=False)
    return encoder


@pytest.mark.parametrize("side", [64, 75])
def test_published_tensors_give_the_features_of_the_network_with_norms(side: int) -> None:
    photos = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(2))
    encoder = imagenet_encoder()
    with torch.inference_mode():
        wanted = encoder.head(features_by_hand(photos, imagenet_tensors()))
        found = encoder(photos)
    assert float((wanted - found).abs().max()) < 1e-4 * float(wanted.abs().max())


def test_a_photo_s_vector_does_not_depend_on_the_others_even_in_training() -> None:
    photos = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    encoder = imagenet_encoder().train()
    with torch.inference_mode():
        together, alone = encoder(photos), torch.cat([encoder(photo[None]) for photo in photos])
    assert float((together - alone).abs().max()) < 1e-4 * float(together.abs().max())


def test_drop_path_leaves_blocks_out_in_training_only() -> None:
    block = InvertedBlock(4, 4, 3, 1, 2)
    for parameter in block.parameters():
        nn.init.ones_(parameter)
    block.drop_path = 0.5
    pixels = torch.ones(64, 4, 5, 5)
    torch.manual_seed(0)
    kept = (block.train()(pixels) != pixels).flatten(1).any(dim=1)
    assert 0 < int(kept.sum()) < 64
    assert bool((block.eval()(pixels) != pixels).flatten(1).any(dim=1).all())


def test_deeper_blocks_are_left_out_more_often() -> None:
    encoder = ConvImageEncoder(TOWER)
    encoder.set_drop_path(0.2)
    rates = [block.drop_path for block in encoder.blocks]
    assert rates[0] == 0
    assert rates == sorted(rates)
    assert rates[-1] < 0.2


def test_other_files_are_refused_by_what_they_lack() -> None:
    tensors = imagenet_tensors()
    assert is_imagenet(tensors)
    assert not is_imagenet({"blocks.0.weight": 1})
    del tensors["_blocks.3._bn1.running_var"]
    with pytest.raises(ClibdError, match=r"x\.pth lacks _blocks\.3\._bn1\.running_var"):
        from_imagenet(tensors, "x.pth")
    tensors = imagenet_tensors()
    tensors["_conv_head.weight"] = torch.zeros(1792, 448, 1, 1)
    with pytest.raises(ClibdError, match="other sizes"):
        from_imagenet(tensors, "x.pth")


def familiar_encoder() -> ConvImageEncoder:
    """It knows five species, at random."""
    encoder = ConvImageEncoder(replace(TOWER, familiar=5))
    assert encoder.familiarity is not None
    encoder.load_state_dict(from_imagenet(imagenet_tensors(), "x.pth"), strict=False)
    generator = torch.Generator().manual_seed(3)
    for weights in encoder.familiarity.parameters():
        nn.init.normal_(weights, std=0.02, generator=generator)
    return encoder


def test_vectors_point_as_before_and_are_as_long_as_the_photo_is_familiar() -> None:
    photos = torch.rand(3, 3, 70, 70, generator=torch.Generator().manual_seed(2))
    encoder = familiar_encoder()
    assert encoder.familiarity is not None
    with torch.inference_mode():
        maps = encoder.feature_maps(photos)
        told = encoder.familiarity(maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3)))
        found, pointing = encoder(photos), encoder.pointing(maps)
    assert torch.allclose(found.norm(dim=1, keepdim=True), told, rtol=1e-4)
    assert float(functional.cosine_similarity(found, pointing).min()) > 0.999999


def test_cards_from_before_familiarity_keep_their_fingerprints() -> None:
    """The fingerprint is that of clibd 0.1.0 without the field, which its cards lack."""
    card = ModelCard("m", "", "", dim=TOWER.output_dim, image=TOWER).with_fingerprint()
    facts = unsealed(card.to_json())
    del facts["image"]["familiar"]
    assert card_from_json(sealed(facts), "card.json") == card
    towers = {"image": facts["image"]}
    told = json.dumps({"weights": None, "vocab": None, "towers": towers}, sort_keys=True)
    assert card.fingerprint == hashlib.sha256(told.encode()).hexdigest()
    known = replace(card, image=replace(TOWER, familiar=5)).with_fingerprint()
    assert known.fingerprint != card.fingerprint


def test_its_weights_are_counted() -> None:
    for tower in (TOWER, replace(TOWER, familiar=5)):
        card = ModelCard("m", "", "", dim=tower.output_dim, image=tower)
        sizes = [weights.numel() for weights in ConvImageEncoder(tower).parameters()]
        assert parameter_count(card) == sum(sizes)


@pytest.mark.skipif(not can_fuse(), reason="this torch has no fused convolutions")
def test_fused_a_photo_is_as_familiar() -> None:
    photos = torch.rand(3, 3, 70, 70, generator=torch.Generator().manual_seed(2))
    encoder = familiar_encoder()
    with torch.inference_mode():
        expected, fused = encoder(photos), FusedConvImageEncoder(encoder)(photos)
    assert torch.allclose(fused, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.skipif(not can_fuse(), reason="this torch has no fused convolutions")
@pytest.mark.parametrize(("kind", "least"), [(torch.float32, 0.999999), (torch.bfloat16, 0.99)])
def test_fused_it_is_the_same_network(kind: torch.dtype, least: float) -> None:
    plain = ConvImageEncoder(TOWER)
    state = plain.state_dict() | from_imagenet(imagenet_tensors(), "x.pth")
    plain.load_state_dict(state)
    photos = torch.rand(3, 3, 70, 70, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        expected = plain(photos)
        fused = FusedConvImageEncoder(plain.to(kind))(photos.to(kind))
    assert fused.dtype == torch.float32
    assert functional.cosine_similarity(fused, expected).min() > least
