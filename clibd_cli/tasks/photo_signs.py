"""What a photo's vector says besides its hits, for `calibration.features`."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from clibd_cli.calibration.features import PhotoSigns
from clibd_cli.core.lineage import RANKS, Lineage
from clibd_cli.vectors.centres import Centres
from clibd_cli.vectors.leave_out import NOTHING, Without

if TYPE_CHECKING:
    import numpy as np


def photo_signs(
    vector: np.ndarray,
    strength: float,
    named: Lineage,
    centres: Centres | None,
    without: Without = NOTHING,
) -> PhotoSigns:
    """The strength of a photo, and how near it is to the middle of each name in `named`.

    Args:
        strength: NaN where it is unknown.
        centres: of the photos among the keys; None where there are none.
        without: keys that count as not there.
    """
    found = {
        rank: nearness
        for rank in RANKS
        if centres is not None
        and (name := named.at(rank))
        and (nearness := centres.similarity(vector, rank, name, without)) is not None
    }
    return PhotoSigns(None if isnan(strength) else strength, found)
