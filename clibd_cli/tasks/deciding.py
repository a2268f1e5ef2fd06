"""How a run of `classify` gets from neighbours to names: the choice behind its options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from clibd_cli.calibration.features import NEIGHBOURS
from clibd_cli.core.errors import UsageError
from clibd_cli.core.flags import FAR
from clibd_cli.core.lineage import RANKS, UNLABELLED
from clibd_cli.core.records import Modality
from clibd_cli.tasks.calibrations import calibrations_for, calibrations_in
from clibd_cli.tasks.calls import Decide
from clibd_cli.tasks.naming import Naming, NamingMethod, name_by_nearest, name_by_vote
from clibd_cli.tasks.queries import Found, Searcher
from clibd_cli.tasks.trust import TrustedNaming
from clibd_cli.vectors.centres import Centres

METHODS = ("vote", "nearest")
_UNCALIBRATED = "the confidence is the share of the vote, not a probability"
_KINDS: dict[Modality, str] = {"image": "photo", "dna": "barcode", "text": "name"}

TARGET_PRECISION = 0.95
"""The share of names that shall be right at each rank."""


def check_method(method: str, target: float, k: int) -> None:
    """Refuse what no run can do.

    Raises:
        UsageError: for an unknown method, or a precision that nothing can have.
    """
    if method not in METHODS:
        raise UsageError(f"--method {method} is unknown", f"Choose one of {', '.join(METHODS)}.")
    if not 0.0 <= target < 1.0:
        raise UsageError(
            f"--target-precision is {target:g}, and must be from 0 to below 1",
            "Give for example 0.95, or 0 to leave no rank blank.",
        )
    if k < 1:
        raise UsageError(f"k is {k}, and must be 1 or more", "Ask for at least one neighbour.")


def decide_by(
    method: str,
    target: float,
    min_share: float,
    searcher: Searcher,
    k: int,
    modalities: Sequence[Modality],
    warn: Callable[[str], None],
) -> tuple[Decide, bool]:
    """What decides on names, and whether its confidence is calibrated.

    Args:
        modalities: of the queries, as far as they are known.
        min_share: for votes whose confidence is the share of the vote.
    """
    if method == "nearest":
        return _plain(name_by_nearest), False
    shares = _known_only(_plain(partial(name_by_vote, min_share=min_share if target > 0 else 0.0)))
    calibrations = calibrations_for(searcher.index, aligned=searcher.aligner is not None)
    if k < NEIGHBOURS:
        warn(f"with fewer than {NEIGHBOURS} neighbours, {_UNCALIBRATED}")
        return shares, False
    if not calibrations:
        warn(f"{_why_uncalibrated(searcher)}, so {_UNCALIBRATED}")
        return shares, False
    for modality in modalities:
        if modality not in calibrations:
            told = f"the index is not calibrated for queries by {_KINDS[modality]}: {_UNCALIBRATED}"
            several = calibrations.keys() & set(modalities)
            warn(f"{told}; what else is known of a specimen names it alone" if several else told)
    photos = "image" in searcher.index.modalities
    centres = Centres(searcher.index, "image") if photos else None
    trusted = TrustedNaming(calibrations, target, centres)

    def decide(evidence: Sequence[Found]) -> Naming:
        known = [found for found in evidence if found.specimen.modality in calibrations]
        return trusted(known) if known else shares(evidence)

    return _known_only(decide), True


def _known_only(decide: Decide) -> Decide:
    """Nothing is named by a sequence that is none of the gene."""

    def decide_on_known(evidence: Sequence[Found]) -> Naming:
        known = [found for found in evidence if not found.strange]
        if known:
            return decide(known)
        return Naming(UNLABELLED, dict.fromkeys(RANKS), 0, (FAR.word,))

    return decide_on_known


def _why_uncalibrated(searcher: Searcher) -> str:
    if calibrations_in(searcher.index.folder, searcher.index.header):
        return "the index is calibrated for other keys, or for another --align"
    return "the index is not calibrated (it has too few species, or an older clibd built it)"


def _plain(naming: NamingMethod) -> Decide:
    """A way of naming that looks at hits alone."""
    return lambda evidence: naming([found.hits for found in evidence])
