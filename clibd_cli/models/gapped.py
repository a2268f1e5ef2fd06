"""Laying barcodes on the profile with gaps, where without them a part does not fit.

One base too many or too few, as some sequencers add or lose them, shifts all that follows by one,
and shifted bases fit no better than chance. So what fits well along its whole length is left as it
lies; for the rest, the best path along the profile is searched, which may change its shift at a
price (Viterbi's algorithm; positions without a base stay unknown, bases without a position are left
out).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

UNKNOWN = 4
"""The code of a base that is not A, C, G or T, and of padding."""

_WINDOW = 40
"""Positions that must fit together. Measured with the profile of 50,000 real barcodes: below chance
in some window are 1.7 % of them, and 98 % once a base is lost or two are added."""

_GAP_PRICE = 12.0
"""What a change of the shift costs, as log-odds: what 9 bases that fit gain over 9 that do not."""


def needs_gaps(placed: Tensor, scores: Tensor) -> Tensor:
    """Which of the placed barcodes `[batch, positions]` fit nowhere in some window: boolean.

    Args:
        scores: log-odds `[positions, 4]` of each base at each position.
    """
    if placed.shape[1] < _WINDOW:
        return torch.zeros(len(placed), dtype=torch.bool, device=placed.device)
    fits = _scores_of(placed, scores)
    sums = functional.avg_pool1d(fits[:, None], _WINDOW, 1)[:, 0]
    known = functional.avg_pool1d((placed != UNKNOWN).float()[:, None], _WINDOW, 1)[:, 0]
    return ((sums < 0) & (known > 0.7)).any(dim=1)


def lay_with_gaps(codes: Tensor, places: Tensor, scores: Tensor, reach: int) -> Tensor:
    """Barcodes on the profile by their best path: `[batch, positions]` codes.

    Args:
        codes: `[batch, bases]`, on the strand of the profile.
        places: `[batch]`, the position of each first base without gaps.
        scores: log-odds `[positions, 4]`.
        reach: how far the shift may go from there, to either side.
    """
    positions, width = len(scores), codes.shape[1]
    shifts = torch.arange(-reach, reach + 1, device=codes.device)
    at = torch.arange(positions, device=codes.device)
    index = at[None, :, None] - places[:, None, None] + shifts[None, None, :]
    inside = (index >= 0) & (index < width)
    flat = index.clamp(0, width - 1).flatten(1)
    found = codes.gather(1, flat).view(index.shape)
    found = torch.where(inside, found, torch.full_like(found, UNKNOWN))
    bases = _scores_of(found.transpose(1, 2).reshape(-1, positions), scores)
    gains = bases.view(len(codes), len(shifts), positions).permute(2, 0, 1)
    path = _best_path(gains)
    chosen = found.gather(2, path[:, :, None])[:, :, 0]
    return _each_base_once(chosen, index.gather(2, path[:, :, None])[:, :, 0])


def _best_path(gains: Tensor) -> Tensor:
    """The shift at each position, `[batch, positions]`, from gains `[positions, batch, shifts]`.

    In NumPy: so many small steps take ten times as long in torch, more where another thread is
    busy, since each of them has to get the interpreter back.
    """
    import numpy as np

    steps = gains.detach().cpu().numpy()
    positions, batch, _ = steps.shape
    came = np.zeros((positions, batch), np.int64)
    jumped = np.zeros(steps.shape, np.bool_)
    totals = steps[0]
    for at in range(1, positions):
        floor = totals.max(axis=1, keepdims=True) - np.float32(_GAP_PRICE)
        came[at] = totals.argmax(axis=1)
        np.less(totals, floor, out=jumped[at])
        totals = np.maximum(totals, floor) + steps[at]
    path = np.empty((batch, positions), np.int64)
    shift = totals.argmax(axis=1)
    rows = np.arange(batch)
    for at in range(positions - 1, 0, -1):
        path[:, at] = shift
        shift = np.where(jumped[at, rows, shift], came[at], shift)
    path[:, 0] = shift
    return torch.from_numpy(path).to(gains.device)


def _each_base_once(chosen: Tensor, index: Tensor) -> Tensor:
    """Where bases are missing the path stands still: those positions have no base."""
    before = functional.pad(index.cummax(dim=1).values[:, :-1], (1, 0), value=-(1 << 30))
    return torch.where(index > before, chosen, torch.full_like(chosen, UNKNOWN))


def _scores_of(placed: Tensor, scores: Tensor) -> Tensor:
    """The log-odds of each base `[batch, positions]` at its position; 0 where there is none."""
    padded = functional.pad(scores, (0, 1))
    at = torch.arange(len(scores), device=placed.device)
    return padded[at[None, :], placed.long()]
