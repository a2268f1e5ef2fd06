from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.lineage import Lineage
from clibd_cli.core.records import Skip, Specimen
from clibd_cli.io.barcodes import read_barcodes
from clibd_cli.io.labels import read_labels
from tests.io.shared_data import DATA, needs_data

GOOD = "ACGTTGCAACGT"


def write(tmp_path: Path, text: str | bytes, name: str = "samples.fasta") -> str:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def read(*files: str, **options: object) -> list[Specimen | Skip]:
    return list(read_barcodes(files, **options))  # type: ignore[arg-type]


def test_fasta_with_every_mess(tmp_path: Path) -> None:
    name = write(
        tmp_path,
        b"\xef\xbb\xbf; made by hand\r\n\r\n>ABGEN939-20|Icaricia saepiolus|COI-5P|KM123456\r\n"
        b"acgu-tgca\r\n\r\nacgt\r\n>short\r\nACGT\r\n>empty\r\n>protein\r\nMFINRWLFSTNHK\r\n>\r\n"
        b"ACGTACGTACGT\r\n>other|Xestia|ITS2\r\nACGTACGTACGT\r\n>caf\xe9\r\nACGTACGTACGN",
    )
    assert read(name) == [
        Specimen(
            "ABGEN939-20",
            "dna",
            "ACGTTGCAACGT",
            f"{name}#ABGEN939-20",
            Lineage(genus="Icaricia", species="Icaricia saepiolus"),
        ),
        Skip(
            f"{name}#record 2",
            "short",
            "too short: 4 bases of A, C, G or T, at least 10 are needed",
        ),
        Skip(f"{name}#record 3", "empty", "no sequence"),
        Skip(
            f"{name}#record 4",
            "protein",
            "not a nucleotide sequence: 'F' at position 2, gaps not counted",
        ),
        Skip(f"{name}#record 5", "", "the record has no id"),
        Skip(f"{name}#record 6", "other", "marker ITS2 is not COI"),
        Specimen("café", "dna", "ACGTACGTACGN", f"{name}#café"),
    ]


def test_compressed_and_several_files(tmp_path: Path) -> None:
    plain = write(tmp_path, f">a\n{GOOD}\n", "a.fasta")
    packed = write(tmp_path, gzip.compress(f">b\n{GOOD}\n".encode()), "b.fasta")
    assert [r.specimen_id for r in read(plain, packed)] == ["a", "b"]


def test_repeated_ids_stay_apart_with_one_warning(tmp_path: Path) -> None:
    text = "".join(f">{name}\n{GOOD}\n" for name in ["a", "a#2", "a", "b", "a"])
    said: list[str] = []
    first, second = write(tmp_path, text, "1.fa"), write(tmp_path, text, "2.fa")
    ids = [record.specimen_id for record in read(first, second, warn=said.append)]
    assert ids[:5] == ["a", "a#2", "a#3", "b", "a#4"]
    assert len(set(ids)) == 10
    assert len(said) == 1
    assert said[0].startswith("repeated ids among the barcodes: 7 are kept apart")


def test_a_skipped_record_takes_no_id(tmp_path: Path) -> None:
    name = write(tmp_path, f">a\nAC\n>a\n{GOOD}\n>a\n{GOOD}\n>a\nACG\n")
    skips = [record for record in read(name) if isinstance(record, Skip)]
    ids = [record.specimen_id for record in read(name) if isinstance(record, Specimen)]
    assert ids == ["a", "a#2"]
    assert [(skip.source, skip.specimen_id) for skip in skips] == [
        (f"{name}#record 1", "a"),
        (f"{name}#record 4", "a"),
    ]


@pytest.mark.parametrize(
    "header",
    [
        "processid,nucleotides,order_name,family_name,genus_name,species_name,bin_uri",
        "ProcessID;NUC;order;family;genus;species;dna_bin",
        "record_id\tdna_barcode\torder\tfamily\tgenus\tspecies\turi",
        "sampleid|nucraw|Order|Family|Genus|Species|BIN",
        "id,barcode,order,family,genus,species,bin-uri",
    ],
)
def test_tables_under_any_column_names(tmp_path: Path, header: str) -> None:
    delimiter = next(d for d in "\t,;|" if d in header)
    row = ["X1", GOOD.lower(), "Lepidoptera", "NA", "Icaricia", "saepiolus", "BOLD:AAA4621"]
    name = write(tmp_path, f"{header}\n{delimiter.join(row)}\n", "t.txt")
    lineage = Lineage("Lepidoptera", None, "Icaricia", "Icaricia saepiolus")
    assert read(name) == [Specimen("X1", "dna", GOOD, f"{name}#X1", lineage, "BOLD:AAA4621")]


def test_bold_v5_rows(tmp_path: Path) -> None:
    rows = [
        "processid\tspecimenid\trecord_id\tbin_uri\tspecies\tgenus\tnuc\tmarker_code",
        f"AB1-20\t7\tAB1-20.COI-5P\tNone\tXestia alba\tXestia\t{GOOD}\tCOI-5P",
        f"AB1-20\t7\tAB1-20.ITS\tNone\tXestia alba\tXestia\t{GOOD}\tITS",
        "AB2-20\t8\tNone\tNone\tNone\tNone\tNone\tNone",
        f'AB3-20\t9\tx\tNone\tNone\t"odd\t{GOOD}\tCOI-3P',
        f"AB4-20\t10\tx\tNone\tNone\tNone\t{GOOD}\tCOI-5P\textra",
        f"AB1-20\t7\tAB1-20.COI-5P.2\tNone\tNone\tNone\t{GOOD}A\tCOI-5P",
        f"None\t7\tNone\tNone\tNone\tNone\t{GOOD}A\tCOI-5P",
    ]
    name = write(tmp_path, "\n".join(rows) + "\n", "bold.tsv")
    records = read(name)
    assert records[0] == Specimen(
        "AB1-20", "dna", GOOD, f"{name}#AB1-20", Lineage(genus="Xestia", species="Xestia alba")
    )
    assert records[5].specimen_id == "AB1-20#2"
    assert [(r.source.split("#")[1], r.reason) for r in records if isinstance(r, Skip)] == [
        ("line 3", "marker ITS is not COI"),
        ("line 4", "no sequence"),
        ("line 5", "marker COI-3P is not the barcode region of COI (COI-5P)"),
        ("line 6", "9 cells where the header has 8"),
        ("line 8", "the record has no id"),
    ]


def test_labels_replace_what_the_file_says(tmp_path: Path) -> None:
    table = write(
        tmp_path,
        "specimen_id,sampleid,order,family,genus,species,bin_uri\n"
        "S1,X1,Diptera,Sciaridae,Sciara,alba,BOLD:AAA0001\nS2,X2,,,,,\n",
        "labels.csv",
    )
    name = write(
        tmp_path, "".join(f">{x}|Xestia alba|COI-5P\n{GOOD}\n" for x in ("X1", "X2", "X3"))
    )
    said: list[str] = []
    records = read(name, labels=read_labels(table), warn=said.append)
    old = Lineage(genus="Xestia", species="Xestia alba")
    new = Lineage("Diptera", "Sciaridae", "Sciara", "Sciara alba")
    assert records == [
        Specimen("S1", "dna", GOOD, f"{name}#X1", new, "BOLD:AAA0001"),
        Specimen("S2", "dna", GOOD, f"{name}#X2", old),
        Specimen("X3", "dna", GOOD, f"{name}#X3", old),
    ]
    assert said == [f"1 of 3 barcodes are not in {table}: X3"]


def test_a_label_of_few_ranks_leaves_the_others_of_the_file(tmp_path: Path) -> None:
    table = write(tmp_path, "id,order\nX1,Lepidoptera\nX2,Diptera\n", "labels.csv")
    text = "".join(
        f">{x};tax=o:Lepidoptera,f:Noctuidae,g:Xestia,s:Xestia_alba\n{GOOD}\n" for x in ("X1", "X2")
    )
    records = read(write(tmp_path, text), labels=read_labels(table))
    assert [record.lineage for record in records if isinstance(record, Specimen)] == [
        Lineage("Lepidoptera", "Noctuidae", "Xestia", "Xestia alba"),
        Lineage("Diptera"),
    ]


def test_a_table_of_photo_files_is_not_missed_by_barcodes(tmp_path: Path) -> None:
    table = write(tmp_path, "file,order\na.jpg,Diptera\n", "labels.csv")
    said: list[str] = []
    read(write(tmp_path, f">x\n{GOOD}\n"), labels=read_labels(table), warn=said.append)
    assert said == []


def test_labels_know_a_record_by_its_bold_record_id(tmp_path: Path) -> None:
    name = write(tmp_path, f">ABX1-20.COI-5P\n{GOOD}\n")
    table = write(tmp_path, "record_id,order\nABX1-20.COI-5P,Diptera\n", "labels.csv")
    (record,) = read(name, labels=read_labels(table))
    assert isinstance(record, Specimen)
    assert record.lineage == Lineage("Diptera")


def test_a_table_with_a_nameless_first_column(tmp_path: Path) -> None:
    name = write(tmp_path, f";id;sequence\n0;x;{GOOD}\n", "pandas.csv")
    assert [record.specimen_id for record in read(name)] == ["x"]


@pytest.mark.parametrize("content", ["", "\n \n", "id,nucleotides\n", ";only a comment\n"])
def test_a_file_without_records_is_one_skip(tmp_path: Path, content: str) -> None:
    name = write(tmp_path, content)
    assert read(name) == [Skip(name, "", "no records")]


def test_a_table_of_something_else_is_an_error_that_lists_its_columns(tmp_path: Path) -> None:
    name = write(tmp_path, "plate,well\n1,A01\n", "t.csv")
    with pytest.raises(ClibdError, match=r"t\.csv has no column with .*Columns found: plate, well"):
        read(name)
    name = write(tmp_path, f"plate,sequence\n1,{GOOD}\n", "t.csv")
    with pytest.raises(ClibdError, match="no column with ids"):
        read(name)


def test_fastq_is_told(tmp_path: Path) -> None:
    with pytest.raises(ClibdError, match="FASTQ"):
        read(write(tmp_path, f"@a\n{GOOD}\n+\nFFFF\n"))


def test_a_misspelt_file_is_found_before_the_first_record(tmp_path: Path) -> None:
    good = write(tmp_path, f">a\n{GOOD}\n")
    with pytest.raises(ClibdError, match="nowhere"):
        next(read_barcodes([good, str(tmp_path / "nowhere")]))


@pytest.mark.parametrize(
    "text", [f">a\n{GOOD}\n>b\n{GOOD}", f">a\n{GOOD}\n>b\n{GOOD}\n", f"id,seq\na,{GOOD}\nb,{GOOD}"]
)
def test_all_records_before_garbage_are_kept(tmp_path: Path, text: str) -> None:
    name = write(tmp_path, gzip.compress(text.encode()) + b"garbage", "samples.gz")
    *records, skip = read(name)
    assert [(r.specimen_id, r.content) for r in records if isinstance(r, Specimen)] == [
        ("a", GOOD),
        ("b", GOOD),
    ]
    assert isinstance(skip, Skip)
    assert "something else after its gzip data" in skip.reason


def test_a_barcode_that_a_break_cuts_is_lost(tmp_path: Path) -> None:
    packed = gzip.compress(f">a\n{GOOD}\n>b\n{GOOD}".encode())
    *records, skip = read(write(tmp_path, packed[:-4], "samples.gz"))
    assert [record.specimen_id for record in records] == ["a"]
    assert isinstance(skip, Skip)


def test_a_nul_byte_costs_its_record(tmp_path: Path) -> None:
    bad, good = read(write(tmp_path, f">a\nAC\0{GOOD}\n>b\n{GOOD}\n"))
    assert isinstance(bad, Skip)
    assert "U+0000" in bad.reason or "\\x00" in bad.reason
    assert isinstance(good, Specimen)


def test_records_before_a_break_are_kept(tmp_path: Path) -> None:
    text = "".join(f">id{i}\n{GOOD}\n" for i in range(20_000)).encode()
    name = write(tmp_path, gzip.compress(text)[:-3000], "cut.fasta.gz")
    after = write(tmp_path, f">last\n{GOOD}\n")
    *records, rest, last = read(name, after)
    assert len(records) > 5000
    assert all(isinstance(record, Specimen) and record.content == GOOD for record in records)
    assert isinstance(rest, Skip)
    assert "records from there on are lost" in rest.reason
    assert last.specimen_id == "last"


@pytest.mark.parametrize("start", [b">one\n", b">", b""])
def test_ten_megabytes_without_a_newline(tmp_path: Path, start: bytes) -> None:
    name = write(tmp_path, start + b"ACGT" * 2_500_000)
    if not start:
        with pytest.raises(ClibdError) as caught:
            read(name)
        assert len(str(caught.value)) < 2000
        return
    (record,) = read(name)
    assert isinstance(record, Skip)
    assert len(record.specimen_id) <= 2000
    assert ("too long" in record.reason) == (start == b">one\n")


def test_strange_ids_are_kept_on_one_line(tmp_path: Path) -> None:
    ids = ["a,b", 'say"', "=cmd()", "../../up", "x" * 300, "tab\tand more", "\x1b[31mred"]
    name = write(tmp_path, "".join(f">{x}\n{GOOD}\n" for x in ids))
    got = [record.specimen_id for record in read(name)]
    assert got == ["a,b", 'say"', "=cmd()", "../../up", "x" * 300, "tab", "[31mred"]


RECORD = st.tuples(
    st.sampled_from(["a", "b", "a#2", "", "AB1-20|Xestia|ITS2", "c d", "x|y"]),
    st.sampled_from(["", "ACGT", GOOD, "MFF", "-" * 20, GOOD.lower() + "-"]),
)


@given(st.lists(RECORD, min_size=1, max_size=12), st.sampled_from(["\n", "\r\n", "\r"]))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_and_skips_are_the_records(
    tmp_path: Path, records: list[tuple[str, str]], end: str
) -> None:
    fasta = write(tmp_path, "".join(f">{title}{end}{raw}{end}" for title, raw in records))
    table = write(
        tmp_path,
        "id,order,sequence" + end + "".join(f"{t},Diptera,{raw}{end}" for t, raw in records),
        "t.csv",
    )
    for name in (fasta, table):
        got = read(name)
        assert len(got) == len(records)
        ids = [record.specimen_id for record in got if isinstance(record, Specimen)]
        assert len(ids) == len(set(ids))


@pytest.mark.realdata
@needs_data
def test_the_arctic_survey() -> None:
    records = read(str(DATA / "coi" / "insects_arctic.tsv.gz"))
    specimens = [record for record in records if isinstance(record, Specimen)]
    assert len(records) == len(specimens) == 30_811
    assert len({specimen.specimen_id for specimen in specimens}) == 30_811
    assert sum(1 for specimen in specimens if specimen.bin_uri) == 28_824
    family = sum(1 for specimen in specimens if specimen.lineage.family)
    assert round(family / len(specimens), 2) == 0.88


@pytest.mark.realdata
@needs_data
def test_the_bold_v5_export() -> None:
    records = read(str(DATA / "bold_tsv" / "bold_v5_odonata_norway.tsv"))
    assert len(records) == 85
    reasons = Counter(record.reason for record in records if isinstance(record, Skip))
    assert reasons == {
        "no sequence": 7,
        "marker 16S is not COI": 6,
        "marker ITS is not COI": 1,
        "too short: 4 bases of A, C, G or T, at least 10 are needed": 1,
    }


@pytest.mark.realdata
@needs_data
def test_all_arthropods() -> None:
    specimens = Counter(
        type(record) for record in read_barcodes([DATA / "coi" / "arthropods.tsv.gz"])
    )
    assert specimens == {Specimen: 174_352}
