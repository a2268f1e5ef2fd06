"""`clibd audit` at the shell: raw references, stores and indexes in, a ranked table out."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from clibd_cli.cli.main import app
from clibd_cli.core.lineage import RANKS
from tests.made_inputs import SPECIES, barcode_of
from tests.made_library import lineage_of, made_barcode

COLUMNS = (
    "severity,kind,evidence,rank,specimen_ids,n_specimens,current_lineage,suggested_lineage,"
    "reason,numbers,source"
)


def clibd(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), env={"COLUMNS": "160"})


def _write(path: Path, wrong: bool = True) -> None:
    """Barcodes of eight species; one is labelled as another order, one is short, one is copied."""
    rows = [
        [f"s{species}-{n}", *map(lineage_of(species).at, RANKS), made_barcode(species, n)]
        for species in range(0, 24, 3)
        for n in range(6)
    ]
    if wrong:
        rows[0][1:5] = map(lineage_of(21).at, RANKS)
        rows[7][5] = str(rows[7][5])[:120]
        rows.append(["copy", *map(lineage_of(12).at, RANKS), rows[20][5]])
        rows.append(["odd", "Diptera", "Familadae", "Genusa", "Genusa sp. 3", made_barcode(40)])
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([["specimen_id", *RANKS, "nucleotides"], *rows])


def _rows(path: str = "audit.csv") -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_raw_references_golden(workplace: Path) -> None:
    _write(workplace / "refs" / "barcodes.csv")
    done = clibd("audit", "refs")
    assert done.exit_code == 0, done.output
    assert Path("audit.csv").read_text(encoding="utf-8").splitlines()[0] == COLUMNS
    found = {(row["kind"], row["specimen_ids"].split(";")[0]): row for row in _rows()}
    wrong = found["label_disagrees", "s0-0"]
    assert wrong["current_lineage"] == "Odonata Familcdae Genusf Genusf vvvvvv"
    assert wrong["suggested_lineage"] == "Diptera Familadae Genusa Genusa aaaaaa"
    assert wrong["source"].endswith("barcodes.csv#s0-0")
    assert ("short_barcode", "s3-1") in found
    assert ("hybrid_label", "odd") in found
    duplicate = next(row for kind, row in found.items() if kind[0] == "duplicate")
    assert "copy" in duplicate["specimen_ids"].split(";")
    severities = [float(row["severity"]) for row in _rows()]
    assert severities == sorted(severities, reverse=True)
    assert "label_disagrees" in done.stdout
    assert "s0-0" in done.stdout
    assert "findings" in done.stderr
    assert Path("refs.embeddings").is_dir()
    assert json.loads(Path("audit.run.json").read_text(encoding="utf-8"))["findings"] == len(
        _rows()
    )


def test_store_and_index_tell_the_same(workplace: Path) -> None:
    _write(workplace / "refs" / "barcodes.csv")
    assert clibd("audit", "refs").exit_code == 0
    raw = Path("audit.csv").read_bytes()
    assert clibd("audit", "refs.embeddings", "--out", "store.csv").exit_code == 0
    assert Path("store.csv").read_bytes() == raw
    assert clibd("build-index", "refs.embeddings").exit_code == 0
    assert clibd("audit", "clibd-index", "--out", "index.csv").exit_code == 0
    kinds = [(row["kind"], row["severity"]) for row in _rows("index.csv")]
    assert kinds == [(row["kind"], row["severity"]) for row in _rows()]


def test_json_and_top_and_formats(workplace: Path) -> None:
    _write(workplace / "refs" / "barcodes.csv")
    done = clibd("audit", "refs", "--json", "--quiet", "--top", "2", "--out", "a.jsonl")
    facts = json.loads(done.stdout)
    assert done.stderr == ""
    assert len(facts["top"]) == 2
    assert facts["kinds"]["label_disagrees"] == 2
    assert facts["kinds"]["near_empty_photo"] == 0
    assert facts["references"] == {"dna": 50}
    lines = Path("a.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines[:2]] == facts["top"]
    assert clibd("audit", "refs", "--out", "a.parquet", "-q").exit_code == 0
    assert Path("a.parquet").stat().st_size > 0


def test_a_clean_library_has_an_empty_table(workplace: Path) -> None:
    _write(workplace / "refs" / "barcodes.csv", wrong=False)
    done = clibd("audit", "refs")
    assert done.exit_code == 0
    assert done.stdout == ""
    assert _rows() == []


def test_photos_with_labels(workplace: Path) -> None:
    """Of 20 photos, one is empty, and one is there again as another species."""
    from PIL import Image, ImageDraw

    folder = workplace / "photos"
    folder.mkdir()
    labels = [["file", *RANKS]]
    for n in range(20):
        image = Image.new("RGB", (120, 100), (220, 220, 215))
        if n:
            colour = ("red", "navy", "black", "darkgreen")[n % 4]
            ImageDraw.Draw(image).ellipse((30 + n, 25, 80, 70 + n % 5), fill=colour)
        image.save(folder / f"p{n}.png")
        labels.append([f"p{n}.png", *map(SPECIES[n % 4].at, RANKS)])
    shutil.copy(folder / "p2.png", folder / "p2-again.png")
    labels.append(["p2-again.png", *map(SPECIES[3].at, RANKS)])
    with (workplace / "labels.csv").open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows(labels)
    done = clibd("audit", "photos", "--labels", "labels.csv", "--json")
    assert done.exit_code == 0, done.output
    found = {(row["kind"], row["specimen_ids"]): row for row in _rows()}
    assert ("near_empty_photo", "p0") in found
    assert float(found["duplicate", "p2;p2-again"]["severity"]) == 1.0
    shutil.rmtree(folder)
    done = clibd("audit", "photos.embeddings", "--json")
    assert json.loads(done.stdout)["unseen_photos"] == 21
    assert "not looked at" in done.stderr


def test_names_cannot_run_in_a_spreadsheet_or_a_terminal(workplace: Path) -> None:
    evil = "=HYPERLINK(\x1b[31m[red])"
    rows = [["specimen_id", *RANKS, "nucleotides"]]
    rows += [[evil, "Diptera", "", "", f"{evil} x y", barcode_of(0)]]
    with (workplace / "b.csv").open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows(rows)
    done = clibd("audit", "b.csv")
    assert done.exit_code == 0, done.output
    assert "\x1b[31m" not in done.stdout
    assert all(not cell.startswith("=") for row in _rows() for cell in row.values())


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["audit"], 2, "REFS"),
        (["audit", "gone"], 1, "gone is neither a file nor a folder"),
        (["audit", "empty"], 1, "holds no embeddings"),
        (["audit", "refs", "--out", "x.docx"], 2, ".csv"),
        (["audit", "idx", "refs"], 2, "audited alone"),
        (["audit", "idx", "--labels", "l.csv"], 2, "--labels"),
        (["audit", "refs.embeddings", "--labels", "l.csv"], 2, "--labels"),
        (["audit", "refs", "--model", "unheard-of"], 1, "unheard-of"),
        (["audit", "broken"], 1, "damaged"),
    ],
)
def test_what_cannot_be_done_is_said(
    workplace: Path, words: list[str], code: int, says: str
) -> None:
    _write(workplace / "refs" / "barcodes.csv", wrong=False)
    (workplace / "empty").mkdir()
    (workplace / "l.csv").write_text("specimen_id,order\na,Diptera\n", encoding="utf-8")
    assert clibd("build-index", "refs", "--out", "idx", "-q").exit_code == 0
    shutil.copytree("idx", "broken")
    (workplace / "broken" / "keys.parquet").write_bytes(b"no")
    done = clibd(*words)
    assert done.exit_code == code, done.output
    assert says in done.output
    assert "Traceback" not in done.output
    assert not Path("audit.csv").exists()
