"""`make_report`: reads what classify leaves, whatever part of it is there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from clibd_cli.core.atomic import write_text
from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.records import Skip
from clibd_cli.io.results import RESULT_COLUMNS, SkipWriter, open_results
from clibd_cli.tasks import report_contents
from clibd_cli.tasks.report import make_report
from clibd_cli.tasks.report_photos import PhotoFinder

NAMES = {"order": "Diptera", "family": "Culicidae", "genus": "Aedes", "species": "Aedes vexans"}


class Heard:
    """A listener that keeps the warnings."""

    live = False

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def begin(self, label: str, total: int | None) -> None: ...

    def advance(self, n: int = 1) -> None: ...

    def warn(self, message: str) -> None:
        self.warnings.append(message)


def result(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "specimen_id": f"S{number}",
        **NAMES,
        "rank": "species",
        "confidence_order": 1.0,
        "confidence_species": 0.75,
        "nearest_id": "R1",
        "nearest_species": "Aedes vexans",
        "nearest_similarity": 0.9,
        "n_support": 4,
        "evidence": "image",
        "source": f"photos/S{number}.png",
        **changes,
    }


def write_results(path: Path, rows: list[dict[str, Any]]) -> Path:
    with open_results(path, RESULT_COLUMNS) as table:
        for row in rows:
            table.write(row)
    return path


def write_hits(path: Path, ids: list[str], **changes: Any) -> None:
    rows = [
        {"specimen_id": name, "position": 3 - n, "key_id": f"K{3 - n}", "key_modality": "image",
         "similarity": 0.9, "identity": None, "overlap_bp": None, **NAMES, "bin_uri": None,
         "n_specimens": 1, "source": f"refs/K{3 - n}.png", **changes}
        for name in ids for n in range(2)
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), path)


def write_photo(path: Path, colour: str = "red") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 30), colour).save(path)


def data_of(page: Path, block: str = "page-data") -> Any:
    text = page.read_text(encoding="utf-8")
    found = re.search(rf'id="{block}">(.*?)</script>', text, re.S)
    assert found is not None
    return json.loads(found[1])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".jsonl"])
def test_all_formats_give_the_same_page(here: Path, suffix: str) -> None:
    rows = [result(1, specimen_id="=S1", flags="conflict"), result(2, species=None)]
    path = write_results(here / f"r{suffix}", rows)
    done = make_report(path)
    assert (done.out, done.n, done.shown, done.flagged) == (str(here / "r.html"), 2, 2, 1)
    assert done.size == (here / "r.html").stat().st_size
    data = data_of(here / "r.html")
    assert data["rows"]["id"] == ["=S1", "S2"]
    assert data["rows"]["confidence"] == [10_000, None, None, 7_500] * 2
    assert data["rows"]["support"] == [4, 4]
    assert data["flags"][0]["word"] == "conflict"


def test_numbers_with_a_comma_are_numbers(here: Path) -> None:
    text = "specimen_id;order;confidence_order\nS1;Diptera;0,75\nS2;Diptera;many\n"
    write_text(here / "r.csv", text)
    make_report(here / "r.csv")
    assert data_of(here / "r.html")["rows"]["confidence"][::4] == [7_500, None]


def test_flagged_specimens_come_first(here: Path) -> None:
    flags = ["", "reverse_complemented", "few_references", "", "conflict;few_references"]
    rows = [result(n, flags=cell) for n, cell in enumerate(flags)]
    make_report(write_results(here / "r.parquet", rows))
    rows = data_of(here / "r.html")["rows"]
    assert rows["id"] == ["S4", "S2", "S1", "S0", "S3"]
    assert rows["position"] == [5, 3, 2, 1, 4]


def test_everything_beside_the_results_is_used(here: Path) -> None:
    path = write_results(here / "r.csv", [result(1), result(2)])
    write_hits(here / "r.hits.parquet", ["S1", "S9"])
    write_photo(here / "photos" / "S1.png")
    write_photo(here / "refs" / "K2.png", "blue")
    with SkipWriter(here / "r.skipped.csv") as skips:
        skips.write(Skip("bad.jpg", "bad", "the file is empty"))
    log = {"command": "clibd classify photos/", "index": "/a/b/my-index", "named": {"order": 2}}
    write_text(here / "r.run.json", json.dumps(log))
    done = make_report(path, here / "out" / "page.html")
    assert (done.detailed, done.skipped, done.pictures, done.missing) == (1, 1, 2, 2)
    data = data_of(here / "out" / "page.html")
    texts, near = data["texts"], data["near"]
    assert [texts[place] for place in near["id"]] == ["K2", "K3"]
    assert data["starts"] == [0, 2, 2]
    assert data["rows"]["picture"] == [0, None]
    assert near["picture"] == [1, None]
    text = (here / "out" / "page.html").read_text(encoding="utf-8")
    for told in ("the file is empty", "clibd classify photos/", "my-index", "named.order"):
        assert told in text


def test_few_columns_are_enough(here: Path) -> None:
    write_text(here / "r.tsv", "processid\tspecies\nA\tAedes vexans\nB\t\n")
    done = make_report(here / "r.tsv")
    assert (done.n, done.flagged, done.pictures) == (2, 0, 0)
    assert data_of(here / "r.html")["rows"]["id"] == ["A", "B"]


def test_no_rows(here: Path) -> None:
    assert make_report(write_results(here / "r.parquet", [])).n == 0
    assert make_report(write_results(here / "s.csv", [])).n == 0


def test_further_columns_are_shown(here: Path) -> None:
    table = pa.Table.from_pylist(
        [result(1, identity=0.987, overlap_bp=640, conflict="image: a; dna: b", flags="conflict",
                explanation="seen.png")]
    )  # fmt: skip
    pq.write_table(table, here / "r.parquet")
    write_photo(here / "seen.png")
    make_report(here / "r.parquet")
    rows = data_of(here / "r.html")["rows"]
    assert (rows["identity"], rows["overlap"]) == ([9_870], [640])
    assert (rows["conflict"], rows["explanation"]) == (["image: a; dna: b"], [0])


def test_no_results(here: Path) -> None:
    with pytest.raises(ClibdError, match=r"r\.csv does not exist"):
        make_report(here / "r.csv")
    write_text(here / "r.csv", "a,b\n1,2\n")
    with pytest.raises(ClibdError, match="holds no results"):
        make_report(here / "r.csv")
    (here / "r.parquet").write_bytes(b"nothing")
    with pytest.raises(ClibdError, match="cannot be read"):
        make_report(here / "r.parquet")


@pytest.mark.parametrize("log", ["{", "[" * 100_000, "[1]", "\x00"])
def test_damaged_companions_are_left_out(here: Path, log: str) -> None:
    path = write_results(here / "r.parquet", [result(1)])
    (here / "r.hits.parquet").write_bytes(b"PAR1 nothing")
    write_text(here / "r.run.json", log)
    (here / "r.skipped.csv").write_bytes(b"")
    heard = Heard()
    assert make_report(path, progress=heard).detailed == 0
    assert any("r.hits.parquet" in warning for warning in heard.warnings)
    assert any("r.skipped.csv" in warning for warning in heard.warnings)


def test_numbers_that_are_none(here: Path) -> None:
    write_text(
        here / "r.csv",
        "specimen_id,order,confidence_order,n_support,nearest_similarity\n"
        "A,Diptera,high,many,inf\nB,Diptera,nan,1e400,-0.25\n",
    )
    make_report(here / "r.csv")
    rows = data_of(here / "r.html")["rows"]
    assert not [share for share in rows["confidence"] if share is not None]
    assert rows["support"] == [None, None]
    assert rows["similarity"] == [None, -2_500]


def test_other_files_are_not_overwritten(here: Path) -> None:
    path = write_results(here / "r.parquet", [result(1)])
    write_text(here / "r.html", "<p>mine</p>")
    with pytest.raises(UsageError, match="no report of clibd"):
        make_report(path)
    assert (here / "r.html").read_text(encoding="utf-8") == "<p>mine</p>"
    make_report(path, overwrite=True)
    make_report(path)  # an earlier report may be replaced
    with pytest.raises(UsageError, match="no place"):
        make_report(path, path, overwrite=True)
    with pytest.raises(UsageError, match="no place"):
        make_report(path, here, overwrite=True)


def test_the_same_results_give_the_same_bytes(here: Path) -> None:
    path = write_results(here / "r.parquet", [result(n, flags="conflict") for n in range(9)])
    write_hits(here / "r.hits.parquet", [f"S{n}" for n in range(9)])
    for n in range(9):
        write_photo(here / "photos" / f"S{n}.png")
    make_report(path, here / "a.html", workers=3)
    make_report(path, here / "b.html", workers=0)
    assert (here / "a.html").read_bytes() == (here / "b.html").read_bytes()


def test_what_a_page_holds_is_bounded(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_contents, "MOST_ROWS", 6)
    monkeypatch.setattr(report_contents, "MOST_DETAILED", 3)
    monkeypatch.setattr(report_contents, "MOST_SKIPPED", 1)
    flags = {7: "conflict"}
    rows = [result(n, flags=flags.get(n, "")) for n in range(9)]
    path = write_results(here / "r.parquet", rows)
    write_hits(here / "r.hits.parquet", [f"S{n}" for n in range(9)])
    with SkipWriter(here / "r.skipped.csv") as skips:
        for n in range(3):
            skips.write(Skip(f"bad{n}.jpg", "", "the file is empty"))
    for n in range(9):
        write_photo(here / "photos" / f"S{n}.png")
    done = make_report(path, most_pictures=2)
    assert (done.n, done.shown, done.detailed, done.pictures, done.skipped) == (9, 6, 3, 2, 3)
    data = data_of(here / "r.html")
    assert data["rows"]["id"] == ["S7", "S0", "S1", "S2", "S3", "S4"]
    text = (here / "r.html").read_text(encoding="utf-8")
    for told in ("shows 6 of 9 specimens", "first 3 specimens", "1 of 3 skipped", "2 photos are"):
        assert told in text
    assert make_report(path, most_pictures=0).pictures == 0


def test_barcodes_and_damaged_photos_have_no_picture(here: Path) -> None:
    write_photo(here / "photos" / "S1.png")
    (here / "photos" / "S2.png").write_bytes(b"\x89PNG no more")
    rows = [result(1, evidence="dna"), result(2), result(3, source="nul\0.png")]
    done = make_report(write_results(here / "r.jsonl", rows))
    assert (done.pictures, done.missing) == (0, 2)
    assert "None of the photos was found" in (here / "r.html").read_text(encoding="utf-8")


def test_photos_that_have_moved(here: Path) -> None:
    write_photo(here / "moved" / "plate1" / "A01.png", "red")
    write_photo(here / "moved" / "A01.png", "blue")
    write_photo(here / "secret.png", "white")
    finder = PhotoFinder([here / "nowhere"], [here / "moved"])
    colours = {
        source: image and image.getpixel((1, 1))
        for source in (
            "/old/disk/plate1/A01.png", "C:\\old\\plate1\\A01.png", "/old/disk/plate2/A01.png",
            "../secret.png", "plate1", "",
        )
        if (image := finder.load(source)) or True
    }  # fmt: skip
    assert list(colours.values()) == [(255, 0, 0), (255, 0, 0), (0, 0, 255), None, None, None]


def test_photos_lie_relative_to_the_results(here: Path) -> None:
    write_photo(here / "run" / "photos" / "S1.png")
    done = make_report(write_results(here / "run" / "r.parquet", [result(1)]))
    assert done.pictures == 1


def test_what_is_missing_beside_the_results_is_told(here: Path) -> None:
    heard = Heard()
    done = make_report(write_results(here / "r.csv", [result(1)]), progress=heard)
    assert done.skipped is None
    page = (here / "r.html").read_text(encoding="utf-8")
    for name in ("r.hits.parquet is not there", "r.skipped.csv is not there"):
        assert name in page
        assert any(name in warning for warning in heard.warnings)
