"""A calibration as it lies beside an index: probabilities, thresholds and the proof of both."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from clibd_cli.calibration.features import Features, Neighbourhood
from clibd_cli.calibration.logistic import Logistic
from clibd_cli.core.lineage import Lineage
from clibd_cli.core.records import Modality
from clibd_cli.core.typed_json import read_as

LearntFrom = Literal["references", "held out", "model"]

FILE = "calibration.json"
FORMAT_VERSION = 3
BINS = 10

PER_SPECIES = 8
"""Specimens of a species that are asked, so that no common species speaks for all."""

_LEAST = 0.5
_RESERVE = 0.1
_OF_FEW = 2.0
"""The share of the allowed errors that is kept in reserve: new species come in groups of relatives,
so a sample of the references promises more than it can hold; and the fewer of them were asked, the
more one that looks just like a known one counts. Found with photos of 19 new species each
(`benchmarks/kept_back_photos.py`)."""


@dataclass(frozen=True, slots=True)
class Step:
    """What happens when names below a threshold are left blank.

    Attributes:
        precision: the share of right names among those that pass.
        known, new: the share of queries that pass, of species that the references have and of new
            ones.
    """

    threshold: float
    precision: float
    known: float
    new: float


@dataclass(frozen=True, slots=True)
class Bin:
    """A row of the table of reliability: what was promised and what was found.

    Attributes:
        n, share: how many names of these probabilities there were, and what share of all.
        promised: their mean probability.
        found: the share that is right.
    """

    n: int
    share: float
    promised: float
    found: float


@dataclass(frozen=True, slots=True)
class RankCalibration:
    """How likely a name at one rank is right.

    Attributes:
        single: whether all that were asked bear one name here, so that nothing is known of others.
    """

    curve: Logistic
    single: bool
    steps: tuple[Step, ...]
    reliability: tuple[Bin, ...]

    def threshold(self, target: float, reserve: float = _RESERVE) -> float:
        """The probability from which names are given so that `target` of them are right.

        A name that is rather wrong than right is never given for a target; above 1 where no
        threshold will do.

        Args:
            reserve: the share of the allowed errors that is left for what was not foreseen.
        """
        if target <= 0:
            return 0.0
        aim = target + reserve * (1.0 - target)
        enough = [step for step in self.steps if step.precision >= aim]
        if not enough:
            enough = [step for step in self.steps if step.precision >= target][-1:]
        return max(_LEAST, enough[0].threshold) if enough else 2.0

    @property
    def error(self) -> float:
        """The expected calibration error."""
        return sum(one.share * abs(one.promised - one.found) for one in self.reliability)


@dataclass(frozen=True, slots=True)
class Calibration:
    """How likely names are right for one kind of query among one selection of keys.

    Attributes:
        aligned: whether barcodes are aligned with their references.
        representatives: whether the keys are but a few of the references.
        asked: how many references were asked without themselves, their species, their genus.
        far: the similarity below which a query resembles no reference.
        new_species: how many distinct ones were asked.
        learnt_from: the references themselves, specimens that are none of them, or those that the
            makers of the model kept back.
        least_bases: of barcodes, how many bases must be compared for this calibration to hold; up
            to where the next one begins.
        novelty: how likely the species of a query is none of the references'.
    """

    query: Modality
    keys: tuple[Modality, ...]
    aligned: bool
    representatives: bool
    asked: dict[str, int]
    far: float
    ranks: dict[str, RankCalibration]
    new_species: int
    learnt_from: LearntFrom
    least_bases: int
    novelty: Logistic

    def threshold(self, rank: str, target: float) -> float:
        """The probability from which names at `rank` are given (`RankCalibration.threshold`)."""
        reserve = max(_RESERVE, _OF_FEW / math.sqrt(self.new_species))
        return self.ranks[rank].threshold(target, min(reserve, 1.0))

    def probability(self, near: Neighbourhood, rank: str, named: Lineage) -> float | None:
        """How likely the name in `named` at `rank` is right; None where that was not learnt."""
        name = named.at(rank)
        if rank not in self.ranks or not name or not near.hits:
            return None
        return _chance(self.ranks[rank].curve, near.features(rank, name))

    def chance_of_new(self, near: Neighbourhood, named: Lineage) -> float | None:
        """How likely the query is of a species that no reference is of; None without a name.

        That is more than the chance that its name is wrong: of a short barcode several species
        may have an equal one.
        """
        if not named.species or not near.hits:
            return None
        return _chance(self.novelty, near.features("species", named.species))


def _chance(curve: Logistic, numbers: Features) -> float | None:
    # References of unknown strength have not told what it means.
    numbers = numbers[: len(curve.mean)]
    if len(numbers) != len(curve.mean):
        return None
    return curve.probability(numbers)


def to_json(calibrations: Sequence[Calibration]) -> str:
    """The calibrations of an index as text."""
    facts = {
        "format_version": FORMAT_VERSION,
        "calibrations": [asdict(calibration) for calibration in calibrations],
    }
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":")) + "\n"


def from_json(text: str) -> tuple[Calibration, ...]:
    """Read what `to_json` wrote.

    Returns:
        None of them where an older clibd wrote it, which looked at other things.

    Raises:
        BAD_JSON (`core.typed_json`): where it is something else.
    """
    facts: Mapping[str, Any] = json.loads(text)
    if facts["format_version"] < FORMAT_VERSION:
        return ()
    if facts["format_version"] != FORMAT_VERSION:
        raise ValueError(f"it has the format {facts['format_version']}")
    return tuple(_calibration(one) for one in facts["calibrations"])


def _calibration(facts: Any) -> Calibration:
    read: Calibration = read_as(Calibration, facts)
    if not {"species", "genus"} <= read.asked.keys() or read.new_species < 1:
        raise ValueError("it does not say how many species and genera were asked")
    if not all(rank.steps for rank in read.ranks.values()):
        raise ValueError("it has no thresholds")
    for curve in (read.novelty, *(rank.curve for rank in read.ranks.values())):
        hinges = (len(curve.weights) - 1) / (1 + len(curve.knots))
        sizes = {len(curve.scale), *map(len, curve.knots), hinges}
        if sizes != {len(curve.mean)} or 0 in curve.scale:
            raise ValueError("its curves are of odd sizes")
    return read
