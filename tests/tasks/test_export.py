"""Results in the words of other programs, as files."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.progress import Silent
from clibd_cli.tasks.export import FORMATS, ExportSummary, export
from tests.io.made_results import ROWS, made_row, write_results

SUFFIXES = [".csv", ".tsv", ".parquet", ".jsonl"]
FASTA = ">a1\nACGTACGTACGT\n>p2 x\nacgtacgtacgtta\n>other\nTTTTTTTTTTTTT\n"


class Listener(Silent):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, message: str) -> None:
        self.warnings.append(message)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_results(Path("r.csv"))
    Path("q.fasta").write_text(FASTA, encoding="utf-8")
    return tmp_path


def table(path: str | Path) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="," if str(path).endswith("csv") else "\t"))


def log_of(done: ExportSummary) -> dict[str, object]:
    path = Path(done.out)
    log = json.loads(path.with_name(f"{path.stem}.run.json").read_text(encoding="utf-8"))
    assert isinstance(log, dict)
    return log


@pytest.mark.parametrize("format", FORMATS)
def test_the_bytes_depend_on_the_rows_alone(folder: Path, format: str) -> None:
    made = []
    for suffix in SUFFIXES:
        write_results(Path(f"in{suffix}") / f"r{suffix}")
        done = export(f"in{suffix}/r{suffix}", format=format)
        assert (done.n, done.skipped) == (6, 0)
        made.append(Path(done.out).read_bytes())
    assert len(set(made)) == 1
    assert Path(done.out).name == f"r{FORMATS[format][0]}"


def test_darwin_core_with_barcodes(folder: Path) -> None:
    done = export("r.csv", "gbif.csv", dna=["q.fasta"], higher={"phylum": "Arthropoda"})
    rows = {row["materialEntityID"]: row for row in table("gbif.csv")}
    assert list(rows) == ["a1", "a2", "a3", "p1", "p2", "'=1+2"]
    assert (rows["a1"]["DNA_sequence"], rows["a1"]["target_gene"]) == ("ACGTACGTACGT", "COI")
    assert rows["p2"]["associatedSequences"] == "q.fasta#p2"
    assert rows["p2"]["associatedMedia"] == "plate ä/p2.jpg"
    assert (rows["p1"]["DNA_sequence"], rows["p1"]["basisOfRecord"]) == ("", "MachineObservation")
    assert {row["phylum"] for row in rows.values()} == {"Arthropoda"}
    assert {row["identifiedBy"] for row in rows.values()} == {
        "clibd 9.8.7 with tiny (0123456789ab)"
    }
    assert {row["dateIdentified"] for row in rows.values()} == {"2026-03-01"}
    assert "target precision: 0.95" in rows["a1"]["identificationRemarks"]
    assert done.barcodes == 2
    assert done.named == {"order": 4, "family": 4, "genus": 3, "species": 3}


def test_an_archive_holds_the_extensions(folder: Path) -> None:
    done = export("r.csv", "a.zip", format="darwin-core-archive", dna=["q.fasta"], title="Flies")
    with zipfile.ZipFile("a.zip") as archive:
        assert archive.namelist() == [
            "meta.xml", "eml.xml", "occurrence.txt", "identification.txt", "dnaderiveddata.txt"
        ]  # fmt: skip
        rows = {
            name: list(csv.DictReader(io.StringIO(archive.read(name).decode()), delimiter="\t"))
            for name in archive.namelist()[2:]
        }
        assert b"Flies" in archive.read("eml.xml")
    assert len(rows["occurrence.txt"]) == done.n == 6
    assert [row["id"] for row in rows["identification.txt"]].count("p2") == 3
    assert len(rows["identification.txt"]) == 8
    barcodes = rows["dnaderiveddata.txt"]
    assert [row["id"] for row in barcodes] == ["a1", "p2"]
    assert barcodes[0]["otu_db"] == "our-index;sha256 fedcba987654"
    assert barcodes[0]["otu_seq_comp_appr"].startswith("clibd 9.8.7 with tiny (0123456789ab); ")


def test_without_a_run_log_nothing_is_made_up(folder: Path) -> None:
    Path("r.run.json").unlink()
    listener = Listener()
    export("r.csv", progress=listener)
    (row, *_) = table("r.darwin-core.txt")
    assert (row["identifiedBy"], row["dateIdentified"]) == ("clibd", "")
    assert "r.run.json cannot be read" in listener.warnings[0]
    Path("r.run.json").write_text('{"finished": 3, "versions": [], "index": {}}', encoding="utf-8")
    assert export("r.csv", format="darwin-core-archive").n == 6


def test_the_user_may_stand_for_the_names(folder: Path) -> None:
    export(
        "r.csv",
        identified_by="A. Taxonomist",
        basis_of_record="PreservedSpecimen",
        id_prefix="urn:x:",
        higher={"kingdom": ""},
    )
    (row, *_) = table("r.darwin-core.txt")
    assert row["identifiedBy"] == "A. Taxonomist"
    assert (row["basisOfRecord"], row["kingdom"]) == ("PreservedSpecimen", "")
    assert (row["occurrenceID"], row["materialEntityID"]) == ("urn:x:a1", "a1")


def test_barcodes_join_as_they_were_classified(folder: Path) -> None:
    """By the ids that a table of labels gave, and `id#2` where an id came twice."""
    Path("q.fasta").write_text(">x\nACGTACGTACGT\n>x\nAACCAACCAACC\n", encoding="utf-8")
    write_results(Path("d.csv"), [made_row("x", "Diptera"), made_row("x#2", "Diptera")])
    export("d.csv", dna=["q.fasta"])
    assert [row["DNA_sequence"] for row in table("d.darwin-core.txt")] == [
        "ACGTACGTACGT", "AACCAACCAACC"
    ]  # fmt: skip
    listener = Listener()
    export("r.csv", dna=["q.fasta"], progress=listener)
    assert "no specimen has a barcode" in listener.warnings[-1]


def test_rows_that_cannot_be_used_are_listed(folder: Path) -> None:
    with Path("r.csv").open("a", encoding="utf-8") as handle:
        handle.write("a1,Diptera\nbroken\n")
    done = export("r.csv", format="qiime2")
    assert (done.n, done.skipped) == (6, 2)
    assert len(table("r.taxonomy.skipped.csv")) == 2


def test_the_log_of_an_export(folder: Path) -> None:
    log = log_of(export("r.csv", dna=["q.fasta"], command="clibd export r.csv"))
    assert log["format_version"] == 1
    assert log["command"] == "clibd export r.csv"
    assert (log["model"], log["fingerprint"]) == ("tiny", "0123456789abcdef")
    assert (log["target_precision"], log["n"], log["barcodes"]) == (0.95, 6, 2)
    assert len(str(log["results_sha256"])) == 64
    for time in ("started", "finished"):
        assert str(log[time]).endswith("Z")
    assert str(log["started"]) <= str(log["finished"])
    assert set(log["versions"]) >= {"clibd", "python", "torch", "numpy", "pyarrow", "platform"}  # type: ignore[call-overload]


def test_the_log_of_the_results_is_not_replaced(folder: Path) -> None:
    before = Path("r.run.json").read_bytes()
    with pytest.raises(UsageError, match=r"run log and the skips of r\.tsv would replace"):
        export("r.csv", "r.tsv", format="qiime2")
    assert Path("r.run.json").read_bytes() == before
    assert not Path("r.tsv").exists()


def test_what_is_there_is_replaced_only_on_request(folder: Path) -> None:
    Path("o.tsv").write_text("precious", encoding="utf-8")
    with pytest.raises(ClibdError, match="is there already") as told:
        export("r.csv", "o.tsv", format="biom")
    assert "--overwrite" in str(told.value.hint)
    assert Path("o.tsv").read_text(encoding="utf-8") == "precious"
    export("r.csv", "o.tsv", format="biom", overwrite=True)
    assert Path("o.tsv").read_text(encoding="utf-8").startswith("#OTUID\t")


@pytest.mark.parametrize(
    ("out", "format", "says"),
    [
        ("r.csv", "darwin-core", "one of the inputs"),
        ("./x/../r.csv", "darwin-core", "one of the inputs"),
        ("o.xlsx", "darwin-core", "cannot be written"),
        ("o.csv", "qiime2", "cannot be written"),
        ("o.csv", "darwin-core-archive", "cannot be written"),
        ("o.csv", "excel", "unknown"),
        ("o", "biom", "cannot be written"),
    ],
)
def test_names_that_will_not_do(folder: Path, out: str, format: str, says: str) -> None:
    Path("x").mkdir()
    before = Path("r.csv").read_bytes()
    with pytest.raises(UsageError, match=says):
        export("r.csv", out, format=format, overwrite=True)
    assert Path("r.csv").read_bytes() == before


def test_a_strange_basis_of_record(folder: Path) -> None:
    with pytest.raises(UsageError, match="none of Darwin Core's"):
        export("r.csv", basis_of_record="Photo")


def test_a_failure_leaves_no_half_file(folder: Path) -> None:
    before = {path.name for path in folder.iterdir()}
    Path("bad.fasta").write_text("@fastq\nACGT\n+\n!!!!\n", encoding="utf-8")
    for format in ("darwin-core", "darwin-core-archive"):
        with pytest.raises(ClibdError, match="FASTQ"):
            export("r.csv", format=format, dna=["bad.fasta"])
    assert {path.name for path in folder.iterdir()} == before | {"bad.fasta"}


def test_ids_and_depths_that_qiime_refuses_are_told(folder: Path) -> None:
    write_results(Path("odd.csv"), [made_row("#1", "Diptera"), made_row('"q"', "Diptera")])
    listener = Listener()
    export("odd.csv", format="qiime2", progress=listener)
    assert "will not find: 2 (#1, " in listener.warnings[0]
    assert "refuses to import" in listener.warnings[1]


def test_the_rules_of_qiime(folder: Path) -> None:
    """What `TSVTaxonomyFormat` of q2-types checks, and the reading by pandas behind it."""
    export("r.csv", "t.tsv", format="qiime2")
    lines = Path("t.tsv").read_text(encoding="utf-8").split("\n")
    assert lines[0].split("\t")[:2] == ["Feature ID", "Taxon"]
    assert {len(line.split("\t")) for line in lines if line} == {3}
    assert any(";" in line for line in lines)
    assert not any(line.endswith(";") for line in lines)
    rows = table("t.tsv")
    assert len({row["Feature ID"] for row in rows}) == len(rows) == len(ROWS)
    assert {row["Taxon"] for row in rows} >= {"Unassigned", "o__Diptera; f__Culicidae"}


@pytest.mark.skipif(shutil.which("biom") is None, reason="biom-format is not installed")
def test_biom_reads_its_table(folder: Path) -> None:
    export("r.csv", "t.tsv", format="biom")
    ids = [row["#OTUID"] for row in table("t.tsv")]
    counts = "".join(f"{name}\t{i}\t2\n" for i, name in enumerate(ids, 1))
    Path("counts.tsv").write_text(f"#OTU ID\tA\tB\n{counts}", encoding="utf-8")
    convert = ["biom", "convert", "-i", "counts.tsv", "-o", "c.biom", "--to-hdf5"]
    add = ["biom", "add-metadata", "-i", "c.biom", "-o", "m.biom", "--output-as-json"]
    add += ["--observation-metadata-fp", "t.tsv", "--sc-separated", "taxonomy"]
    for words in (convert, [*add, "--float-fields", "confidence"]):
        subprocess.run(words, check=True, capture_output=True)
    read = json.loads(Path("m.biom").read_text(encoding="utf-8"))["rows"]
    found = {row["id"]: row["metadata"] for row in read}
    assert found["a1"]["taxonomy"] == [
        "o__Diptera", "f__Culicidae", "g__Aedes", "s__Aedes vexans"
    ]  # fmt: skip
    assert found["a1"]["confidence"] == 0.615
    assert found["a3"] == {"taxonomy": ["Unassigned"], "confidence": ""}
    assert set(found) == set(ids)
