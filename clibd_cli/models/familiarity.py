"""How familiar a photo is to a tower: how surely it shows one of the species that it was taught.

A tower learns to tell its species apart, and draws photos of others to one of them just as well:
where a vector points says little of whether the species is new. The features before the tower's
last map say more, read as Fisher's discriminant reads them: whether they have what makes one
species, and no other, as strongly as its own photos have it. The largest value of a feature
anywhere in the photo tells more of that than its mean does.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_RIVAL = 2 / 3
"""Weight of the next best species against the best. Of photos that were kept back, with half of
them of new species, a third or all of them tell about as much, none a fifth less."""


class Familiarity(nn.Module):
    """Weighs the features of a photo: their means and their largest values.

    Args:
        features: of a photo, both kinds together.
        species: that the tower was taught.
        axes: directions in which they are told apart.
    """

    def __init__(self, features: int, species: int, axes: int) -> None:
        super().__init__()
        self.axes = nn.Linear(features, axes)
        self.means = nn.Parameter(torch.zeros(species, axes))

    def forward(self, means: Tensor, largest: Tensor) -> Tensor:
        """How familiar each photo is, above 0: about e for the mean photo of a taught species.

        Args:
            means, largest: `[batch, features / 2]`, over all places of the photo.

        Returns:
            float32 `[batch, 1]`.
        """
        both = torch.cat([means, largest], dim=1).float()
        placed = nn.functional.linear(both, self.axes.weight.float(), self.axes.bias.float())
        species = self.means.float()
        fits = 2.0 * placed @ species.T - species.square().sum(dim=1)
        best, rival = fits.topk(2, dim=1).values.unbind(dim=1)
        odds = (best - _RIVAL * rival) / (1.0 - _RIVAL)
        return odds.clamp(-20.0, 20.0).exp()[:, None]
