"""Calibrating an index with its own references, each asked as if it were unknown.

What `classify` will do to a query is done to a sample of the references: search, alignment, vote.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from clibd_cli.calibration.curves import Calibration
from clibd_cli.calibration.features import NEIGHBOURS, PhotoSigns
from clibd_cli.calibration.fitting import LEAST, MIXTURE, Asked, Left, fit_calibration
from clibd_cli.calibration.lengths import bases_compared, range_of
from clibd_cli.core.lineage import Lineage
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.core.records import Hit, Modality, Specimen
from clibd_cli.tasks.aligning import CANDIDATES, Aligner
from clibd_cli.tasks.asking import Query, pieces, sample
from clibd_cli.tasks.naming import name_by_vote
from clibd_cli.tasks.photo_signs import photo_signs
from clibd_cli.vectors.centres import Centres
from clibd_cli.vectors.index import ReferenceIndex, nearest_of
from clibd_cli.vectors.leave_out import LeaveOut, Without

if TYPE_CHECKING:
    from clibd_cli.tasks.asking import Encode

Round = Literal["specimen", "species", "genus", "held out"]
LEFT: tuple[Round, ...] = ("specimen", "species", "genus")
"""What is left out in turn when the references are asked themselves."""

HELD_OUT: tuple[Round, ...] = ("held out",)

_BLOCK = 256
_AT_LEAST: dict[Modality, int] = {"dna": CANDIDATES}


def calibrate_index(
    folder: Path,
    source: Path | None = None,
    held_out: bool = False,
    queries: Sequence[Modality] | None = None,
    encode: Encode | None = None,
    seed: int = 0,
    progress: Progress = SILENT,
) -> list[Calibration]:
    """Learn from specimens of known name how likely the names that `folder` gives are right.

    Args:
        source: the index that is asked from; its own references if None.
        held_out: they are no references of `folder` and stand for none there: each is asked once,
            as it is. Else each is asked without itself, without its species, without its genus.
        queries: the kinds of references that are asked; all that `source` has if None.
        encode: for pieces of barcodes, which are asked, too; without it, only whole ones are.

    Returns:
        One for each kind of query, selection of keys that `classify` may be asked for, and range
        of lengths, where there are enough references.
    """
    keys = ReferenceIndex(folder, barcodes=True)
    asking = keys if source is None else ReferenceIndex(source, barcodes=True)
    samples = {
        modality: sample(asking, keys, modality, seed)
        for modality in (asking.modalities if queries is None else queries)
    }
    if encode is not None and asking.has_barcodes and len(samples.get("dna", ())) >= LEAST:
        samples["dna"] += pieces(samples["dna"], encode, seed)
    judge = _Judge(keys, HELD_OUT if held_out else LEFT, progress)
    progress.begin("calibrating", len(judge.rounds) * sum(map(len, samples.values())))
    return [fitted for m, sample in samples.items() for fitted in judge.calibrations(m, sample)]


class _Judge:
    """Asks references, and learns from the answers."""

    def __init__(self, keys: ReferenceIndex, rounds: Sequence[Round], progress: Progress) -> None:
        self.rounds = rounds
        self._keys = keys
        self._search = LeaveOut(keys)
        self._aligner = Aligner(keys) if keys.has_barcodes else None
        self._centres = Centres(keys, "image") if "image" in keys.modalities else None
        self._progress = progress
        self._selections: list[tuple[Modality, ...]] = [(m,) for m in keys.modalities]
        if len(keys.modalities) > 1:
            self._selections.append(keys.modalities)

    def calibrations(self, modality: Modality, sample: Sequence[Query]) -> Iterator[Calibration]:
        """One for each selection of keys and range of lengths."""
        asked: dict[tuple[tuple[Modality, ...], int], list[Asked]] = defaultdict(list)
        for start in range(0, len(sample), _BLOCK):
            block = sample[start : start + _BLOCK]
            for left in self.rounds:
                for selection, least, answer in self._ask(block, left):
                    asked[selection, least].append(answer)
                self._progress.advance(len(block))
        for (selection, least), answers in sorted(asked.items(), key=lambda item: item[0][1]):
            aligned = modality == "dna" and "dna" in selection and self._aligner is not None
            own = self.rounds != HELD_OUT
            mixture = MIXTURE if own else self._mixture(selection, answers)
            few = self._keys.header.representatives is not None
            fitted = fit_calibration(
                modality, selection, aligned, few, answers, mixture, not own, least
            )
            if fitted is not None:
                yield fitted

    def _mixture(
        self, selection: tuple[Modality, ...], asked: Sequence[Asked]
    ) -> dict[Left, float]:
        """The kinds of queries to expect, half of them new.

        How many of the new ones have their genus among the keys, the keys tell by how many of their
        species have a relative there, and the held-out species by themselves. The truth is taken to
        lie half way: what is held out may be chosen oddly, but few species should not speak for
        many.
        """
        species = {name for m in selection for name in self._keys.table(m).species()}
        genera = Counter(genus for _, genus in species)
        expected = sum(genera[genus] > 1 for _, genus in species) / max(1, len(species))
        new = {(one.lineage.species, one.left) for one in asked if one.left != "specimen"}
        held = sum(left == "species" for _, left in new) / max(1, len(new))
        kin = (expected + held) / 2
        return {"specimen": 0.5, "species": 0.5 * kin, "genus": 0.5 * (1.0 - kin)}

    def _ask(
        self, block: Sequence[Query], left: Round
    ) -> Iterator[tuple[tuple[Modality, ...], int, Asked]]:
        import numpy as np

        kept = [query for query in block if left != "genus" or query.specimen.lineage.genus]
        if not kept:
            return
        without = [_without(query, left) for query in kept]
        vectors = np.stack([query.vector for query in kept])
        found = self._search.search(vectors, without, max(NEIGHBOURS, CANDIDATES))
        for query, apart, by_modality in zip(kept, without, found, strict=True):
            lineage = query.specimen.lineage
            for selection in self._selections:
                near = self._near(query.specimen, selection, by_modality)
                known = self._known(selection, query) if left in {"specimen", "held out"} else ""
                # Asked without itself alone, it must be of a species that is still there.
                if near and (left != "specimen" or known == "specimen"):
                    named = name_by_vote([near], min_share=0.0).lineage
                    kind: Left = known if left == "held out" else left  # type: ignore[assignment]
                    photo = self._photo_signs(query, named, selection, apart)
                    least = _least_bases(query.specimen, near)
                    yield selection, least, Asked(kind, lineage, named, near, photo)

    def _near(
        self, query: Specimen, selection: tuple[Modality, ...], by_modality: list[list[Hit]]
    ) -> list[Hit]:
        """The hits as `classify` would have them."""
        chosen = zip(self._keys.modalities, by_modality, strict=True)
        hits = [hit for modality, found in chosen if modality in selection for hit in found]
        hits.sort(key=lambda hit: -hit.similarity)
        if self._aligner is None or query.modality != "dna" or "dna" not in selection:
            return hits[:NEIGHBOURS]
        return self._aligner.nearest(query, nearest_of(hits, NEIGHBOURS, _AT_LEAST), NEIGHBOURS)

    def _photo_signs(
        self, query: Query, named: Lineage, selection: tuple[Modality, ...], without: Without
    ) -> PhotoSigns | None:
        if query.specimen.modality != "image":
            return None
        centres = self._centres if "image" in selection else None
        return photo_signs(query.vector, query.strength, named, centres, without)

    def _known(self, selection: tuple[Modality, ...], query: Query) -> Left:
        """What the selection lacks of a query: the specimen alone, its species, or its genus."""
        if self._holds(selection, query, "species"):
            return "specimen"
        return "species" if self._holds(selection, query, "genus") else "genus"

    def _holds(self, selection: tuple[Modality, ...], query: Query, rank: str) -> bool:
        """Whether other vectors in the selection have the name of a query at `rank`."""
        name = query.specimen.lineage.at(rank) or ""
        for modality in selection:
            found = self._keys.table(modality).vectors_named(rank, name)
            own = query.own if modality == query.specimen.modality else None
            if any(number != own for number in found.tolist()):
                return True
        return False


def _least_bases(query: Specimen, near: Sequence[Hit]) -> int:
    return range_of(bases_compared(query.content, near)) if query.modality == "dna" else 0


def _without(query: Query, left: Round) -> Without:
    modality = query.specimen.modality
    own = None if query.own is None else (modality, query.own)
    if left in {"specimen", "held out"}:
        return Without(own)
    return Without(own, left, query.specimen.lineage.at(left) or "")
