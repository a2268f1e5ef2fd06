"""The numbers of figure 2."""

from __future__ import annotations

from clibd_cli.core.lineage import Lineage
from clibd_cli.core.records import Specimen
from clibd_cli.training.census import PartCount, count_parts, trained_species
from clibd_cli.training.partition import KEY, NO_SPECIES, PARTS, TRAIN
from clibd_cli.training.units import Collection


def test_parts_are_counted() -> None:
    collection = Collection(by_barcode=True)
    rows = [("a", "ACGT", "Aedes x"), ("b", "ACGT", None), ("c", "ACGTA", "Aedes y"),
            ("d", "ACGTC", "Aedes x"), ("e", "ACGTG", None)]  # fmt: skip
    for name, barcode, species in rows:
        collection.add(Specimen(name, "dna", barcode, name, Lineage(species=species)))
    units = collection.units()
    parts = [TRAIN, KEY, TRAIN, NO_SPECIES]
    counts = count_parts(collection, units, parts)
    assert [(count.split, count.title) for count in counts] == list(PARTS)
    assert [count for count in counts if count.specimens] == [
        PartCount(*NO_SPECIES, specimens=1, units=1, species=0, unnamed=1),
        PartCount(*TRAIN, specimens=3, units=2, species=1, unnamed=1),
        PartCount(*KEY, specimens=1, units=1, species=1, unnamed=0),
    ]
    assert trained_species(collection, units, parts) == {"Aedes x"}
