"""How a run of `classify` gets from neighbours to names: the choice behind its options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from clibd_cli.calibration.features import NEIGHBOURS
from clibd_cli.core.errors import UsageError
from clibd_cli.core.flags import FAR
from clibd_cli.core.lineage import RANKS, UNLABELLED
from clibd_cli.core.records import Modality
from clibd_cli.tasks.calibrations import calibrations_for, calibrations_in
from clibd_cli.tasks.calls import Decide
from clibd_cli.tasks.finding import Found
from clibd_cli.tasks.naming import Naming, NamingMethod, name_by_nearest, name_by_vote
from clibd_cli.tasks.trust import TrustedNaming
from clibd_cli.vectors.centres import Centres
from clibd_cli.vectors.index import ReferenceIndex

METHODS = ("vote", "nearest")
_UNCALIBRATED = "the confidence is the share of the vote, not a probability"
_KINDS: dict[Modality, str] = {"image": "photo", "dna": "barcode", "text": "name"}

TARGET_PRECISION = 0.95
"""The share of names that shall be right at each rank."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How the user wants names to be decided.

    Attributes:
        method: `vote`, or `nearest` as in the paper.
        target_precision: of the names given at each rank, so many shall be right; 0 leaves nothing
            blank.
        min_share: for votes whose confidence is the share of the vote.
        k: neighbours that are heard.
        modalities: of the queries, as far as they are known.

    Raises:
        UsageError: for what no run can do: an unknown method, or a precision that nothing can have.
    """

    method: str
    target_precision: float
    min_share: float
    k: int
    modalities: tuple[Modality, ...]

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UsageError(
                f"--method {self.method} is unknown", f"Choose one of {', '.join(METHODS)}."
            )
        if not 0.0 <= self.target_precision < 1.0:
            raise UsageError(
                f"--target-precision is {self.target_precision:g}, and must be from 0 to below 1",
                "Give for example 0.95, or 0 to leave no rank blank.",
            )
        if self.k < 1:
            raise UsageError(
                f"k is {self.k}, and must be 1 or more", "Ask for at least one neighbour."
            )


def decide_by(
    rules: Rules, index: ReferenceIndex, aligned: bool, warn: Callable[[str], None]
) -> tuple[Decide, bool]:
    """What decides on names, and whether its confidence is calibrated.

    Args:
        aligned: whether barcodes are aligned with their references.
    """
    if rules.method == "nearest":
        return _plain(name_by_nearest), False
    least = rules.min_share if rules.target_precision > 0 else 0.0
    shares = _known_only(_plain(partial(name_by_vote, min_share=least)))
    calibrations = calibrations_for(index, aligned=aligned)
    if rules.k < NEIGHBOURS:
        warn(f"with fewer than {NEIGHBOURS} neighbours, {_UNCALIBRATED}")
        return shares, False
    if not calibrations:
        warn(f"{_why_uncalibrated(index)}, so {_UNCALIBRATED}")
        return shares, False
    for modality in rules.modalities:
        if modality not in calibrations:
            told = f"the index is not calibrated for queries by {_KINDS[modality]}: {_UNCALIBRATED}"
            several = calibrations.keys() & set(rules.modalities)
            warn(f"{told}; what else is known of a specimen names it alone" if several else told)
    photos = "image" in index.modalities
    centres = Centres(index, "image") if photos else None
    trusted = TrustedNaming(calibrations, rules.target_precision, centres)

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


def _why_uncalibrated(index: ReferenceIndex) -> str:
    if calibrations_in(index.folder, index.header):
        return "the index is calibrated for other keys, or for another --align"
    return "the index is not calibrated (it has too few species, or an older clibd built it)"


def _plain(naming: NamingMethod) -> Decide:
    """A way of naming that looks at hits alone."""
    return lambda evidence: naming([found.hits for found in evidence])
