"""What training takes from the towers as they are before the first step.

Anchors: the vectors that a tower gave for its unvaried inputs. A tower that is anchored learns
only to give them for varied inputs, too, and the other towers come to it. So a DNA tower that
separates taxa well from the start keeps what it knows and learns to read half a barcode, while
photos and names are drawn into its space.

Proxies: the mean anchor of each taxon, where the heads of the ranks begin; so photos find the taxa
where their barcodes are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from clibd_cli.core.lineage import RANKS
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.core.records import Modality
from clibd_cli.models.device import default_batch_size
from clibd_cli.training.casting import Towers, encode_unit
from clibd_cli.training.settings_fields import TrainSettings
from clibd_cli.training.targets import NO_TAXON, Labelled, Targets

_SPREAD = 0.1
"""Length of the random part of a proxy, so that taxa of one parent without a mean differ."""


class Readable(Labelled, Protocol):
    """An example whose inputs can be had without reading a photo."""

    @property
    def words(self) -> str:
        """The taxonomic words."""


@dataclass(frozen=True, slots=True)
class Start:
    """Vectors of the towers before the first step.

    Attributes:
        anchors: unit vectors float32 [examples, dim] of each anchored kind; zero where an example
            has no input of the kind.
        proxies: unit vectors [taxa, dim] for each rank; empty where heads begin at random.
    """

    anchors: Mapping[Modality, Tensor] = field(default_factory=dict)
    proxies: Mapping[str, Tensor] = field(default_factory=dict)


def read_start(
    settings: TrainSettings,
    examples: Sequence[Readable],
    targets: Targets,
    towers: Towers,
    progress: Progress = SILENT,
) -> Start:
    """Encode what `settings.anchor` names, with the towers as they are."""
    towers.set_training(False)
    anchors = {
        modality: _vectors(modality, examples, towers, progress)
        for modality in towers.modules
        if modality in settings.anchor
    }
    proxies = {}
    if anchors and settings.taxon_weight:
        # Barcodes before names: where both are anchored, kinship counts more than spelling.
        proxies = _proxies(next(iter(anchors.values())), targets)
    return Start(anchors, proxies)


def _vectors(
    modality: Modality, examples: Sequence[Readable], towers: Towers, progress: Progress
) -> Tensor:
    inputs = [example.barcode if modality == "dna" else example.words for example in examples]
    places = [place for place, text in enumerate(inputs) if text]
    row_of: dict[str | None, int] = {}  # of each distinct text; many bear the same names
    rows = [row_of.setdefault(inputs[place], len(row_of)) for place in places]
    vectors = torch.zeros(len(examples), towers.dim)
    vectors[places] = _encoded(modality, list(row_of), towers, progress)[rows]
    return vectors


def _encoded(
    modality: Modality, texts: Sequence[str | None], towers: Towers, progress: Progress
) -> Tensor:
    """Unit vectors [texts, dim]; large data take minutes, so it is told how far it is."""
    size = default_batch_size(modality, next(towers.modules[modality].parameters()).device)
    progress.begin(f"anchors: {modality}", len(texts))
    parts = [torch.zeros(0, towers.dim)]
    for at in range(0, len(texts), size):
        some = texts[at : at + size]
        parts.append(torch.from_numpy(encode_unit(towers, modality, some, torch.float32, size)))
        progress.advance(len(some))
    return torch.cat(parts)


def _proxies(vectors: Tensor, targets: Targets) -> dict[str, Tensor]:
    """The mean direction of each taxon, or of what it belongs to, and a little chance."""
    # Of each example, the mean of its taxon at the nearest higher rank that it has.
    parents = torch.zeros_like(vectors)
    proxies: dict[str, Tensor] = {}
    for rank in RANKS:
        codes = torch.from_numpy(targets.taxa[rank])
        own = _means(vectors, codes, len(targets.names[rank]))
        own = torch.where(own.any(dim=1, keepdim=True), own, _means(parents, codes, len(own)))
        proxies[rank] = functional.normalize(own + _chance(own), dim=1)
        known = codes != NO_TAXON
        parents[known] = own[codes[known]]
    return proxies


def _means(vectors: Tensor, codes: Tensor, taxa: int) -> Tensor:
    """Unit mean directions [taxa, dim]; zero where there is nothing to take the mean of."""
    known = codes != NO_TAXON
    sums = torch.zeros(taxa, vectors.shape[1]).index_add_(0, codes[known], vectors[known])
    return functional.normalize(sums, dim=1)


def _chance(proxies: Tensor) -> Tensor:
    return _SPREAD * functional.normalize(torch.randn(proxies.shape), dim=1)
