"""Wrong labels are found, honest ones are left alone."""

from __future__ import annotations

from clibd_cli.core.lineage import Lineage
from clibd_cli.tasks.audit_labels import label_findings
from tests.made_library import add_copy, lineage_of, made_library, row_of


def test_nothing_is_wrong_with_a_clean_library() -> None:
    assert label_findings(made_library()) == []


def test_a_swapped_family_is_found_with_its_true_name() -> None:
    held = made_library()
    held.lineages[row_of(held, "s3-2")] = lineage_of(20)
    (found,) = label_findings(held)
    assert found.kind == "label_disagrees"
    assert found.specimen_ids == ("s3-2",)
    assert found.evidence == "dna"
    assert found.severity > 0.8
    assert found.current == "Odonata Familcdae Genusf Genusf uuuuuu"
    assert found.suggested == "Diptera Familadae Genusa Genusa dddddd"
    assert "s3-" in str(found.numbers["nearest"])
    assert found.numbers["own_share"] == 0.0
    assert float(found.numbers["identity"]) > 0.99


def test_a_swapped_species_of_the_genus_is_found_at_species() -> None:
    held = made_library()
    held.lineages[row_of(held, "s3-2")] = lineage_of(1)
    (found,) = label_findings(held)
    assert (found.specimen_ids, found.rank) == (("s3-2",), "species")


def test_of_photos_the_cosine_is_told() -> None:
    held = made_library(modality="image")
    held.lineages[row_of(held, "s3-2")] = lineage_of(20)
    (found,) = label_findings(held)
    assert found.evidence == "image"
    assert "identity" not in found.numbers
    assert "cosine" in found.reason


def test_a_haplotype_that_two_species_share_is_no_wrong_label() -> None:
    held = made_library()
    for n in range(6):
        add_copy(held, f"s3-{n}", f"other{n}", lineage_of(2))
    assert label_findings(held) == []


def test_the_only_reference_of_a_species_among_its_genus_is_left_alone() -> None:
    held = made_library()
    row = row_of(held, "s3-2")
    held.lineages[row] = Lineage("Diptera", "Familadae", "Genusa", "Genusa unicus")
    assert label_findings(held) == []


def test_references_without_names_are_no_findings() -> None:
    held = made_library()
    for n in range(3):
        held.lineages[row_of(held, f"s3-{n}")] = Lineage("Diptera")
        held.lineages[row_of(held, f"s4-{n}")] = Lineage()
    assert label_findings(held) == []


def test_one_reference_or_none_is_no_trouble() -> None:
    held = made_library(each=1)
    for name in ("ids", "lineages", "bins", "barcodes", "sources", "digests"):
        setattr(held, name, getattr(held, name)[:1])
    held.vectors, held.numbers = held.vectors[:1], held.numbers[:1]
    assert label_findings(held) == []
