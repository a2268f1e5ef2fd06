"""One content under several labels, and one id for several things."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from clibd_cli.core.lineage import RANKS, Lineage
from clibd_cli.io.barcode_checks import SHORT
from clibd_cli.io.name_checks import is_open
from clibd_cli.io.photo_content import PhotoContent, differing_bits
from clibd_cli.tasks.audit_findings import Finding, in_words, listed
from clibd_cli.vectors.holdings import Holdings

if TYPE_CHECKING:
    import numpy as np

_SEVERITY = {"order": 0.95, "family": 0.9, "genus": 0.65, "species": 0.3}
"""Of one barcode under two names: sister species share theirs, families do not."""

_PHOTO_SEVERITY = {"order": 1.0, "family": 1.0, "genus": 0.97, "species": 0.95}
"""Of one photo under two names: one of them is wrong at any rank."""

_SHORT_BARCODE = 0.5
"""Factor for barcodes below `SHORT` bases, which say less."""

NEAR_SIMILARITY = 0.7
NEAR_BITS = 32
"""Photos are the same picture with at least that cosine, and at most so many of 256 bits apart.

Measured (`benchmarks/audit_photos.py`): photos saved again at 70 % of their size and a lower
quality are 1 to 37 bits apart (median 8), the nearest photos of other species 56 and more, and
those of 56 were the same picture, cut in another way.
"""

CUT_SIMILARITY = 0.98
CUT_BITS = 90
"""The same for pictures that were also cut: of the pairs under two species with that cosine among
6,146 photos of Lepidoptera, 4 are no more bits apart; the others have 98 to 151."""

_COPY = re.compile(r"^(?P<id>.+)#\d+$")


def same_content(held: Holdings) -> Iterator[Finding]:
    """Barcodes or photos that are the same and bear several names.

    Of photos a `duplicate`; of barcodes that only across genera, and a `shared_barcode` among
    species of one genus.
    """
    alike: dict[str, list[int]] = defaultdict(list)
    for row, digest in enumerate(held.digests):
        # A compact library has no digests; there, the same vector has to do.
        alike[digest or f"vector {held.numbers[row]}"].append(row)
    for rows in alike.values():
        if len(rows) > 1 and (rank := _contradiction([held.lineages[row] for row in rows])):
            yield _same(held, rows, rank)


def same_id(held: Holdings) -> Iterator[Finding]:
    """Ids that several records have; `embed` calls the later ones `id#2`, `id#3`."""
    known = set(held.ids)
    by_id: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(held.ids):
        copy = _COPY.match(name)
        by_id[copy["id"] if copy and copy["id"] in known else name].append(row)
    for name, rows in by_id.items():
        if len(rows) == 1:
            continue
        rank = _contradiction([held.lineages[row] for row in rows])
        contents = len({held.digests[row] for row in rows})
        labels = Counter(in_words(held.lineages[row]) or "no label" for row in rows)
        yield Finding(
            severity=0.9 if rank else 0.35 if contents > 1 else 0.2,
            kind="duplicate",
            evidence=held.modality,
            specimen_ids=tuple(held.ids[row] for row in rows),
            reason=f"{len(rows)} records have the id {name}, with {contents} different contents"
            + (f" and labels that differ in {rank}: {listed(labels)}" if rank else ""),
            current=listed(labels),
            rank=rank or "",
            numbers={"records": len(rows), "contents": contents},
            source=held.sources[rows[0]],
        )


def near_identical_photos(
    held: Holdings,
    near: tuple[np.ndarray, np.ndarray],
    contents: Sequence[PhotoContent | None],
) -> Iterator[Finding]:
    """Pairs of photos that are the same picture, re-saved or scaled, under different names.

    Only neighbours are compared: the same picture is always among them.
    """
    numbers, similarities = near
    rows = held.rows_of_vectors()
    vectors, places = (similarities >= NEAR_SIMILARITY).nonzero()
    for vector, place in zip(vectors.tolist(), places.tolist(), strict=True):
        other = int(numbers[vector, place])
        # A pair is seen from both sides; where one does not see the other, it has 10 nearer.
        if other < vector and vector in numbers[other][similarities[other] >= NEAR_SIMILARITY]:
            continue
        similarity = float(similarities[vector, place])
        yield from _near_pair(held, rows[vector][0], rows[other][0], contents, similarity)


def _near_pair(
    held: Holdings,
    one: int,
    two: int,
    contents: Sequence[PhotoContent | None],
    similarity: float,
) -> Iterator[Finding]:
    rank = _contradiction([held.lineages[one], held.lineages[two]])
    mine, its = contents[one], contents[two]
    if rank is None or mine is None or its is None or held.digests[one] == held.digests[two]:
        return
    bits = differing_bits(mine.pattern, its.pattern)
    if bits > (CUT_BITS if similarity >= CUT_SIMILARITY else NEAR_BITS):
        return
    labels = [in_words(held.lineages[row]) for row in (one, two)]
    yield Finding(
        severity=(0.95 if bits <= NEAR_BITS else 0.9) * _PHOTO_SEVERITY[rank],
        kind="duplicate",
        evidence="image",
        specimen_ids=(held.ids[one], held.ids[two]),
        reason=f"two photos that look like one picture are labelled {labels[0]} and {labels[1]}",
        current=" | ".join(labels),
        rank=rank,
        numbers={"similarity": similarity, "differing_bits": bits},
        source=held.sources[one],
    )


def _same(held: Holdings, rows: Sequence[int], rank: str) -> Finding:
    """One content under names that differ at `rank`; the rarest label comes first."""
    labels = Counter(held.lineages[row] for row in rows if held.lineages[row])
    names = Counter(held.lineages[row].at(rank) or "" for row in rows)
    del names[""]
    order = sorted(rows, key=lambda row: (labels[held.lineages[row]], held.ids[row]))
    commonest = min(labels, key=lambda one: (-labels[one], in_words(one)))
    photo = held.modality == "image"
    severity = (_PHOTO_SEVERITY if photo else _SEVERITY)[rank]
    if not photo and 0 < len(held.barcodes[rows[0]]) < SHORT:
        severity *= _SHORT_BARCODE
    what = "the same photo" if photo else "the same barcode"
    tied = list(labels.values()).count(labels[commonest]) > 1
    return Finding(
        severity=severity,
        kind="duplicate" if photo or rank != "species" else "shared_barcode",
        evidence=held.modality,
        specimen_ids=tuple(held.ids[row] for row in order),
        reason=f"{what} stands under {len(names)} names at {rank}: {listed(names)}",
        current=listed(Counter(in_words(held.lineages[row]) or "no label" for row in rows)),
        suggested="" if tied or rank == "species" else in_words(commonest),
        rank=rank,
        numbers={"specimens": len(rows), "names": len(names)},
        source=held.sources[order[0]],
    )


def _contradiction(lineages: Sequence[Lineage]) -> str | None:
    """The broadest rank at which lineages bear two names; open species names contradict nobody."""
    for rank in RANKS:
        names = {name for lineage in lineages if (name := lineage.at(rank))}
        if rank == "species":
            names = {name for name in names if not is_open(name)}
        if len(names) > 1:
            return rank
    return None
