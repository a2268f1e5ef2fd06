"""Alignment in the loop: what it reorders, what it leaves, and what it flags."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from clibd_cli.alignment.strand import reverse_complement
from clibd_cli.core.lineage import Lineage
from clibd_cli.core.nearness import comparable, distance, nearness
from clibd_cli.core.records import Hit
from clibd_cli.tasks.classify import classify
from clibd_cli.tasks.inputs import Inputs
from clibd_cli.tasks.naming import nearest_hit
from clibd_cli.tasks.references import build_index
from tests.made_inputs import SPECIES, barcode_of, write_fasta, write_photos


def hit(similarity: float, identity: float | None = None, overlap: int | None = None) -> Hit:
    lineage = Lineage(species=f"{similarity}")
    return Hit(0, "dna", similarity, "k", lineage, None, "k", ((lineage, 1),), identity, overlap)


def test_close_references_are_ordered_by_their_bases() -> None:
    same, near, far = hit(0.8, 1.0, 600), hit(0.9, 0.99, 600), hit(0.99, 0.9, 600)
    assert sorted([far, near, same], key=nearness) == [same, near, far]
    assert comparable([same, near, far]) == [same, near]
    assert comparable([far, same]) == [far, same]


def test_far_references_keep_the_order_of_the_embedding() -> None:
    first, second = hit(0.9, 0.85, 600), hit(0.8, 0.95, 600)
    assert sorted([second, first], key=nearness) == [first, second]
    assert distance(first) == pytest.approx(0.1)


def test_of_two_equal_ones_the_longer_overlap_is_nearer() -> None:
    assert distance(hit(0.9, 1.0, 600)) < distance(hit(0.9, 0.999, 600)) < distance(hit(1, 1.0, 60))


def test_the_nearest_of_several_kinds_of_evidence() -> None:
    aligned, photo = hit(0.7, 0.99, 600), hit(0.95)
    assert nearest_hit([[photo], [aligned]]) is aligned
    assert nearest_hit([[], []]) is None


@pytest.fixture
def references(workplace: Path) -> Path:
    """An index of four species, three barcodes each."""
    write_fasta(workplace / "refs" / "barcodes.fasta", range(3), "ref", labels=True)
    write_photos(workplace / "refs" / "photos", range(2), "ref")
    build_index(["refs"])
    return workplace


def named(fasta: str, **options: object) -> list[dict[str, str]]:
    classify(Inputs([fasta]), None, Path("r.csv"), **options)  # type: ignore[arg-type]
    with Path("r.csv").open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


def flags(row: dict[str, str]) -> set[str]:
    """The flags of a row, but for one that all made barcodes have: they code for nothing."""
    return set(row["flags"].split(";")) - {"stop_codons", ""}


def query(name: str, barcode: str) -> str:
    Path("q.fasta").write_text(f">{name}\n{barcode}\n", encoding="utf-8")
    return "q.fasta"


def test_identity_and_overlap_stand_beside_the_name(references: Path) -> None:
    (row,) = named(query("q", barcode_of(1, 7)))
    assert row["species"] == SPECIES[1].species
    assert (row["overlap_bp"], flags(row)) == ("600", set())
    assert float(row["identity"]) == pytest.approx(599 / 600, abs=1e-4)


def test_a_barcode_from_the_other_strand_is_turned(references: Path) -> None:
    (row,) = named(query("q", reverse_complement(barcode_of(2, 1))))
    assert row["species"] == SPECIES[2].species
    assert flags(row) == {"reverse_complemented"}
    assert row["identity"] == "1.0000"


def test_a_part_is_named_by_its_bases_with_either_method(references: Path) -> None:
    for method in ("vote", "nearest"):
        (row,) = named(query("q", barcode_of(3, 2)[100:330]), method=method)
        assert row["species"] == SPECIES[3].species
        assert flags(row) == {"short_barcode"}
        assert (row["identity"], row["overlap_bp"]) == ("1.0000", "230")


def test_without_alignment_there_is_no_identity(references: Path) -> None:
    (row,) = named(query("q", barcode_of(3, 2)), align="never")
    assert (row["identity"], row["overlap_bp"]) == ("", "")


def test_two_animals_in_one_barcode(references: Path) -> None:
    (row,) = named(query("q", barcode_of(0)[:300] + barcode_of(3)[300:]))
    assert "chimera_suspected" in flags(row)
    (row,) = named(query("q", barcode_of(0)[300:] + barcode_of(0)[:300]))
    assert "chimera_suspected" in flags(row)
    (row,) = named(query("q", barcode_of(0)[:300] + barcode_of(0)[301:]))
    assert "frame_shift" in flags(row)
    assert "chimera_suspected" not in flags(row)


def test_a_short_reference_does_not_hide_the_other_animal(workplace: Path) -> None:
    records = [barcode_of(0), barcode_of(0)[:300], barcode_of(3)]
    lines = [f">r{i}|Ordo|Familia|Genus|Genus s{i}\n{b}\n" for i, b in enumerate(records)]
    Path("refs.fasta").write_text("".join(lines), encoding="utf-8")
    build_index(["refs.fasta"])
    (row,) = named(query("q", barcode_of(0)[:300] + barcode_of(3)[300:]))
    assert "chimera_suspected" in flags(row)
