"""Results as Darwin Core: which term holds what."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clibd_cli.core.records import Specimen
from clibd_cli.io.barcode_lookup import BarcodeLookup
from clibd_cli.io.darwin_core import (
    BASES_OF_RECORD,
    DNA_TERMS,
    OCCURRENCE_TERMS,
    Barcode,
    DatasetFacts,
    identification_rows,
    occurrence_row,
)
from clibd_cli.io.darwin_core_archive import (
    IDENTIFICATIONS,
    OCCURRENCES,
    SEQUENCES,
    eml_xml,
    meta_xml,
    open_archive,
)
from clibd_cli.io.result_rows import ResultRow
from tests.io.made_results import made_row

FACTS = DatasetFacts("clibd 1 with tiny (0123)", "2026-03-01", "method: vote")

DARWIN_CORE = {
    *("associatedMedia", "associatedSequences", "basisOfRecord", "class", "dateIdentified"),
    *("family", "genus", "identificationQualifier", "identificationRemarks", "identifiedBy"),
    *("identificationVerificationStatus", "infraspecificEpithet", "kingdom", "materialEntityID"),
    *("occurrenceID", "occurrenceRemarks", "occurrenceStatus", "order", "phylum"),
    *("previousIdentifications", "scientificName", "specificEpithet", "taxonRank"),
    "verbatimIdentification",
}
"""Of https://github.com/tdwg/dwc/blob/master/dist/all_dwc_vertical.csv, copied by hand."""


def cells(*names: str | None, facts: DatasetFacts = FACTS, **given: Any) -> dict[str, str | None]:
    return occurrence_row(made_row("s1", *names, **given), facts)


def test_terms_are_those_of_the_standard() -> None:
    assert set(OCCURRENCE_TERMS) == DARWIN_CORE
    assert len(set(OCCURRENCE_TERMS)) == len(OCCURRENCE_TERMS)
    assert set(cells("Diptera")) == {*OCCURRENCE_TERMS, *DNA_TERMS}


def test_a_species() -> None:
    row = cells("Diptera", "Culicidae", "Aedes", "Aedes vexans", identity=0.9954, overlap_bp=658)
    assert {name: row[name] for name in ("scientificName", "taxonRank", "genus")} == {
        "scientificName": "Aedes vexans", "taxonRank": "species", "genus": "Aedes"
    }  # fmt: skip
    assert (row["specificEpithet"], row["kingdom"], row["phylum"]) == ("vexans", "Animalia", None)
    assert (row["identifiedBy"], row["dateIdentified"]) == (FACTS.identified_by, "2026-03-01")
    assert row["identificationVerificationStatus"] == "unverified"
    assert row["identificationRemarks"] == (
        "confidence: order 0.9900, family 0.8650, genus 0.7400, species 0.6150; nearest reference: "
        "ref-7 (Aedes vexans), cosine similarity 0.9877, identity 0.9954 over 658 bp; references "
        "in support: 3; evidence: dna; method: vote"
    )


@pytest.mark.parametrize(
    ("names", "scientific", "rank"),
    [
        (("Diptera", "Culicidae", "Aedes"), "Aedes", "genus"),
        (("Diptera", "Culicidae"), "Culicidae", "family"),
        (("Diptera",), "Diptera", "order"),
        ((None, "Culicidae"), "Culicidae", "family"),
        ((), "Arthropoda", "phylum"),
    ],
)
def test_the_deepest_rank_names(names: tuple[str, ...], scientific: str, rank: str) -> None:
    facts = DatasetFacts(higher={"kingdom": "Animalia", "phylum": "Arthropoda", "class": ""})
    row = cells(*names, facts=facts)
    assert (row["scientificName"], row["taxonRank"]) == (scientific, rank)
    assert (row["phylum"], row["class"], row["specificEpithet"]) == ("Arthropoda", None, None)


def test_nothing_known_is_incertae_sedis() -> None:
    row = cells(facts=DatasetFacts(higher={"kingdom": ""}))
    assert (row["scientificName"], row["taxonRank"], row["kingdom"]) == (
        "incertae sedis", None, None
    )  # fmt: skip


def test_a_label_that_nobody_published_stays_a_remark() -> None:
    row = cells("Diptera", "Chironomidae", "Chironomus", "Chironomus sp. 1TE")
    assert (row["scientificName"], row["taxonRank"]) == ("Chironomus", "genus")
    assert row["identificationQualifier"] == "sp. 1TE"
    assert row["verbatimIdentification"] == "Chironomus sp. 1TE"
    assert row["specificEpithet"] is None


def test_a_genus_that_nobody_published_gives_its_family() -> None:
    row = cells("Lepidoptera", "Gelechiidae", "gelJanzen01", "gelJanzen01 Janzen100")
    assert (row["scientificName"], row["taxonRank"]) == ("Gelechiidae", "family")
    assert (row["genus"], row["identificationQualifier"]) == (None, "gelJanzen01 Janzen100")
    row = cells("Lepidoptera", "Gelechiidae", "gelJanzen01")
    assert (row["scientificName"], row["genus"]) == ("Gelechiidae", None)
    assert row["verbatimIdentification"] == "gelJanzen01"


def test_a_genus_that_only_the_species_tells() -> None:
    row = cells("Diptera", None, None, "Aedes cf. vexans")
    assert (row["scientificName"], row["genus"]) == ("Aedes", "Aedes")


@pytest.mark.parametrize(
    ("names", "qualifier"),
    [
        (("Diptera", "Culicidae", "Aedes"), "sp. nov.?"),
        (("Diptera", "Culicidae", "Aedes", "Aedes vexans"), "aff. vexans"),
        (("Diptera", "Culicidae", "Aedes", "Aedes sp. 1"), "sp. 1"),
    ],
)
def test_a_suspected_new_species(names: tuple[str, ...], qualifier: str) -> None:
    assert cells(*names)["identificationQualifier"] in (None, "sp. 1")
    row = cells(*names, flags="few_references;new_species_suspected")
    assert row["identificationQualifier"] == qualifier
    assert "flags: few_references, new_species_suspected" in str(row["identificationRemarks"])
    assert row["occurrenceRemarks"] == ""


@pytest.mark.parametrize(
    ("evidence", "basis"),
    [
        ("dna", "MaterialSample"),
        ("image+dna", "MaterialSample"),
        ("image", "MachineObservation"),
        ("text", "Occurrence"),
        (None, "Occurrence"),
    ],
)
def test_the_basis_of_record_claims_what_the_evidence_shows(
    evidence: str | None, basis: str
) -> None:
    row = cells("Diptera", evidence=evidence)
    assert row["basisOfRecord"] == basis
    assert basis in BASES_OF_RECORD
    kept = DatasetFacts(basis_of_record="PreservedSpecimen")
    assert cells("Diptera", evidence=evidence, facts=kept)["basisOfRecord"] == "PreservedSpecimen"


def test_media_and_sequences_are_the_sources() -> None:
    photo = cells("Diptera", evidence="image", source="p/a.jpg")
    assert (photo["associatedMedia"], photo["associatedSequences"]) == ("p/a.jpg", None)
    both = made_row("s1", "Diptera", evidence="image+dna", source="p/a.jpg")
    joined = occurrence_row(both, FACTS, Barcode("ACGT", "q.fasta#s1"))
    assert (joined["associatedMedia"], joined["associatedSequences"]) == ("p/a.jpg", "q.fasta#s1")
    assert (joined["DNA_sequence"], joined["target_gene"]) == ("ACGT", "COI")
    dna = cells("Diptera", source="q.fasta#s1")
    assert (dna["associatedMedia"], dna["associatedSequences"]) == (None, "q.fasta#s1")


def test_a_conflict_is_told_with_both_answers() -> None:
    row = made_row("s1", flags="conflict;stop_codons", conflict="image: Lepidoptera; dna: Diptera")
    cells_ = occurrence_row(row, FACTS)
    assert cells_["previousIdentifications"] == "image: Lepidoptera | dna: Diptera"
    assert "swapped well" in str(cells_["occurrenceRemarks"])
    assert "stop codons" in str(cells_["occurrenceRemarks"])
    history = list(identification_rows(row, cells_, FACTS))
    assert [one["verbatimIdentification"] for one in history[1:]] == [
        "image: Lepidoptera", "dna: Diptera"
    ]  # fmt: skip
    assert {one["identifiedBy"] for one in history} == {FACTS.identified_by}


def test_ids_with_a_prefix() -> None:
    row = cells("Diptera", facts=DatasetFacts(id_prefix="urn:catalog:LAB:"))
    assert (row["occurrenceID"], row["materialEntityID"]) == ("urn:catalog:LAB:s1", "s1")


TEXT = st.none() | st.text(min_size=1, max_size=20)


@given(
    st.tuples(TEXT, TEXT, TEXT, TEXT),
    st.fixed_dictionaries(
        {
            "flags": TEXT,
            "conflict": TEXT,
            "evidence": TEXT,
            "source": TEXT,
            "nearest_id": TEXT,
            "nearest_similarity": st.none() | st.floats(-1, 1),
            "identity": st.none() | st.floats(0, 1),
            "overlap_bp": st.none() | st.integers(0, 2000),
            "n_support": st.none() | st.integers(0, 99),
        }
    ),
)
def test_any_row_makes_an_occurrence(names: tuple[str | None, ...], given_: dict[str, Any]) -> None:
    row = made_row("s1", *[name if name and name.strip() else None for name in names], **given_)
    found = occurrence_row(row, FACTS)
    assert found["scientificName"]
    assert found["basisOfRecord"] in BASES_OF_RECORD
    assert all(value is None or isinstance(value, str) for value in found.values())
    lacking: ResultRow = {"specimen_id": "s1"}
    assert occurrence_row(lacking, FACTS)["scientificName"] == "Animalia"


def test_an_archive_says_what_its_columns_are(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    for _ in range(2):
        with open_archive(path, [IDENTIFICATIONS, SEQUENCES], "Flies & <more>", "A lab") as tables:
            tables["occurrence.txt"].write({"id": "s1", "scientificName": "Aedes"})
            tables["dnaderiveddata.txt"].write({"id": "s1", "DNA_sequence": "ACGT"})
        if not (tmp_path / "first.zip").exists():
            path.rename(tmp_path / "first.zip")
    assert path.read_bytes() == (tmp_path / "first.zip").read_bytes()
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    meta = ElementTree.fromstring(texts["meta.xml"])
    space = "{http://rs.tdwg.org/dwc/text/}"
    files = meta.findall(f"{space}core") + meta.findall(f"{space}extension")
    assert [table.get("rowType", "").rsplit("/", 1)[1] for table in files] == [
        "Occurrence", "Identification", "DNADerivedData"
    ]  # fmt: skip
    for table in files:
        header = texts[str(table.findtext(f"{space}files/{space}location"))].splitlines()[0]
        terms = [field.get("term", "") for field in table.findall(f"{space}field")]
        places = [int(field.get("index", "")) for field in table.findall(f"{space}field")]
        assert places == list(range(1, len(header.split("\t"))))
        names = header.split("\t")[1:]
        for name, term in zip(names, terms, strict=True):
            assert term.endswith((f"/{name}", "/dna_sequence")) or "mixs" in term
    eml = ElementTree.fromstring(texts["eml.xml"])
    assert eml.findtext("dataset/title") == "Flies & <more>"
    assert eml.findtext("dataset/contact/organizationName") == "A lab"


def test_an_archive_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), open_archive(path, [], "t", "c"):
        raise ZeroDivisionError
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zip"]
    assert path.read_bytes() == b"old"


def test_xml_of_any_words() -> None:
    ElementTree.fromstring(meta_xml([OCCURRENCES]))
    ElementTree.fromstring(eml_xml("\"<&>'", "]]>"))


def test_barcodes_are_found_on_the_disk() -> None:
    def specimens() -> Any:
        for i in range(25_000):
            yield Specimen(f"s{i}", "dna", "ACGT", f"f#{i}")
        yield Specimen("s1", "dna", "TTTT", "f#again")

    with BarcodeLookup() as lookup:
        lookup.add(specimens())
        assert lookup.find("s1") == Barcode("ACGT", "f#1")
        assert lookup.find("s24999") == Barcode("ACGT", "f#24999")
        assert lookup.find("nobody' OR 1=1 --") is None
        assert lookup.found == 2
