"""A trained model brings along what it has seen, and a calibration by what it has not."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clibd_cli.calibration.curves import FILE, Calibration, from_json
from clibd_cli.core.digest import sha256_file
from clibd_cli.core.errors import ClibdError
from clibd_cli.core.lineage import RANKS, Lineage
from clibd_cli.models.experience import (
    CALIBRATION_FILE,
    SEEN_FILE,
    count_seen,
    share_seen,
)
from clibd_cli.models.home import models_home
from clibd_cli.models.registry import find_installed, read_card, remove
from clibd_cli.models.verify import verify_model
from clibd_cli.tasks import held_out, train_experience
from clibd_cli.tasks.classify import classify
from clibd_cli.tasks.embed import embed
from clibd_cli.tasks.held_out import kinds_of
from clibd_cli.tasks.inputs import Inputs
from clibd_cli.tasks.references import build_index
from clibd_cli.tasks.train import train
from clibd_cli.training.example import Example
from clibd_cli.training.settings_fields import TrainSettings
from tests.made_inputs import barcode_of
from tests.tasks.test_calibrating import Warnings

GENERA, TAUGHT, KEPT_BACK, NEW = 6, 3, 4, 7
"""In each genus two species are taught, with 3 photos and 4 kept back; of a third, all 7 are."""

TINY = TrainSettings(
    name="mine",
    init_model="tiny",
    photos=("photos",),
    labels=("photos/photos.csv",),
    split="splits.csv",
    pairs="taxon",
    label="species",
    steps=1,
    batch_size=8,
    validate_every=0,
    workers=0,
    device="cpu",
)

pytestmark = pytest.mark.usefixtures("one_thread")


def lineage_of(genus: int, species: int) -> Lineage:
    name = f"Genus{'abcdef'[genus]}"
    return Lineage("Ordo", f"Familia{genus % 2}", name, f"{name} species{'abc'[species]}")


def write_photo(path: Path, genus: int, species: int, number: int) -> None:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (40, 40), (40 * genus, 250 - 40 * genus, 120))
    box = (4 + number % 5, 4 + number // 5, 14 + 8 * species, 30)
    ImageDraw.Draw(image).ellipse(box, fill=("black", "white", "grey")[species])
    path.parent.mkdir(exist_ok=True)
    image.save(path)


@pytest.fixture
def place(workplace: Path) -> Iterator[Path]:
    """Photos of 18 species, 6 of them not taught, their names, and what each photo is for."""
    rows, splits = [], []
    for genus in range(GENERA):
        for species in range(3):
            for number in range(NEW):
                name = f"p{genus}-{species}-{number}"
                write_photo(Path("photos", f"{name}.png"), genus, species, number)
                lineage = lineage_of(genus, species)
                rows.append([f"{name}.png", *(lineage.at(rank) for rank in RANKS)])
                kept = "val_unseen" if species == 2 else "val" if number >= TAUGHT else "train"
                splits.append([name, "key_seen" if kept == "val" and number == 6 else kept])
    for path, table in {"photos/photos.csv": rows, "splits.csv": splits}.items():
        with Path(path).open("w", encoding="utf-8", newline="") as handle:
            head = ["file", *RANKS] if table is rows else ["specimen_id", "split"]
            csv.writer(handle).writerows([head, *table])
    before = {path.name for path in models_home().iterdir()}
    yield workplace
    assert not list(models_home().glob(".*.partial"))
    for path in list(models_home().iterdir()):
        if path.name not in before and path.is_dir():
            remove(path.name, models_home())


def write_barcodes(path: Path) -> None:
    """One of each taught species."""
    with path.open("w", encoding="utf-8") as fasta:
        for genus in range(GENERA):
            for species in (0, 1):
                names = zip("ofgs", RANKS, strict=True)
                lineage = lineage_of(genus, species)
                tax = ",".join(f"{k}:{lineage.at(r)}".replace(" ", "_") for k, r in names)
                fasta.write(f">d{genus}-{species};tax={tax};\n{barcode_of(3 * genus + species)}\n")


def model(name: str = "mine") -> Path:
    return find_installed(name, models_home())


def taught() -> list[Path]:
    """The photos that are trained on."""
    return [
        Path(f"photos/p{g}-{s}-{n}.png") for g in range(GENERA) for s in (0, 1) for n in (0, 1, 2)
    ]


def write_references(folder: str) -> None:
    """The photos that are trained on, with their names, and nothing else."""
    Path(folder).mkdir()
    for path in taught():
        Path(folder, path.name).write_bytes(path.read_bytes())
    Path(folder, "names.csv").write_bytes(Path("photos/photos.csv").read_bytes())


def calibrations(folder: Path) -> list[Calibration]:
    return list(from_json((folder / FILE).read_text(encoding="utf-8")))


def test_a_model_brings_both_along_and_an_index_of_its_photos_takes_them(place: Path) -> None:
    done = train(TINY)
    assert done.experience is not None
    assert (done.experience.photos_seen, done.experience.inherited) == (36, 0)
    assert done.experience.held_out == {"specimen": 48, "species": 42, "genus": 0}
    assert share_seen(model(), map(sha256_file, taught())) == 1.0
    others = set(Path("photos").glob("*.png")) - set(taught())
    assert share_seen(model(), map(sha256_file, others)) == 0.0

    brought = calibrations(model())
    assert done.experience.calibrations == len(brought) == 2
    assert {(one.query, one.keys, one.representatives) for one in brought} == {
        ("image", ("image",), False),
        ("image", ("image",), True),
    }
    assert {(one.asked["specimen"], one.asked["species"]) for one in brought} == {(48, 42)}
    run = json.loads(Path("mine.train/run.json").read_text(encoding="utf-8"))
    assert run["experience"]["photos_seen"] == 36
    assert run["experience"]["held_out"]["species"] == 42

    write_references("refs")
    for few in (None, 1):
        told = Warnings()
        build_index(["refs"], f"index-{few}", representatives=few, progress=told)
        (taken,) = calibrations(Path(f"index-{few}"))
        own = brought[few is not None]
        assert taken == replace(own, learnt_from="model", far=taken.far)
        assert taken.far <= own.far
        assert not told.told
    named = classify(Inputs(photos=["photos/p0-0-6.png"]), "index-None", "r.csv", workers=0)
    assert named.calibrated


def test_it_is_what_build_index_would_learn_of_the_same_photos(place: Path) -> None:
    train(TINY)
    write_references("refs")
    Path("held").mkdir()
    for path in sorted(set(Path("photos").glob("*.png")) - set(taught())):
        Path("held", path.name).write_bytes(path.read_bytes())
    inputs = Inputs(photos=["held"], labels=["photos/photos.csv"])
    embed(inputs, "held.embeddings", model="mine", workers=0)
    build_index(["refs"], model="mine", calibrate_with=["held.embeddings"])
    (found,), brought = calibrations(Path("clibd-index")), calibrations(model())[0]
    assert found.asked == brought.asked
    assert len(found.ranks["genus"].curve.mean) == len(brought.ranks["genus"].curve.mean)
    assert found.far == pytest.approx(brought.far, abs=1e-3)
    rates = [
        [one.ranks["genus"].threshold(target) for target in (0.0, 0.5, 0.9)]
        for one in (found, brought)
    ]
    assert rates[0] == pytest.approx(rates[1], abs=0.05)


def test_barcodes_are_references_too(place: Path) -> None:
    write_barcodes(Path("d.fasta"))
    with Path("splits.csv").open("a", encoding="utf-8") as splits:
        splits.writelines(f"d{g}-{s},train\n" for g in range(GENERA) for s in (0, 1))
    done = train(replace(TINY, dna=("d.fasta",)))
    keys = [one.keys for one in calibrations(model())]
    assert keys == [("image",), ("dna",), ("image", "dna")] * 2
    assert done.experience is not None
    assert done.experience.calibrations == 6


def test_a_model_inherits_what_the_first_one_saw(place: Path) -> None:
    train(replace(TINY, split=None))
    write_photo(Path("more/x0.png"), 0, 0, 9)
    write_photo(Path("more/x1.png"), 1, 0, 9)
    names = [["x0.png", *lineage_of(0, 0).as_text().split(" ", 3)], ["x1.png", "Ordo"]]
    with Path("more/names.csv").open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([["file", *RANKS], *names])
    finer = replace(TINY, name="finer", init_model=None, image_tower="model:mine")
    finer = replace(finer, text_tower="model:tiny", photos=("more",), labels=(), split=None)
    done = train(finer)
    assert done.experience is not None
    assert (done.experience.photos_seen, done.experience.inherited) == (128, 126)
    assert count_seen(model("finer")) == 128
    # What the first model was trained on is not kept back, whatever the split says.
    done = train(replace(TINY, name="again", init_model="mine"))
    assert done.experience is not None
    assert (done.experience.photos_seen, done.experience.calibrations) == (126, 0)
    assert "all photos that were kept back are among those" in done.experience.uncalibrated
    assert not (model("again") / CALIBRATION_FILE).exists()


def test_without_photos_kept_back_there_is_no_calibration(place: Path) -> None:
    done = train(replace(TINY, split=None))
    assert done.experience is not None
    assert "no photo with a species was kept back" in done.experience.uncalibrated
    assert (model() / SEEN_FILE).is_file()
    assert not (model() / CALIBRATION_FILE).exists()
    told = Warnings()
    write_references("refs")
    build_index(["refs"], progress=told)
    assert "photos are not calibrated" in told.told[-1]


def test_too_few_photos_kept_back_are_counted(place: Path) -> None:
    lines = Path("splits.csv").read_text(encoding="utf-8").splitlines()
    fewer = [line.replace("val_unseen", "test") if line < "p3" else line for line in lines]
    Path("splits.csv").write_text("\n".join(fewer), encoding="utf-8")
    done = train(TINY)
    assert done.experience is not None
    assert done.experience.uncalibrated == (
        "of 69 photos that were kept back, 48 are of taught species and 21 of new species in "
        "taught genera (8 of a species count); of each 40 are needed"
    )
    assert not (model() / CALIBRATION_FILE).exists()


def test_a_run_that_ends_while_it_calibrates_leaves_nothing_half(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(*_values: object, **_more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(held_out, "calibrate_index", press)
        train(TINY)
    assert not (models_home() / "mine").exists()
    done = train(TINY)
    assert (done.resumed_at, done.model) == (1, "mine")
    train(replace(TINY, name="other"))
    for name in (SEEN_FILE, CALIBRATION_FILE):
        assert (model() / name).read_bytes() == (model("other") / name).read_bytes()


def test_a_calibration_that_fails_costs_no_model(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_values: object, **_more: object) -> None:
        raise MemoryError("no room on the device")

    monkeypatch.setattr(train_experience, "calibrate_photos", fail)
    told = Warnings()
    done = train(TINY, progress=told)
    assert done.model == "mine"
    assert "no room on the device" in told.told[-1]
    assert (model() / SEEN_FILE).is_file()
    assert not (model() / CALIBRATION_FILE).exists()


def test_what_a_model_brings_along_is_part_of_it(place: Path) -> None:
    train(TINY)
    assert verify_model(model()) == read_card(model())
    (model() / CALIBRATION_FILE).write_text("{}", encoding="utf-8")
    with pytest.raises(ClibdError, match=r"calibration\.json is not what its card describes"):
        verify_model(model())


def test_a_model_without_photos_brings_nothing(place: Path) -> None:
    write_barcodes(Path("d.fasta"))
    done = train(replace(TINY, dna=("d.fasta",), modalities=("dna", "text"), split=None))
    assert done.experience is not None
    assert (done.experience.photos_seen, done.experience.uncalibrated) == (0, "")
    assert not {SEEN_FILE, CALIBRATION_FILE} & {path.name for path in model().iterdir()}


def kept(genus: int, species: int, n: int) -> list[Example]:
    return [
        Example(f"{genus}-{species}-{i}", None, None, lineage_of(genus, species)) for i in range(n)
    ]


@pytest.mark.parametrize(
    ("held", "kinds"),
    [
        (kept(0, 0, 3), {"specimen": 3, "species": 0, "genus": 0}),
        (kept(0, 1, 9), {"specimen": 0, "species": 8, "genus": 0}),
        (kept(1, 0, 2), {"specimen": 0, "species": 0, "genus": 2}),
        ([Example("x", None, None, Lineage("Ordo"))], {"specimen": 0, "species": 0, "genus": 0}),
    ],
)
def test_what_can_be_asked(held: list[Example], kinds: Mapping[str, Any]) -> None:
    assert kinds_of(held, kept(0, 0, 1)) == kinds
