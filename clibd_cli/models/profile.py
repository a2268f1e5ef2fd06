"""A DNA tower that lays each barcode on a profile of the barcode region before it reads it.

The profile holds how often each base stands at each position of the region. A barcode, or its
reverse complement, is slid along it to where it fits best. Then every position says which base it
has, compared with what is usual there, or nothing where the read does not reach. So a shifted, cut
or reverse-complemented read gives the same picture as far as it goes, and bases are compared
position by position, as in an alignment.

A linear map turns the picture into a vector, and hidden units guess what the bases that are missing
would have added; their part grows with the share that is missing, so that a whole barcode is judged
by its bases alone.

COI has few insertions and deletions, but sequencers make some: `gapped` sees to those. What all
this is worth beside k-mers and plain identity: `benchmarks/barcode_vectors.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from clibd_cli.models.cards import ProfileDnaTower
from clibd_cli.models.gapped import UNKNOWN, lay_with_gaps, needs_gaps

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LEAST_FREQUENCY = 0.05
"""Added to frequencies before their logarithm: a rare base speaks against a place."""
_CHANCE = 0.3
"""How usual the base at a wrong position is, about, in a region that is rich in A and T."""
_LEAST_OVERLAP = 1 / 3
"""Share of a barcode, or of the profile if it is shorter, that must lie on the other.

Without it, a sequence that resembles nothing would lie where it touches the profile least.
"""
_NEAR = 64
"""Bases from the profile's beginning within which most barcodes begin."""
_SURELY = 0.6
"""Log-odds a base, in the mean, from which a barcode lies right: at most 0.07 is a chance match, on
the reverse complement, too, and the right place of a whole barcode has 0.7 to 1.0."""
_PICTURE_LENGTH = 30.0
"""Length of the picture of a barcode, so that its values are about one."""
_ROUNDS = 3
_BATCH = 512
_FFT_STEP = 512
"""Multiples of it have small factors, and so quick Fourier transforms; the next power of two would
be up to twice as long."""


def base_codes(barcodes: Sequence[str], max_bases: int) -> NDArray[np.uint8]:
    """Codes `[n, longest]`: A, C, G, T are 0 to 3, all else and padding 4.

    Args:
        max_bases: what of a barcode is read; the rest is cut off.
    """
    import numpy as np

    cut = [barcode[:max_bases] for barcode in barcodes]
    longest = max((len(barcode) for barcode in cut), default=0) or 1
    text = "".join(barcode.ljust(longest, "N") for barcode in cut)
    letters = np.frombuffer(text.encode("ascii", "replace"), np.uint8)
    table = np.full(256, UNKNOWN, np.uint8)
    for code, letter in enumerate(b"ACGT"):
        table[letter] = code
    return table[letters].reshape(len(cut), longest)


class ProfileDnaEncoder(nn.Module):
    """Places barcodes on the profile, and maps what it sees into the shared space.

    Attributes:
        frequencies: `[positions, 4]`, of the barcodes that the tower was trained with.
        dropout: on the hidden units, for training; 0 unless the trainer sets it.
    """

    frequencies: Tensor

    def __init__(self, tower: ProfileDnaTower) -> None:
        super().__init__()
        self.max_bases = tower.max_bases
        self.gap_reach = tower.gap_reach
        self.register_buffer("frequencies", torch.full((tower.positions, 4), 0.25))
        self.hidden = nn.Linear(4 * tower.positions, tower.hidden)
        self.norm = nn.LayerNorm(tower.hidden)
        self.dropout = nn.Dropout(0.0)
        self.output = nn.Linear(tower.hidden, tower.output_dim)
        self.direct = nn.Linear(4 * tower.positions, tower.output_dim, bias=False)

    def forward(self, codes: Tensor) -> Tensor:
        """Base codes `[batch, bases]` to vectors `[batch, output_dim]` in float32."""
        placed = place(codes, self.frequencies.float(), self.gap_reach)
        picture = self.picture(placed).to(self.hidden.weight.dtype)
        hidden = self.dropout(functional.gelu(self.norm(self.hidden(picture))))
        missing = (placed == UNKNOWN).to(picture.dtype).mean(dim=1, keepdim=True)
        vector: Tensor = self.direct(picture) + missing * self.output(hidden)
        return vector.float()

    def picture(self, placed: Tensor) -> Tensor:
        """What stands at each position, less what is usual: `[batch, 4 * positions]`, float32.

        Args:
            placed: codes on the profile (`place`).
        """
        bases = functional.one_hot(placed.long(), 5)[..., :4].float()
        known = (placed != UNKNOWN)[..., None]
        seen = ((bases - self.frequencies.float()) * known).flatten(1)
        return functional.normalize(seen, dim=-1) * _PICTURE_LENGTH


def fit_profile(barcodes: Sequence[str], positions: int, max_bases: int) -> Tensor:
    """Frequencies `[positions, 4]` of the bases at each position of the region.

    Starts from the barcodes of the most common length, which are taken to begin together, then
    places all barcodes on what they gave, a few times.
    """
    lengths = Counter(len(barcode) for barcode in barcodes)
    common = max(lengths, key=lambda length: (lengths[length], length), default=0)
    alike = [barcode for barcode in barcodes if len(barcode) == common]
    codes = torch.from_numpy(base_codes(alike, positions))
    usual = _frequencies(functional.pad(codes, (0, positions - codes.shape[1]), value=UNKNOWN))
    for _ in range(_ROUNDS):
        placed = [
            place(torch.from_numpy(base_codes(barcodes[start : start + _BATCH], max_bases)), usual)
            for start in range(0, len(barcodes), _BATCH)
        ]
        usual = _frequencies(torch.cat(placed)) if placed else usual
    return usual


def place(codes: Tensor, usual: Tensor, gap_reach: int = 0) -> Tensor:
    """Barcodes on the profile: `[batch, bases]` codes to `[batch, positions]` codes.

    Each barcode lies where it fits the profile best, as it is or reverse-complemented, and a third
    of it at least lies there; positions that it does not reach are UNKNOWN, and bases that the
    profile does not reach are left out.

    Args:
        gap_reach: how many bases a barcode may have lost or gained in all; 0 looks for no gaps.
    """
    scores = torch.log((usual + _LEAST_FREQUENCY) / (1 + 4 * _LEAST_FREQUENCY) * 4)
    at_start = _places_near_start(codes, scores)
    placed = _laid(codes, at_start.places, len(usual))
    others = at_start.scores < _SURELY * (codes != UNKNOWN).sum(dim=1)
    if others.any():
        placed[others] = _placed_anywhere(codes[others], scores)
    odd = needs_gaps(placed, scores) if gap_reach else None
    if odd is not None and odd.any():
        placed[odd] = _placed_with_gaps(codes[odd], usual, scores, gap_reach)
    return placed


def _placed_anywhere(codes: Tensor, scores: Tensor) -> Tensor:
    forward, reverse = _best_places(codes, scores)
    placed = _laid(codes, forward.places, len(scores))
    # On the reverse complement of the profile; turned round, it lies on the profile itself.
    turned = _turned(_laid(codes, reverse.places, len(scores)))
    return torch.where((forward.scores >= reverse.scores)[:, None], placed, turned)


def _placed_with_gaps(codes: Tensor, usual: Tensor, scores: Tensor, gap_reach: int) -> Tensor:
    """Barcodes on the profile, first where most of their parts seem to lie.

    Parts that are shifted count for nothing there, while their log-odds would count against it.
    """
    forward, reverse = _best_places(codes, usual - _CHANCE)
    is_forward = forward.scores >= reverse.scores
    shift = len(usual) - codes.shape[1] - reverse.places
    places = torch.where(is_forward, forward.places, shift)
    oriented = torch.where(is_forward[:, None], codes, _turned(codes))
    return lay_with_gaps(oriented, places, scores, gap_reach)


def _turned(codes: Tensor) -> Tensor:
    """The reverse complement, with the padding in front."""
    return torch.where(codes == UNKNOWN, codes, 3 - codes).flip(1)


class _Fit:
    """How well each barcode of a batch fits at best, and at which position its first base lies."""

    def __init__(self, sums: Tensor, positions: int) -> None:
        self.scores, at = sums.max(dim=1)
        self.places = positions - 1 - at


def _places_near_start(codes: Tensor, scores: Tensor) -> _Fit:
    """The best fit of each barcode with its first base near that of the profile.

    There most barcodes begin, and a product of matrices tells so in a tenth of the time.
    """
    bases = functional.one_hot(codes.long(), 5)[..., :4].to(scores.dtype).flatten(1)
    padding = (0, 0, _NEAR, _NEAR + codes.shape[1])
    windows = functional.pad(scores, padding).unfold(0, codes.shape[1], 1)[: 2 * _NEAR + 1]
    # Row by row the profile as a barcode sees it, whose first base lies from _NEAR to -_NEAR.
    kernel = windows.transpose(1, 2).flatten(1)
    return _Fit((bases @ kernel.T).flip(1), _NEAR + 1)


def _best_places(codes: Tensor, scores: Tensor) -> tuple[_Fit, _Fit]:
    """The best fit of each barcode on the profile and on its reverse complement.

    All offsets at once, by the convolution theorem.
    """
    positions, reach = len(scores), codes.shape[1] + len(scores) - 1
    size = -(-reach // _FFT_STEP) * _FFT_STEP
    bases = functional.one_hot(codes.long(), 5)[..., :4].to(scores.dtype).transpose(1, 2)
    spectrum = torch.fft.rfft(bases, size)
    possible = _overlaps_enough(codes, positions, reach)
    fits = []
    for profile in (scores, scores.flip(0, 1)):
        kernel = torch.fft.rfft(profile.T.flip(1), size)
        sums = torch.fft.irfft((spectrum * kernel).sum(dim=1), size)[:, :reach]
        fits.append(_Fit(sums.masked_fill(~possible, -torch.inf), positions))
    return fits[0], fits[1]


def _overlaps_enough(codes: Tensor, positions: int, reach: int) -> Tensor:
    """Where enough of each barcode lies on the profile: boolean `[batch, reach]`, by offset."""
    count = torch.arange(1, codes.shape[1] + 1, device=codes.device)
    lengths = ((codes != UNKNOWN) * count).amax(dim=1, keepdim=True)
    first = positions - 1 - torch.arange(reach, device=codes.device)
    overlap = (first + lengths).clamp(max=positions) - first.clamp(min=0)
    return overlap >= _LEAST_OVERLAP * lengths.clamp(max=positions)


def _laid(codes: Tensor, places: Tensor, positions: int) -> Tensor:
    at = torch.arange(positions, device=codes.device) - places[:, None]
    inside = (at >= 0) & (at < codes.shape[1])
    found = codes.gather(1, at.clamp(0, codes.shape[1] - 1))
    return torch.where(inside, found, torch.full_like(found, UNKNOWN))


def _frequencies(placed: Tensor) -> Tensor:
    counts = torch.stack([(placed == base).sum(dim=0) for base in range(4)], dim=1).float()
    return (counts + 0.25) / (counts.sum(dim=1, keepdim=True) + 1)
