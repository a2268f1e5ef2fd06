from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from clibd_cli.core.errors import ClibdError
from clibd_cli.io.references import References, scan_references
from clibd_cli.io.results import RESULT_COLUMNS
from tests.io.shared_data import DATA, needs_data

FILES = {
    "a.fasta": ">a\nACGT\n",
    "b.txt": "; comment\n>b\nACGT\n",
    "bold.tsv": "processid\tspecies\tnuc\n",
    "both.csv": "image_file,order,nucraw,sampleid\n",
    "photos/labels.csv": "file,order,species\n",
    "photos/1.jpg": "",
    "specimens.csv": "processid,order,species\n",
    "notes.txt": "Remember the milk, and the eggs\n",
    "plates.csv": "plate,well\n",
    "paths.csv": "file,plate\n",
    "results.csv": ",".join(RESULT_COLUMNS) + "\n",
    "results.skipped.csv": "source,specimen_id,reason\n",
    "empty.tsv": "",
    "script.py": "print()",
    ".hidden.fasta": ">h\nACGT\n",
}


def test_files_are_told_apart(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "c.FA.gz").write_bytes(gzip.compress(b">c\nACGT\n"))
    (tmp_path / "d.tsv.gz").write_bytes(gzip.compress(b"id\tsequence\n"))
    (tmp_path / "broken.tsv.gz").write_bytes(gzip.compress(b"id\tsequence\n")[:12])
    (tmp_path / "binary.csv").write_bytes(b"PK\x03\x04\0\0")

    def named(*names: str) -> list[Path]:
        return [tmp_path / name for name in names]

    assert scan_references(tmp_path) == References(
        barcode_files=named("a.fasta", "b.txt", "bold.tsv", "both.csv", "c.FA.gz", "d.tsv.gz"),
        photo_root=tmp_path,
        label_tables=named("both.csv", "photos/labels.csv", "specimens.csv"),
        ignored=named(
            "binary.csv",
            "broken.tsv.gz",
            "empty.tsv",
            "notes.txt",
            "paths.csv",
            "plates.csv",
            "results.csv",
            "results.skipped.csv",
            "script.py",
        ),
    )


def test_what_only_bears_the_name_of_fasta_is_ignored(tmp_path: Path) -> None:
    contents = {
        "binary.fa": b"\x7fELF\x02\x01\x01\0\0\0",
        "cut.fasta.gz": gzip.compress(b">c\nACGT\n")[:12],
        "reads.fasta": b"@r\nACGT\n+\nIIII\n",
        "zip.fasta": b"PK\x03\x04\0\0",
        "table.fasta": b"id,sequence\nx,ACGT\n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    found = scan_references(tmp_path)
    assert [path.name for path in found.barcode_files] == ["table.fasta"]
    assert [path.name for path in found.ignored] == sorted(set(contents) - {"table.fasta"})


def test_stores_and_indexes_are_passed_over(tmp_path: Path) -> None:
    names = (
        "refs.embeddings/_skipped.csv",
        "store/part-000000.parquet",
        "store/a.fasta",
        "shards/shard-1-of-2/part-000000.parquet",
        "clibd-index/index.json",
        "clibd-index/keys.parquet",
    )
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(">a\nACGT\n", encoding="utf-8")
    assert scan_references(tmp_path) == References()


def test_no_photos_no_root(tmp_path: Path) -> None:
    assert scan_references(tmp_path) == References()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ClibdError, match="is not a folder"):
        scan_references(tmp_path / "nowhere")


@pytest.mark.realdata
@needs_data
def test_the_shared_folders() -> None:
    found = scan_references(DATA / "lepidoptera")
    assert found == References([], DATA / "lepidoptera", [DATA / "lepidoptera" / "photos.csv"])
    assert len(scan_references(DATA / "coi").barcode_files) == 2
    assert len(scan_references(DATA / "bold_tsv").barcode_files) == 1
