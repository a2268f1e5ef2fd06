"""Photos are explained beside the results: all, or the flagged ones, safely named, whole or not."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.progress import Silent
from clibd_cli.core.records import Call
from clibd_cli.io.photos import read_photo
from clibd_cli.io.results import RESULT_COLUMNS
from clibd_cli.models.model import ClibdModel
from clibd_cli.tasks.classify import classify
from clibd_cli.tasks.embed import embed
from clibd_cli.tasks.explaining import Explainer
from clibd_cli.tasks.inputs import Inputs
from clibd_cli.tasks.references import build_index
from clibd_cli.tasks.report import make_report
from tests.made_inputs import write_fasta, write_photos
from tests.tasks.test_report import data_of

INDEX = Path("clibd-index")
PICTURES = Path("r.explanations")


class Listener(Silent):
    def __init__(self) -> None:
        self.told: list[str] = []

    def warn(self, message: str) -> None:
        self.told.append(message)


@pytest.fixture
def place(workplace: Path) -> Path:
    """An index of four species, and a photo of each, `photos/q0-3.png` and so on."""
    write_fasta(workplace / "refs" / "barcodes.fasta", range(3), "ref", labels=True)
    write_photos(workplace / "refs" / "photos", range(3), "ref")
    build_index(["refs"])
    write_photos(workplace / "photos", range(3, 4), "q")
    Path("photos/photos.csv").unlink()
    return workplace


def rows_of(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_every_photo_has_its_picture(place: Path) -> None:
    done = classify(Inputs([], ["photos"]), INDEX, Path("r.csv"), explain=True)
    rows = rows_of("r.csv")
    assert list(rows[0]) == [*RESULT_COLUMNS, "explanation"]
    named = [row["explanation"] for row in rows]
    assert len(set(named)) == 4
    assert {Path(name) for name in named} == set(PICTURES.iterdir())
    for row in rows:
        digest = read_photo(row["source"]).sha256
        assert row["explanation"] == f"r.explanations/{digest[:32]}.jpg"
        with Image.open(row["explanation"]) as picture:
            assert (picture.format, picture.size) == ("JPEG", (48, 40))
    log = json.loads(Path("r.run.json").read_text(encoding="utf-8"))
    assert (done.explained, done.explanations) == (4, "r.explanations")
    assert (log["explained"], log["explanations"]) == (4, "r.explanations")


def test_without_asking_nothing_is_explained(place: Path) -> None:
    done = classify(Inputs([], ["photos"]), INDEX, Path("r.csv"))
    assert tuple(rows_of("r.csv")[0]) == RESULT_COLUMNS
    assert (done.explained, done.explanations) == (0, None)
    assert not PICTURES.exists()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_report_shows_them_and_no_others_of_that_name(place: Path, suffix: str) -> None:
    out = Path("out") / f"r.{suffix}"
    page = Path("page.html")
    done = classify(Inputs([], ["photos"]), INDEX, out, explain=True, report=page)
    table = pq.read_table(out).to_pylist() if suffix == "parquet" else rows_of(str(out))
    for row in table:
        assert (out.parent / row["explanation"]).is_file()
    rows = data_of(page)["rows"]
    assert done.explained == 4
    assert len({*rows["picture"], *rows["explanation"]} - {None}) == 8
    before = page.read_bytes()
    PICTURES.mkdir()
    for row in table:
        Image.new("RGB", (9, 9), "lime").save(row["explanation"])
    make_report(out, page)
    assert page.read_bytes() == before


def test_the_same_run_again_gives_the_same_bytes(place: Path) -> None:
    found = []
    for _ in range(2):
        classify(Inputs([], ["photos"]), INDEX, Path("r.csv"), explain=True)
        found.append({path.name: path.read_bytes() for path in PICTURES.iterdir()})
        Path("photos/q0-3.png").touch()
    assert found[0] == found[1]


def test_pictures_of_photos_that_are_gone_do_not_stay(place: Path) -> None:
    classify(Inputs([], ["photos"]), INDEX, Path("r.csv"), explain=True)
    (PICTURES / "Thumbs.db").write_bytes(b"left by a viewer")
    Path("photos/q0-3.png").unlink()
    classify(Inputs([], ["photos"]), INDEX, Path("r.csv"), explain=True)
    assert len(list(PICTURES.iterdir())) == len(rows_of("r.csv")) == 3


def test_only_flagged_ones(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wants(call: Call) -> bool:
        return call.specimen_id == "q1-3"

    def flag(calls: Any, *rest: Any) -> Any:
        from clibd_cli.tasks.calls import make_calls

        for call in make_calls(calls, *rest):
            assert isinstance(call, Call)
            object.__setattr__(call, "flags", ("few_references",) if wants(call) else ())
            yield call

    monkeypatch.setattr("clibd_cli.tasks.classify.make_calls", flag)
    done = classify(Inputs([], ["photos"]), INDEX, Path("r.csv"), explain="flagged")
    explained = [row["specimen_id"] for row in rows_of("r.csv") if row["explanation"]]
    assert (explained, done.explained) == (["q1-3"], 1)


def test_photos_with_barcodes_and_barcodes_alone(place: Path) -> None:
    write_fasta(place / "q.fasta", range(3, 5), "q")
    done = classify(Inputs(["q.fasta"], ["photos"]), INDEX, Path("r.csv"), explain=True)
    explained = {row["specimen_id"]: bool(row["explanation"]) for row in rows_of("r.csv")}
    assert explained == {f"q{s}-{i}": i == 3 for s in range(4) for i in (3, 4)}
    assert done.explained == 4


def test_the_target_is_the_photo_s_own_nearest_reference(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np

    seen: list[np.ndarray] = []
    plain = ClibdModel.explain_photos

    def spy(self: ClibdModel, photos: Any, targets: np.ndarray) -> np.ndarray:
        seen.append(targets)
        return plain(self, photos, targets)

    monkeypatch.setattr(ClibdModel, "explain_photos", spy)
    write_fasta(place / "q.fasta", range(3, 4), "q")
    classify(Inputs(["q.fasta"], ["photos"]), INDEX, Path("r.csv"), explain=True)
    index = np.load(INDEX / "vectors.image.npy")
    (targets,) = seen
    hits = [
        row for row in pq.read_table("r.hits.parquet").to_pylist()
        if row["position"] == 1 and row["key_modality"] == "image"
    ]  # fmt: skip
    assert len(hits) == len(targets) == 4
    assert all((np.abs(index - target).max(axis=1) < 1e-3).any() for target in targets)


def test_barcodes_alone_have_nothing_to_explain(place: Path) -> None:
    write_fasta(place / "q.fasta", range(1), "q")
    with pytest.raises(UsageError, match="nothing to explain"):
        classify(Inputs(["q.fasta"]), INDEX, Path("r.csv"), explain=True)
    assert not Path("r.csv").exists()
    embed(Inputs(["q.fasta"]), Path("q.embeddings"))
    listener = Listener()
    done = classify(
        Inputs([], ["q.embeddings"]), INDEX, Path("r.csv"), explain=True, progress=listener
    )
    assert (done.n, done.explained) == (4, 0)
    assert any("nothing was explained" in told for told in listener.told)


def test_photos_of_a_store_are_explained_where_they_still_are(place: Path) -> None:
    embed(Inputs([], ["photos"]), Path("q.embeddings"))
    Path("photos/q2-3.png").unlink()
    listener = Listener()
    done = classify(
        Inputs([], ["q.embeddings"]), INDEX, Path("r.csv"), explain=True, progress=listener
    )
    assert (done.n, done.explained) == (4, 3)
    assert any(told.startswith("1 photo") for told in listener.told)


def test_names_of_pictures_come_from_no_name(place: Path) -> None:
    bytes_of = [Path(f"photos/q{n}-3.png").read_bytes() for n in range(4)]
    names = ["=cmd()|x.png", "x..%2f..%2fup.png", "CON.png", "a;b 'c' ä.png"]
    for path in Path("photos").iterdir():
        path.unlink()
    for name, data in zip(names, bytes_of, strict=True):
        Path("photos", name).write_bytes(data)
    Path("photos/twin.png").write_bytes(bytes_of[0])
    done = classify(Inputs([], ["photos"]), INDEX, Path("r.csv"), explain=True)
    rows = rows_of("r.csv")
    assert done.explained == len(rows) == 5
    pictures = {path.name for path in PICTURES.iterdir()}
    assert len(pictures) == 4  # twins share one
    assert all(set(name) <= set("0123456789abcdef.jpg") for name in pictures)
    assert {Path(row["explanation"]).name for row in rows} == pictures


def test_a_failure_leaves_yesterday_s_pictures(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classify(Inputs([], ["photos"]), INDEX, Path("r.csv"), explain=True)
    before = {path.name: path.read_bytes() for path in PICTURES.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr("clibd_cli.tasks.explaining._CALLS_A_WINDOW", 2)
        drawn = Explainer._draw

        def fail_late(self: Explainer, pairs: Any) -> None:
            drawn(self, pairs)
            if len(list(self._partial.iterdir())) > 2:
                raise OSError(28, "No space left on device")

        patch.setattr(Explainer, "_draw", fail_late)
        with pytest.raises(OSError, match="No space"):
            classify(Inputs([], ["photos"]), INDEX, Path("r.csv"), explain=True)
    assert {path.name: path.read_bytes() for path in PICTURES.iterdir()} == before
    assert sorted(p.name for p in Path().iterdir() if p.name.startswith(".")) == []


def test_a_full_disk_is_told_with_the_next_step(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if self.suffix == ".jpg":
            raise OSError(28, "No space left on device")
        return plain(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ClibdError, match=r"r\.explanations cannot be written: No space"):
        classify(Inputs([], ["photos"]), INDEX, Path("r.csv"), explain=True)
    assert not Path("r.csv").exists()
    assert not PICTURES.exists()


def test_other_people_s_files_are_never_lost(place: Path) -> None:
    PICTURES.mkdir()
    (PICTURES / "thesis.doc").write_text("years of work", encoding="utf-8")
    with pytest.raises(UsageError, match=r"thesis\.doc"):
        classify(Inputs([], ["photos"]), INDEX, Path("r.csv"), explain=True)
    assert (PICTURES / "thesis.doc").is_file()
    Path("s.explanations").write_text("a file", encoding="utf-8")
    with pytest.raises(UsageError, match="is a file"):
        classify(Inputs([], ["photos"]), INDEX, Path("s.csv"), explain=True)


def test_an_unknown_choice(place: Path) -> None:
    with pytest.raises(UsageError, match="some"):
        classify(Inputs([], ["photos"]), INDEX, Path("r.csv"), explain="some")  # type: ignore[arg-type]
