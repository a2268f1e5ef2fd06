"""Where species names and BINs do not agree: lumped, split, or mislabelled."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations

from clibd_cli.alignment.identity import overlaps
from clibd_cli.core.lineage import RANKS
from clibd_cli.io.name_checks import is_open
from clibd_cli.tasks.audit_findings import Finding, in_words, listed
from clibd_cli.vectors.holdings import Holdings

LEAST_OVERLAP = 150
"""Bases that barcodes of two BINs must share, before their distance says anything."""
FAR = 0.06
"""Distance between two BINs of a species from which on it is a finding. BINs lie about 2 % apart
and more. Of 478 species of arthropods with several BINs, 287 have them less than this apart, which
is what cryptic species and old names look like rather than wrong labels."""

_SEVERITY = {"order": 0.9, "family": 0.85, "genus": 0.6, "species": 0.4}
_COMPARED = 3
"""Distinct barcodes of each BIN, the commonest, that stand for it."""


def bins_with_several_species(held: Holdings) -> Iterator[Finding]:
    """One finding for each BIN whose references bear several species names."""
    for uri, rows in sorted(_by_bin(held).items()):
        species = Counter(held.lineages[row].species or "" for row in rows)
        if len(species) < 2:
            continue
        rank = _broadest(held, rows)
        rarer = 1 - max(species.values()) / len(rows)
        order = sorted(rows, key=lambda row: (species[held.lineages[row].species or ""], row))
        commonest = max(species, key=lambda name: (species[name], name))
        lone = list(species.values()).count(species[commonest]) == 1
        meant = next(row for row in rows if held.lineages[row].species == commonest)
        yield Finding(
            # An even division is a question of taxonomy, a lone specimen mostly an error.
            severity=_SEVERITY[rank] * (1 - 0.3 * min(1.0, 2 * rarer)),
            kind="bin_with_several_species",
            evidence="dna",
            specimen_ids=tuple(held.ids[row] for row in order),
            reason=f"{uri} holds {len(species)} species of "
            f"{'one genus' if rank == 'species' else f'several {_PLURAL[rank]}'}: "
            f"{listed(species)}",
            current=listed(species),
            suggested=in_words(held.lineages[meant]) if lone and rank != "species" else "",
            rank=rank,
            numbers={"specimens": len(rows), "species": len(species), "rarer_share": rarer},
            source=held.sources[order[0]],
        )


def species_in_several_bins(held: Holdings) -> Iterator[Finding]:
    """One finding for each species with two BINs at least `FAR` apart. Needs barcodes."""
    by_species: dict[str, dict[str, list[int]]] = defaultdict(dict)
    for uri, rows in _by_bin(held).items():
        for row in rows:
            by_species[held.lineages[row].species or ""].setdefault(uri, []).append(row)
    for species, bins in sorted(by_species.items()):
        if len(bins) < 2:
            continue
        distance, pair = _farthest(held, bins)
        if distance < FAR:
            continue
        sizes = {uri: len(rows) for uri, rows in bins.items()}
        rarest = min(pair, key=lambda uri: (sizes[uri], uri))
        order = sorted(
            (row for rows in bins.values() for row in rows),
            key=lambda row: (held.bins[row] != rarest, sizes[held.bins[row] or ""], row),
        )
        yield Finding(
            severity=min(0.8, 0.3 + 2.5 * distance),
            kind="species_in_several_bins",
            evidence="dna",
            specimen_ids=tuple(held.ids[row] for row in order),
            reason=f"{species} lies in {len(bins)} BINs ({listed(sizes)}); {pair[0]} and {pair[1]} "
            f"are {distance:.1%} apart at their nearest",
            current=in_words(held.lineages[order[0]]),
            rank="species",
            numbers={"bins": len(bins), "distance": distance, "specimens": len(order)},
            source=held.sources[order[0]],
        )


_PLURAL = {"order": "orders", "family": "families", "genus": "genera"}


def _by_bin(held: Holdings) -> dict[str, list[int]]:
    """The references of each BIN that have a name of one species."""
    by_bin: dict[str, list[int]] = defaultdict(list)
    for row, (uri, lineage) in enumerate(zip(held.bins, held.lineages, strict=True)):
        if uri and lineage.species and not is_open(lineage.species):
            by_bin[uri].append(row)
    return by_bin


def _broadest(held: Holdings, rows: Sequence[int]) -> str:
    for rank in RANKS:
        if len({held.lineages[row].at(rank) for row in rows} - {None}) > 1:
            return rank
    return RANKS[-1]


def _farthest(held: Holdings, bins: dict[str, list[int]]) -> tuple[float, tuple[str, str]]:
    """The two BINs that are farthest apart, by their nearest barcodes; 0 where none compare."""
    barcodes = {
        uri: [
            text for text, _ in Counter(held.barcodes[row] for row in rows).most_common(_COMPARED)
        ]
        for uri, rows in sorted(bins.items())
    }
    farthest, pair = 0.0, ("", "")
    for one, two in combinations(barcodes, 2):
        identities = [
            overlap.identity
            for barcode in barcodes[one]
            for overlap in overlaps(barcode, barcodes[two])
            if overlap is not None and overlap.bases >= LEAST_OVERLAP
        ]
        if identities and 1 - max(identities) > farthest:
            farthest, pair = 1 - max(identities), (one, two)
    return farthest, pair
