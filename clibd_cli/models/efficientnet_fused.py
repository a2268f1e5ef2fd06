"""EfficientNet-Lite0 for naming photos on a CPU: each convolution and its ReLU6 in one step.

The same network as `efficientnet.ConvImageEncoder`, whose scales are multiplied into its weights
once, and whose feature maps pass the memory once a convolution instead of two or three times: 1.2
to 1.4 times as fast in float32, 3 to 4 times in bfloat16 (`benchmarks/encoders.py`). It cannot be
trained.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from clibd_cli.models.efficientnet import (
    ConvImageEncoder,
    Convolution,
    InvertedBlock,
)


def can_fuse() -> bool:
    """Whether this build of torch has the fused convolution, which `torch.compile` uses too."""
    return hasattr(torch.ops.mkldnn, "_convolution_pointwise")


class FusedConvImageEncoder(nn.Module):
    """The network of `encoder`, which stays as it is, in the type of its weights."""

    def __init__(self, encoder: ConvImageEncoder) -> None:
        super().__init__()
        self.stem = _Fused(encoder.stem, relu6=True)
        blocks = (block for block in encoder.blocks if isinstance(block, InvertedBlock))
        self.blocks = nn.ModuleList(map(_FusedBlock, blocks))
        self.top = _Fused(encoder.top, relu6=True)
        self.head = encoder.head
        self.familiarity = encoder.familiarity

    def forward(self, photos: Tensor) -> Tensor:
        """Photos `[batch, 3, side, side]` to vectors `[batch, output_dim]` in float32."""
        maps = self.feature_maps(photos)
        # Summed in float32: bfloat16 has too few digits for a mean of many.
        means = maps.mean(dim=(2, 3), dtype=torch.float32)
        head = self.head
        vectors = functional.linear(means, head.weight.float(), head.bias.float())
        if self.familiarity is None:
            return vectors
        lengths: Tensor = self.familiarity(means, maps.amax(dim=(2, 3)))
        return functional.normalize(vectors, dim=1) * lengths

    def feature_maps(self, photos: Tensor) -> Tensor:
        """The last maps, as `ConvImageEncoder.feature_maps`."""
        maps = self.stem(photos.contiguous(memory_format=torch.channels_last))
        for block in self.blocks:
            maps = block(maps)
        result: Tensor = self.top(maps)
        return result


class _FusedBlock(nn.Module):
    """An inverted block."""

    def __init__(self, block: InvertedBlock) -> None:
        super().__init__()
        expand = [] if block.expand is None else [_Fused(block.expand, relu6=True)]
        depthwise = _Fused(block.depthwise, relu6=True)
        self.steps = nn.Sequential(*expand, depthwise, _Fused(block.project, relu6=False))
        self.residual = block.residual

    def forward(self, maps: Tensor) -> Tensor:
        """Feature maps in, feature maps out."""
        result: Tensor = self.steps(maps)
        return maps + result if self.residual else result


class _Fused(nn.Module):
    """A convolution with its scale in the weights, and ReLU6 after it where that is wanted."""

    def __init__(self, convolution: Convolution, relu6: bool) -> None:
        super().__init__()
        weight = convolution.weight * convolution.scale[:, None, None, None]
        self.weight = nn.Parameter(
            weight.detach().contiguous(memory_format=torch.channels_last), requires_grad=False
        )
        self.shift = nn.Parameter(convolution.shift.detach(), requires_grad=False)
        self.stride = convolution.stride
        self.groups = convolution.groups
        self.after = ("hardtanh", [0.0, 6.0]) if relu6 else ("none", [])

    def forward(self, pixels: Tensor) -> Tensor:
        """As `Convolution`, and ReLU6."""
        padding = self.weight.shape[-1] // 2
        # Of even sides in steps of two, TensorFlow's windows begin where the second ones begin
        # here; to leave out the first is cheaper than to copy all pixels into a padded map.
        first = 1 if self.stride == 2 and pixels.shape[-1] % 2 == 0 else 0
        padding += first
        result: Tensor = torch.ops.mkldnn._convolution_pointwise(
            pixels,
            self.weight,
            self.shift,
            [padding, padding],
            [self.stride, self.stride],
            [1, 1],
            self.groups,
            *self.after,
            "",
        )
        return result[..., first:, first:]
