"""Where an image tower looked in a photo: attention rollout, or the gradient of the likeness.

Vision transformers: Abnar and Zuidema, Quantifying Attention Flow in Transformers (ACL 2020).
Networks of convolutions: Grad-CAM (Selvaraju et al., ICCV 2017) of the likeness to a reference, as
for networks that compare rather than name (Stylianou et al., WACV 2019).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from clibd_cli.models.efficientnet import ConvImageEncoder
from clibd_cli.models.towers import Block, ImageEncoder

PHOTOS_AT_ONCE = 8
"""Of a ViT with patches of 8 pixels, the attention of as many photos takes 240 MB."""

_ROUNDING = 1e-4
"""Differences below this share of a value are none; stretched, they would be a picture of noise."""


def heat_of(encoder: nn.Module, photos: Tensor, targets: Tensor) -> Tensor:
    """A map `[batch, rows, columns]` for each photo, float32: 0 where the encoder looked least.

    The most of each photo is 1; a map without any difference is all 0.

    Args:
        photos: `[batch, 3, side, side]`, as the encoder reads them.
        targets: `[batch, dim]`, what the photos were compared with, of unit length; a row of zeros
            stands for the photo's own vector. Attention rollout does not need them.
    """
    if isinstance(encoder, ConvImageEncoder):
        return _of_most(contributions(encoder, photos, targets).clamp(min=0))
    assert isinstance(encoder, ImageEncoder)
    flow = attention_rollout(encoder, photos)
    heat = flow - flow.amin(dim=(1, 2), keepdim=True)
    return _of_most(heat.where(heat > _ROUNDING * flow, 0.0))


@torch.no_grad()
def attention_rollout(encoder: ImageEncoder, photos: Tensor) -> Tensor:
    """How much of each patch has come into the class token through all layers.

    Attention is the mean over the heads; half of what a layer passes on is taken to be the token
    itself, past the attention. Shape and type as those of `heat_of`.
    """
    tokens = encoder.tokens(photos)
    itself = torch.eye(tokens.shape[1], device=tokens.device)
    passed = itself.expand(len(tokens), -1, -1)
    for block in encoder.blocks:
        assert isinstance(block, Block)
        weights = block.attention.mean_weights(block.norm1(tokens))
        passed = (weights + itself) / 2 @ passed
        tokens = block(tokens)
    side = photos.shape[-1] // encoder.patch_pixels
    return passed[:, 0, 1:].reshape(-1, side, side)


def contributions(encoder: ConvImageEncoder, photos: Tensor, targets: Tensor) -> Tensor:
    """What each place of the last feature maps adds to the likeness to the target.

    It is the gradient of the cosine with the length of the photo's vector held fixed. With the
    length free, scaling all maps changes nothing, so that what places add would sum to zero: half
    of the animal would count against it, and against the photo's own vector everything would be
    zero. Shape and type as those of `heat_of`.
    """
    with torch.no_grad():
        maps = encoder.feature_maps(photos)
    maps.requires_grad_()
    with torch.enable_grad():
        vectors = encoder.pointing(maps)
        own = functional.normalize(vectors.detach(), dim=-1)
        towards = torch.where((targets == 0).all(dim=1, keepdim=True), own, targets)
        likeness = (vectors * towards / vectors.detach().norm(dim=1, keepdim=True)).sum()
        (slope,) = torch.autograd.grad(likeness, maps)
    weights = slope.float().mean(dim=(2, 3), keepdim=True)
    return (weights * maps.detach().float()).sum(dim=1)


def _of_most(heat: Tensor) -> Tensor:
    """Each map divided by its greatest value; what is not finite counts as nothing."""
    heat = heat.nan_to_num(0.0, 0.0, 0.0)
    most = heat.amax(dim=(1, 2), keepdim=True)
    return torch.where(most > 0, heat / most.clamp(min=torch.finfo(heat.dtype).tiny), 0.0)
