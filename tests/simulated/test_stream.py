"""The stream of barcodes: repeatable, many, different, and in no need of memory."""

import tracemalloc
from itertools import islice

import numpy as np

from clibd_cli.simulated.barcodes import has_stop_codon
from clibd_cli.simulated.stream import simulate_barcodes


def test_a_shorter_stream_is_the_start_of_a_longer_one() -> None:
    assert list(simulate_barcodes(50, 3)) == list(islice(simulate_barcodes(10_000, 3), 50))
    assert list(simulate_barcodes(50, 3)) != list(simulate_barcodes(50, 4))


def test_counts_ids_and_letters() -> None:
    found = list(simulate_barcodes(3000))
    assert len({specimen_id for specimen_id, _, _ in found}) == len(found) == 3000
    assert all(len(code) == 658 and set(code) <= set("ACGT") for _, _, code in found)
    assert not any(has_stop_codon(code) for _, _, code in found[::10])
    assert list(simulate_barcodes(0)) == []


def test_most_barcodes_differ_and_lineages_nest() -> None:
    found = list(simulate_barcodes(5000))
    assert len({code for _, _, code in found}) > 3500
    lineages = {lineage for _, lineage, _ in found}
    assert len({one.order for one in lineages}) == 20
    assert len({one.family for one in lineages}) > 50
    for rank, parent in (("species", "genus"), ("genus", "family"), ("family", "order")):
        pairs = {(one.at(rank), one.at(parent)) for one in lineages}
        assert len(pairs) == len({child for child, _ in pairs})


def test_species_are_close_and_orders_far() -> None:
    by_species: dict[str, list[str]] = {}
    orders: dict[str, str] = {}
    for _, lineage, code in simulate_barcodes(2000):
        by_species.setdefault(lineage.species or "", []).append(code)
        orders.setdefault(lineage.order or "", code)
    within = [difference(g[0], code) for g in by_species.values() for code in g[1:]]
    first, *others = orders.values()
    assert max(within) < 0.012
    assert 0.2 < np.median([difference(first, other) for other in others]) < 0.29


def test_memory_does_not_grow_with_the_stream() -> None:
    tracemalloc.start()
    stream = simulate_barcodes(10_000)
    sum(1 for _ in islice(stream, 2000))
    tracemalloc.reset_peak()
    early = tracemalloc.get_traced_memory()[1]
    sum(1 for _ in stream)
    late = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # 8,000 barcodes held would be 5.6 MB.
    assert late - early < 3_000_000


def difference(one: str, other: str) -> float:
    return sum(a != b for a, b in zip(one, other, strict=True)) / len(one)
