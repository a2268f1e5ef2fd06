"""What a trained image tower takes for familiar, learnt from the photos that it was trained on.

In closed form, after the last step (`models.familiarity`): the mean features of each species, and
the axes that tell species apart best for how much photos of one species differ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from clibd_cli.core.ahead import default_workers, done_ahead
from clibd_cli.core.progress import Progress
from clibd_cli.io.photos import load_photo
from clibd_cli.models.cards import ConvImageTower
from clibd_cli.models.efficientnet import FEATURES, ConvImageEncoder
from clibd_cli.models.efficientnet_fused import FusedConvImageEncoder, can_fuse
from clibd_cli.models.familiarity import Familiarity
from clibd_cli.models.inputs import encoder_inputs
from clibd_cli.models.preprocess import prepare_photo
from clibd_cli.training.discriminant import Spread

if TYPE_CHECKING:
    from pathlib import Path

    from clibd_cli.training.example import Example
    from clibd_cli.training.tower_start import TrainTowers

_LEAST_PHOTOS = 3
"""Of a species, so that it has a mean."""
_LEAST_SPECIES = 5
_SHRINKAGE = 0.1
"""As in `discriminant`; from 0.05 to 0.2 as many of the photos that are kept back get a name."""
_PHOTOS_A_BATCH = 64


def make_familiar(
    towers: TrainTowers, examples: Iterable[Example], workers: int | None, progress: Progress
) -> None:
    """Let the image tower tell how familiar a photo is, by the photos of `examples`.

    Nothing changes where it is of another kind, is frozen, or has too few photos with a species.

    Raises:
        PhotoError: where a photo can no longer be read.
    """
    encoder, card = towers.modules.get("image"), towers.cards.get("image")
    if not isinstance(encoder, ConvImageEncoder) or not isinstance(card, ConvImageTower):
        return
    photos = {} if "image" in towers.frozen else _teachers(examples)
    if photos:
        counted = default_workers() if workers is None else workers
        features = _features(encoder, card, list(photos), counted, progress)
        encoder.familiarity = learn_familiar(features, list(photos.values()))
        towers.cards["image"] = replace(card, familiar=len(set(photos.values())))


def learn_familiar(features: Iterable[Tensor], species: Sequence[str]) -> Familiarity:
    """Weigh features so that photos of these species are familiar.

    Args:
        features: of their photos, means and largest values, `[n, 2 * FEATURES]` at a time.
        species: of each photo, in the order of the features.
    """
    spread = Spread(species, 2 * FEATURES)
    for some in features:
        spread.add(some)
    means = spread.means
    middle = means.mean(dim=0)
    wanted = ConvImageTower("efficientnet_lite0", 0, familiar=len(means)).familiar_axes
    axes = spread.axes(wanted, _SHRINKAGE)
    placed = (means - middle) @ axes
    length = placed.square().sum(dim=1).mean().sqrt().clamp(min=1e-6)
    familiarity = Familiarity(2 * FEATURES, len(means), wanted)
    with torch.no_grad():
        familiarity.axes.weight.copy_(axes.T / length)
        familiarity.axes.bias.copy_(-(middle @ axes) / length)
        familiarity.means.copy_(placed / length)
    return familiarity


def _teachers(examples: Iterable[Example]) -> dict[Path, str]:
    """Each photo once with its species, of species with some photos; none of too few species."""
    once = {e.photo: e.lineage.species for e in examples if e.photo and e.lineage.species}
    counts = Counter(once.values())
    some = {photo: name for photo, name in once.items() if counts[name] >= _LEAST_PHOTOS}
    return some if len(set(some.values())) >= _LEAST_SPECIES else {}


def _features(
    encoder: ConvImageEncoder,
    card: ConvImageTower,
    photos: Sequence[Path],
    workers: int,
    progress: Progress,
) -> Iterator[Tensor]:
    """Means and largest values of the last maps, `[n, 2 * FEATURES]`, on the CPU."""
    device = encoder.head.weight.device
    encoder.eval()
    fused = device.type == "cpu" and can_fuse()
    network = FusedConvImageEncoder(encoder) if fused else encoder
    progress.begin("learning what is familiar", len(photos))

    def read(photo: Path) -> Tensor:
        return prepare_photo(load_photo(photo), card)

    with torch.no_grad(), closing(done_ahead(read, photos, workers, _PHOTOS_A_BATCH)) as prepared:
        while some := list(islice(prepared, _PHOTOS_A_BATCH)):
            (pixels,) = encoder_inputs(card, some, None, torch.float32)
            maps = network.feature_maps(pixels.to(device)).float()
            yield torch.cat([maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))], dim=1).cpu()
            progress.advance(len(some))
