from __future__ import annotations

from pathlib import Path

from clibd_cli.core.lineage import Lineage
from clibd_cli.training.example import Example
from clibd_cli.training.targets import make_targets

EXAMPLES = [
    Example("a", lineage=Lineage("Diptera", "Culicidae", "Aedes", "Aedes vexans"), bin_uri="B1"),
    Example("b", lineage=Lineage("Diptera", "Culicidae", "Aedes", "Aedes vexans")),
    Example("a", lineage=Lineage("Diptera")),
    Example("c", lineage=Lineage("Coleoptera"), bin_uri="B1"),
]


def test_rows_are_alike_by_specimen_bin_or_species() -> None:
    assert make_targets(EXAMPLES, "specimen").groups.tolist() == [0, 1, 0, 2]
    assert make_targets(EXAMPLES, "bin").groups.tolist() == [0, 1, 2, 0]
    assert make_targets(EXAMPLES, "species").groups.tolist() == [0, 0, 1, 2]
    # What is known to its order alone is like its own specimen only.
    both = [Example(name, lineage=Lineage("Diptera")) for name in "xyx"]
    assert make_targets(both, "species").groups.tolist() == [0, 1, 0]


def test_taxa_are_numbered_in_the_order_of_their_names() -> None:
    targets = make_targets(EXAMPLES, "specimen")
    assert targets.names["order"] == ["Coleoptera", "Diptera"]
    assert targets.taxa["order"].tolist() == [1, 1, 1, 0]
    assert targets.taxa["species"].tolist() == [0, 0, -1, -1]
    assert targets.sizes == {"order": 2, "family": 1, "genus": 1, "species": 1}


def test_the_digest_knows_data_and_order() -> None:
    digests = [
        make_targets(EXAMPLES, "specimen").digest,
        make_targets(EXAMPLES[::-1], "specimen").digest,
        make_targets(EXAMPLES[:3], "specimen").digest,
        make_targets(EXAMPLES, "species").digest,
    ]
    assert len(set(digests)) == 4
    assert digests[0] == make_targets(EXAMPLES, "specimen").digest


def test_the_digest_knows_the_names_of_photos_but_not_their_folders() -> None:
    here, there, other = (
        make_targets([Example("a", Path(path))], "specimen").digest
        for path in ("here/a.jpg", "there/a.jpg", "here/b.jpg")
    )
    assert here == there != other
