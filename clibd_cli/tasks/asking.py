"""Which references are asked as if they were unknown, and in which pieces."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from clibd_cli.calibration.curves import PER_SPECIES
from clibd_cli.calibration.lengths import PIECES
from clibd_cli.core.records import Hit, Modality, Specimen
from clibd_cli.vectors.index import ReferenceIndex

if TYPE_CHECKING:
    import numpy as np

    Encode = Callable[[Sequence[str]], np.ndarray]
    """From barcodes to unit vectors `[n, dim]`."""

QUERIES = 2000
"""References of a modality that are asked, and pieces of barcodes besides."""


@dataclass(frozen=True, slots=True)
class Query:
    """A reference, or a piece of it, that is asked.

    Attributes:
        own: the vector of the reference among the keys; None where it is not one of them.
        strength: how long its vector was before it got unit length; NaN where unknown.
    """

    specimen: Specimen
    vector: np.ndarray
    own: int | None
    strength: float


def sample(
    asking: ReferenceIndex, keys: ReferenceIndex, modality: Modality, seed: int
) -> list[Query]:
    """Some references with a species, spread over all species."""
    import numpy as np

    table, vectors = asking.table(modality), asking.vectors(modality)
    strengths = asking.strengths(modality)
    taken: dict[str, int] = defaultdict(int)
    picked: list[tuple[int, Hit]] = []
    for number in np.random.default_rng(seed).permutation(len(table)).tolist():
        hit = table.hit(number, 1.0)
        species = hit.lineage.species
        if species and taken[species] < PER_SPECIES:
            taken[species] += 1
            picked.append((number, hit))
            if len(picked) == QUERIES:
                break
    own = _own_numbers(asking, keys, modality, [number for number, _ in picked])
    return [
        Query(
            Specimen(
                hit.specimen_id,
                modality,
                (asking.barcode(number) if modality == "dna" else None) or "",
                hit.source,
                hit.lineage,
            ),
            np.asarray(vectors[number], dtype=np.float32),
            own[number],
            float(strengths[number]),
        )
        for number, hit in picked
    ]


def pieces(whole: Sequence[Query], encode: Encode, seed: int) -> list[Query]:
    """Pieces of the barcodes of `whole`, from anywhere in them: as many of each range of lengths.

    Where there are few barcodes, each is cut into several.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    cuts: list[tuple[Query, str]] = []
    each = min(len(PIECES), -(-QUERIES // max(1, len(whole))))
    for number, query in enumerate(whole):
        for turn in range(each):
            barcode, (least, below) = query.specimen.content, PIECES[(number + turn) % len(PIECES)]
            length = int(rng.integers(least, below))
            if length < len(barcode):
                start = int(rng.integers(len(barcode) - length + 1))
                cuts.append((query, barcode[start : start + length]))
    vectors = encode([piece for _, piece in cuts])
    return [
        replace(query, specimen=replace(query.specimen, content=piece), vector=vector)
        for (query, piece), vector in zip(cuts, vectors, strict=True)
    ]


def _own_numbers(
    asking: ReferenceIndex, keys: ReferenceIndex, modality: Modality, numbers: Sequence[int]
) -> dict[int, int | None]:
    """The number that each vector has among the keys."""
    if asking is keys:
        return {number: number for number in numbers}
    if modality not in keys.modalities:
        return dict.fromkeys(numbers)
    theirs = keys.vectors(modality)
    places = {vector.tobytes(): place for place, vector in enumerate(theirs)}
    mine = asking.vectors(modality)
    return {n: places.get(mine[n].astype(theirs.dtype).tobytes()) for n in numbers}
