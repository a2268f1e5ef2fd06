"""Duplicates, BINs, names, lineages, barcodes: each with an error planted into a clean library."""

from __future__ import annotations

import numpy as np

from clibd_cli.core.lineage import Lineage
from clibd_cli.io.photo_content import PhotoContent
from clibd_cli.tasks.audit_barcodes import barcode_findings
from clibd_cli.tasks.audit_bins import bins_with_several_species, species_in_several_bins
from clibd_cli.tasks.audit_duplicates import near_identical_photos, same_content, same_id
from clibd_cli.tasks.audit_findings import Finding, listed, ranked
from clibd_cli.tasks.audit_names import lineage_findings, name_findings
from clibd_cli.vectors.neighbours import nearest_others
from tests.made_library import add_copy, lineage_of, made_barcode, made_library, row_of


def test_a_clean_library_is_clean() -> None:
    held = made_library()
    assert not list(same_content(held))
    assert not list(same_id(held))
    assert not list(bins_with_several_species(held))
    assert not list(species_in_several_bins(held))
    assert not list(barcode_findings(held))
    assert not name_findings([held])
    assert not lineage_findings([held])


def test_a_barcode_across_families_is_a_duplicate_and_names_the_rarer_first() -> None:
    held = made_library()
    add_copy(held, "s3-0", "copy", lineage_of(3))
    add_copy(held, "s3-0", "wrong", lineage_of(20))
    (found,) = same_content(held)
    assert (found.kind, found.rank) == ("duplicate", "order")
    assert found.specimen_ids == ("wrong", "copy", "s3-0")
    assert found.severity >= 0.9
    assert found.suggested.endswith("Genusa dddddd")


def test_a_barcode_of_sister_species_is_shared_and_mild() -> None:
    held = made_library()
    add_copy(held, "s3-0", "sister", lineage_of(2))
    (found,) = same_content(held)
    assert (found.kind, found.rank) == ("shared_barcode", "species")
    assert found.severity < 0.4
    assert found.suggested == ""


def test_an_open_name_shares_a_barcode_with_nobody() -> None:
    held = made_library()
    add_copy(held, "s3-0", "open", Lineage(*_ranks(3)[:3], "Genusa sp. 7"))
    add_copy(held, "s4-0", "unnamed", Lineage())
    assert not list(same_content(held))


def test_the_same_photo_under_two_species_is_severe() -> None:
    held = made_library(modality="image")
    add_copy(held, "s3-0", "again", lineage_of(2))
    (found,) = same_content(held)
    assert found.kind == "duplicate"
    assert found.severity >= 0.95
    assert "the same photo" in found.reason


def test_the_same_barcode_and_name_twice_is_no_finding() -> None:
    held = made_library()
    add_copy(held, "s3-0", "again", lineage_of(3))
    assert not list(same_content(held))


def test_one_id_for_two_things() -> None:
    held = made_library()
    held.ids[row_of(held, "s5-1")] = "s5-0#2"
    held.ids[row_of(held, "s9-1")] = "s2-0#2"
    held.ids[row_of(held, "s7-1")] = "well#3"
    same, other = sorted(same_id(held), key=lambda f: f.severity)
    assert same.specimen_ids == ("s5-0", "s5-0#2")
    assert other.specimen_ids == ("s2-0", "s2-0#2")
    assert other.severity == 0.9
    assert same.severity < 0.4


def test_photos_that_look_the_same_under_two_species() -> None:
    held = made_library(modality="image")
    one, two = row_of(held, "s3-0"), row_of(held, "s3-1")
    held.lineages[two] = lineage_of(20)
    rng = np.random.default_rng(0)
    contents: list[PhotoContent | None] = [PhotoContent(0.1, rng.bytes(32)) for _ in held.ids]
    contents[two] = contents[one]
    near = nearest_others(held.vectors, 10)
    (found,) = near_identical_photos(held, near, contents)
    assert found.specimen_ids == ("s3-0", "s3-1")
    assert found.severity > 0.9
    contents[one] = None
    assert not list(near_identical_photos(held, near, contents))


def test_a_bin_of_two_species_is_worse_across_families() -> None:
    held = made_library()
    held.bins[row_of(held, "s4-0")] = "BOLD:AAA0005"
    held.bins[row_of(held, "s20-0")] = "BOLD:AAA0003"
    sisters, strangers = sorted(bins_with_several_species(held), key=lambda f: f.severity)
    assert strangers.specimen_ids[0] == "s20-0"
    assert strangers.suggested == "Diptera Familadae Genusa Genusa dddddd"
    assert sisters.rank == "species"
    assert sisters.specimen_ids[0] == "s4-0"
    assert sisters.suggested == ""
    assert sisters.severity < 0.5 < strangers.severity


def test_a_species_in_far_bins_is_found_with_the_distance() -> None:
    held = made_library()
    for n in range(3):
        held.bins[row_of(held, f"s3-{n}")] = "BOLD:NEAR"
    held.bins[row_of(held, "s8-0")] = "BOLD:FAR"
    far = list(made_barcode(8))
    for place in range(0, 600, 8):
        far[place] = {"A": "C", "C": "G", "G": "T", "T": "A"}[far[place]]
    held.barcodes[row_of(held, "s8-0")] = "".join(far)
    (found,) = species_in_several_bins(held)
    assert found.specimen_ids[0] == "s8-0"
    assert abs(float(found.numbers["distance"]) - 0.125) < 0.01


def test_names_and_their_problems() -> None:
    held = made_library()
    held.lineages[row_of(held, "s3-0")] = Lineage(*_ranks(3)[:3], "Genusa ddddde")
    held.lineages[row_of(held, "s3-1")] = Lineage(*_ranks(3)[:3], "Genusa dd x Genusa ee")
    found = {f.numbers["problem"]: f for f in name_findings([held])}
    assert set(found) == {"misspelt", "hybrid"}
    assert found["misspelt"].suggested == "Genusa dddddd"
    assert found["misspelt"].specimen_ids == ("s3-0",)


def test_a_genus_in_two_families() -> None:
    held = made_library()
    held.lineages[row_of(held, "s3-0")] = Lineage("Diptera", "Familbdae", *_ranks(3)[2:])
    (found,) = lineage_findings([held, made_library(modality="image")])
    assert (found.kind, found.rank) == ("inconsistent_lineage", "genus")
    assert found.specimen_ids[0] == "s3-0"
    assert found.suggested == "genus Genusa in Familadae"


def test_barcodes_that_are_short_ambiguous_or_do_not_translate() -> None:
    held = made_library()
    held.barcodes[0] = made_barcode(0)[:200]
    held.barcodes[1] = made_barcode(0)[:500] + "N" * 10
    held.barcodes[2] = made_barcode(0) + "TAAATAAATAA"
    kinds = {f.specimen_ids[0]: f.kind for f in barcode_findings(held)}
    assert kinds == {
        held.ids[0]: "short_barcode",
        held.ids[1]: "many_ambiguous_bases",
        held.ids[2]: "stop_codon",
    }


def test_the_worst_comes_first_and_equals_have_an_order() -> None:
    mild, bad = Finding(0.2, "b", "dna", ("x",), ""), Finding(0.9, "a", "dna", ("y",), "")
    equal = Finding(0.2, "a", "dna", ("z",), "")
    assert ranked([mild, equal, bad]) == [bad, equal, mild]


def test_long_lists_are_cut() -> None:
    row = Finding(0.5, "k", "dna", tuple(f"i{n}" for n in range(25)), "").as_row()
    assert row["specimen_ids"].endswith("i19;+5")
    assert row["n_specimens"] == 25
    assert listed({"a": 1, "b": 2, "c": 3}, most=2) == "c (3), b (2) and 1 more"


def _ranks(species: int) -> list[str | None]:
    lineage = lineage_of(species)
    return [lineage.order, lineage.family, lineage.genus, lineage.species]
