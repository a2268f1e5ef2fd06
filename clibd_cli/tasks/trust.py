"""Names with a calibrated confidence, and blanks where that is too low.

The vote proposes a lineage; what the index learnt from its own references says how likely each of
its names is right; and a rank is filled where enough of such names are right for the precision
that was asked for. A photo and a barcode of one specimen are weighed on that common scale.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clibd_cli.calibration.curves import Calibration
from clibd_cli.calibration.features import NEIGHBOURS, Neighbourhood
from clibd_cli.calibration.lengths import bases_compared
from clibd_cli.core.flags import CONFLICT, FAR, FEW, NEW_SPECIES
from clibd_cli.core.lineage import RANKS, Lineage
from clibd_cli.core.records import Modality
from clibd_cli.tasks.naming import Naming, never_rising, support, vote
from clibd_cli.tasks.photo_signs import photo_signs

if TYPE_CHECKING:
    from clibd_cli.tasks.finding import Found
    from clibd_cli.vectors.centres import Centres

_SUSPECT = 0.8
"""Probability of a new species, where its genus is named, from which it is suspected."""
_SURE = 0.95
"""Probability from which a photo and a barcode can contradict each other."""


@dataclass(frozen=True, slots=True)
class _Opinion:
    """What one kind of evidence says.

    Attributes:
        chances: how likely each name of its lineage is right.
        bars: how likely that must be for the name to be given.
        new: how likely the species is a new one.
        far: whether it resembles no reference.
    """

    modality: Modality
    lineage: Lineage
    chances: dict[str, float | None]
    bars: dict[str, float]
    new: float | None
    far: bool


class TrustedNaming:
    """Names as deep as the evidence goes, for a target precision.

    Args:
        calibrations: of the index, by the modality of the query; those of barcodes by rising
            length.
        target: the share of names that shall be right at each rank; 0 leaves nothing blank.
        centres: of the photos among the keys, where there are some.
    """

    def __init__(
        self,
        calibrations: Mapping[Modality, Sequence[Calibration]],
        target: float,
        centres: Centres | None = None,
    ) -> None:
        self._calibrations = calibrations
        self._centres = centres
        self._target = target
        self._bars = {
            (modality, one.least_bases, rank): one.threshold(tried, target)
            for modality, several in calibrations.items()
            for one in several
            for rank in RANKS
            if (tried := _tried(one, rank)) is not None
        }

    def __call__(self, evidence: Sequence[Found]) -> Naming:
        """The name of one specimen, from its photo, its barcode, or both."""
        opinions = [self._opinion(found) for found in evidence]
        lineage, chances, bars = _merge(opinions)
        far = all(one.far for one in opinions)
        contradicted, conflict = _conflict(opinions)
        names: dict[str, str | None] = dict.fromkeys(RANKS)
        confidence: dict[str, float | None] = dict.fromkeys(RANKS)
        for rank in RANKS:
            if rank == contradicted:
                break  # the two are of different animals: what they share is all that can be said
            chance, name = chances[rank], lineage.at(rank)
            if name is None and any(lineage.at(finer) for finer in RANKS[RANKS.index(rank) :]):
                continue  # nobody named this rank; the finer name may stand all the same
            if name is None or (chance is None and self._target > 0):
                break
            if self._target > 0 and (far or (chance or 0.0) < bars[rank]):
                break
            names[rank], confidence[rank] = name, chance
        kept = Lineage(**names)
        carried = support(kept, [hit for found in evidence for hit in found.hits])
        flags = _flags(kept, opinions, carried, far, bool(conflict))
        return Naming(kept, confidence, carried, tuple(flags), conflict)

    def _opinion(self, found: Found) -> _Opinion:
        hits = found.hits[:NEIGHBOURS]
        named, _ = vote([hits], min_share=0.0)
        modality = found.specimen.modality
        calibration = self._calibration(found)
        photo = None
        if found.vector is not None:
            photo = photo_signs(found.vector, found.strength, named, self._centres)
        near = Neighbourhood(hits, photo)
        chances: dict[str, float | None] = {}
        for rank in RANKS:
            tried = _tried(calibration, rank)
            chances[rank] = calibration.probability(near, tried, named) if tried else None
        least = calibration.least_bases
        bars = {rank: self._bars.get((modality, least, rank), 2.0) for rank in RANKS}
        new = calibration.chance_of_new(near, named)
        far = max((hit.similarity for hit in found.hits), default=-1.0) < calibration.far
        return _Opinion(modality, named, never_rising(chances), bars, new, far)

    def _calibration(self, found: Found) -> Calibration:
        """The one for as many bases as are compared, or for fewer, or the one that comes nearest.

        A promise for short barcodes holds for longer ones.
        """
        several = self._calibrations[found.specimen.modality]
        if len(several) == 1:
            return several[0]
        bases = bases_compared(found.specimen.content, found.hits)
        fitting = [one for one in several if one.least_bases <= bases]
        return fitting[-1] if fitting else several[0]


def _flags(
    named: Lineage, opinions: Sequence[_Opinion], carried: int, far: bool, conflict: bool
) -> Iterator[str]:
    if conflict:
        yield CONFLICT.word
    new = min((one.new for one in opinions if one.new is not None), default=0.0)
    if named.genus and not named.species and new >= _SUSPECT:
        yield NEW_SPECIES.word
    if far:
        yield FAR.word
    if named and carried < 2:
        yield FEW.word


def _tried(calibration: Calibration, rank: str) -> str | None:
    """The rank whose calibration speaks for `rank`: the next finer one where it knows one name.

    Where all references are moths, a photo of a fly is a moth as surely as any; only that its
    family is sure, too, makes it one.
    """
    for finer in RANKS[RANKS.index(rank) :]:
        if finer in calibration.ranks and not calibration.ranks[finer].single:
            return finer
    return rank if rank in calibration.ranks else None


def _merge(
    opinions: Sequence[_Opinion],
) -> tuple[Lineage, dict[str, float | None], dict[str, float]]:
    """One lineage: at each rank the likelier name, whose side alone is heard below.

    Returns:
        The lineage, how likely each name is right, and how likely it must be to be given.
    """
    if len(opinions) == 1:
        return opinions[0].lineage, opinions[0].chances, opinions[0].bars
    names: dict[str, str | None] = dict.fromkeys(RANKS)
    chances: dict[str, float | None] = dict.fromkeys(RANKS)
    bars = dict.fromkeys(RANKS, 2.0)
    heard = list(opinions)
    most = 1.0  # below a contradiction, nothing is surer than how that was settled
    for rank in RANKS:
        options = {
            name: _weigh(name, rank, heard) for one in heard if (name := one.lineage.at(rank))
        }
        if options:
            best = max(options, key=lambda name: options[name][0] or 0.0)
            names[rank] = best
            chance, bars[rank] = options[best]
            if chance is not None:
                most = min(most, chance) if len(options) > 1 else most
                chances[rank] = min(chance, most)
            heard = [one for one in heard if one.lineage.at(rank) in {best, None}]
    return Lineage(**names), never_rising(chances), bars


def _weigh(name: str, rank: str, heard: Sequence[_Opinion]) -> tuple[float | None, float]:
    """How likely `name` is, and how likely it must be, by the best of the witnesses for it.

    That two of them agree adds nothing: of a new species, photo and barcode name the same relative.
    Those that say otherwise count against it, each as far as it is sure.
    """
    witnesses = [
        (chance, one.bars[rank])
        for one in heard
        if one.lineage.at(rank) == name and (chance := one.chances[rank]) is not None
    ]
    if not witnesses:
        return None, 2.0
    chance, bar = max(witnesses, key=lambda witness: witness[0] - witness[1])
    sure = min(max(chance, 1e-6), 1.0 - 1e-6)
    odds = sure / (1.0 - sure)
    for one in heard:
        if one.lineage.at(rank) not in {name, None}:
            odds *= 1.0 - min(one.chances[rank] or 0.0, 1.0 - 1e-6)
    return odds / (1.0 + odds), bar


def _conflict(opinions: Sequence[_Opinion]) -> tuple[str, str]:
    """Where a photo and a barcode surely contradict each other, order or family, and both answers.

    Both are empty where they do not.
    """
    for rank in RANKS[:2]:
        sure = {
            one.lineage.at(rank)
            for one in opinions
            if one.lineage.at(rank) and (one.chances[rank] or 0.0) >= _SURE
        }
        if len(sure) > 1:
            return rank, "; ".join(f"{one.modality}: {_words(one.lineage)}" for one in opinions)
    return "", ""


def _words(lineage: Lineage) -> str:
    return " ".join(filter(None, (lineage.at(rank) for rank in RANKS))) or "no name"
