"""Where a new profile tower begins: the linear map that separates genera best.

Fisher's discriminant analysis in closed form, with the spread within genera shrunk towards its
mean, so that directions in which little was seen to vary do not count too much. It needs no
training steps, and finds the genus of species that it never saw more often than the identity of
aligned bases does, because it knows which positions vary within a genus (third codon positions
above all).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from clibd_cli.models.profile import ProfileDnaEncoder, base_codes, fit_profile, place

SHRINKAGE = 2.0
"""Added to the spread within genera, in units of its mean over all directions.

Less finds more genera of unseen species, more tells seen species apart better; from 1 to 3 both
change by less than a point (`benchmarks/barcode_vectors.py`).
"""

_MOST_A_GENUS = 30
"""Barcodes of one genus that are looked at: every genus weighs the same, and more tell little."""
_PROFILE_SAMPLE = 12_000
_BATCH = 512


def start_profile(
    encoder: ProfileDnaEncoder,
    barcodes: Sequence[str],
    genera: Sequence[str | None],
    shrinkage: float = SHRINKAGE,
) -> None:
    """Fit the profile to barcodes, and let the tower's direct map separate their genera.

    The hidden units add nothing yet. The same barcodes in the same order
    give the same tower.

    Args:
        genera: of the barcodes; where nobody knows the genus, None. Without any, barcodes are
            spread along their largest differences.
    """
    step = -(-len(barcodes) // _PROFILE_SAMPLE) or 1
    sample = barcodes[::step]
    chosen = list(_chosen(barcodes, genera)) or [(barcode, barcode) for barcode in sample]
    with torch.no_grad():
        encoder.frequencies.copy_(fit_profile(sample, len(encoder.frequencies), encoder.max_bases))
        spread = Spread([genus for _, genus in chosen], 4 * len(encoder.frequencies))
        for start in range(0, len(chosen), _BATCH):
            some = [barcode for barcode, _ in chosen[start : start + _BATCH]]
            codes = torch.from_numpy(base_codes(some, encoder.max_bases))
            spread.add(encoder.picture(place(codes, encoder.frequencies, encoder.gap_reach)))
        axes = spread.axes(len(encoder.direct.weight), shrinkage)
        encoder.direct.weight.zero_()
        encoder.direct.weight[: axes.shape[1]] = axes.T
        encoder.output.weight.zero_()
        encoder.output.bias.zero_()


class Spread:
    """Sums over pictures of barcodes, from which the map follows; pictures come in batches."""

    def __init__(self, genera: Sequence[str], width: int) -> None:
        """Start with nothing seen.

        Args:
            genera: of all the pictures to come, in their order.
            width: numbers in a picture.
        """
        places = {genus: place for place, genus in enumerate(dict.fromkeys(genera))}
        self._codes = torch.tensor([places[genus] for genus in genera], dtype=torch.int64)
        self._counts = torch.bincount(self._codes, minlength=len(places)).float()
        self._sums = torch.zeros(len(places), width)
        self._squares = torch.zeros(width, width)
        self._seen = 0

    def add(self, pictures: Tensor) -> None:
        """Take the next pictures, `[n, width]`."""
        codes = self._codes[self._seen : self._seen + len(pictures)]
        self._seen += len(pictures)
        self._sums.index_add_(0, codes, pictures)
        weighted = pictures / self._counts[codes].sqrt()[:, None]
        self._squares += weighted.T @ weighted

    @property
    def means(self) -> Tensor:
        """The mean picture of each, `[genera, width]`, in the order in which they came."""
        return self._sums / self._counts[:, None]

    def axes(self, dim: int, shrinkage: float = SHRINKAGE) -> Tensor:
        """The map `[width, at most dim]`, the most telling direction first.

        Its scale is such that mapped pictures are about as long as 1.
        """
        genera = len(self._counts)
        means = self.means
        within = (self._squares - means.T @ means) / genera
        total = self._squares / genera
        variances, directions = torch.linalg.eigh(within)
        least = shrinkage * variances.mean().clamp(min=1e-6)
        # What whitens the spread within genera, as far as it is known.
        whitening = (directions / (variances.clamp(min=0) + least).sqrt()) @ directions.T
        strengths, axes = torch.linalg.eigh(whitening @ total @ whitening)
        chosen = (whitening @ axes[:, -dim:]).flip(1)
        # The sign of an axis is the solver's whim: its largest part shall be positive.
        signs = chosen.gather(0, chosen.abs().argmax(dim=0, keepdim=True)).sign()
        length = strengths[-dim:].clamp(min=0).sum().sqrt().clamp(min=1e-6)
        scaled: Tensor = chosen * signs / length
        return scaled


def _chosen(barcodes: Sequence[str], genera: Sequence[str | None]) -> Iterator[tuple[str, str]]:
    """The first barcodes of each genus, with its name."""
    taken: Counter[str] = Counter()
    for barcode, genus in zip(barcodes, genera, strict=True):
        if genus and taken[genus] < _MOST_A_GENUS:
            taken[genus] += 1
            yield barcode, genus
