"""What holds specimens together: ids and barcodes, over any number of steps."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from clibd_cli.core.lineage import UNLABELLED, Lineage
from clibd_cli.core.records import Modality, Specimen
from clibd_cli.training.units import Collection, Entry

A = Lineage("Diptera", "Culicidae", "Aedes", "Aedes alpha")
B = Lineage("Diptera", "Culicidae", "Aedes", "Aedes beta")


def specimen(
    name: str, content: str, lineage: Lineage = UNLABELLED, modality: Modality = "dna"
) -> Specimen:
    return Specimen(name, modality, content, f"made#{name}", lineage)


def gathered(*specimens: Specimen, by_barcode: bool = True) -> Collection:
    collection = Collection(by_barcode)
    for one in specimens:
        collection.add(one)
    return collection


def groups(collection: Collection) -> set[frozenset[str]]:
    found: dict[int, set[str]] = {}
    for unit, entry in zip(collection.units().of_entry, collection, strict=True):
        found.setdefault(unit, set()).add(entry.specimen_id)
    return {frozenset(group) for group in found.values()}


def test_equal_barcodes_are_one_unit_ns_at_the_ends_aside() -> None:
    rows = [
        specimen("b", "ACGTACGTAA", A),
        specimen("a", "NNACGTACGTAAN"),
        specimen("c", "ACGTNACGTA"),
    ]
    assert groups(gathered(*rows)) == {frozenset("ab"), frozenset("c")}
    units = gathered(*rows).units()
    assert units.names == ["a", "c"]
    assert units.species == [("Aedes alpha",), ()]
    assert groups(gathered(*rows, by_barcode=False)) == {frozenset(x) for x in "abc"}


def test_a_specimen_holds_its_photos_and_barcodes_together() -> None:
    collection = gathered(
        specimen("x", "ACGT"),
        specimen("x#2", "GGGG"),
        specimen("y", "GGGG"),
        specimen("x", "photos/x.jpg", A, "image"),
        specimen("x#3", "photos/x-side.jpg", A, "image"),
        specimen("z#2", "TTTT"),
    )
    assert groups(collection) == {frozenset({"x", "x#2", "x#3", "y"}), frozenset({"z#2"})}
    assert collection.units().barcoded == [True, True]
    assert next(iter(collection)) == Entry("x", A, None, "photos/x.jpg")
    assert (len(collection), "x#3" in collection, "w" in collection) == (5, True, False)


def test_a_label_from_another_input_completes_and_never_replaces() -> None:
    collection = gathered(
        specimen("x", "ACGT"),
        specimen("x", "", A, "text"),
        specimen("x", "", B, "text"),
        specimen("x", "", A, "text"),
    )
    assert [entry.lineage for entry in collection] == [A]
    assert collection.relabelled == ["x"]
    assert collection.units().species == [("Aedes alpha", "Aedes beta")]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 15), st.integers(0, 12)), max_size=40),
    st.randoms(use_true_random=False),
)
def test_no_barcode_and_no_id_straddles(
    rows: list[tuple[int, int]], shuffler: random.Random
) -> None:
    def group(pairs: list[tuple[int, int]]) -> set[frozenset[str]]:
        return groups(gathered(*(specimen(f"s{i}", f"ACGT{'A' * b}") for i, b in pairs)))

    found = group(rows)
    assert sorted(name for names in found for name in names) == sorted({f"s{i}" for i, _ in rows})
    for barcode in range(13):
        with_it = {f"s{i}" for i, b in rows if b == barcode}
        assert sum(bool(with_it & names) for names in found) == bool(with_it)
    shuffled = list(rows)
    shuffler.shuffle(shuffled)
    assert group(shuffled) == found
    # Nothing is held together without a reason: as many links as it takes, no more.
    assert len(found) >= len({i for i, _ in rows}) - (len(rows) - len({b for _, b in rows}))
