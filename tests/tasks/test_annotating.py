"""Photos that a model was trained on are not taken at their word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clibd_cli.calibration.curves import Bin, Calibration, RankCalibration, Step, to_json
from clibd_cli.calibration.logistic import Logistic
from clibd_cli.core.digest import sha256_file
from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import Modality
from clibd_cli.models.experience import CALIBRATION_FILE, write_seen
from clibd_cli.tasks.annotating import _by_experience
from clibd_cli.tasks.references import build_index
from tests.made_inputs import write_photos
from tests.tasks.test_calibrating import Warnings


def calibration(query: Modality, *keys: Modality, far: float = 0.1) -> Calibration:
    curve = Logistic((0.0,) * 6, (1.0,) * 6, ((0.0,) * 6,) * 3, (0.0,) * 25)
    rank = RankCalibration(curve, False, (Step(0.5, 0.9, 1.0, 0.5),), (Bin(10, 1.0, 0.5, 0.5),))
    ranks, asked = {"species": rank}, {"specimen": 40, "species": 40, "genus": 40}
    return Calibration(query, keys, False, False, asked, far, ranks, 40, "references", 0, curve)


@pytest.fixture
def index(workplace: Path) -> Path:
    write_photos(workplace / "refs", range(3), "ref")
    build_index(["refs"])
    return Path("clibd-index")


@pytest.fixture
def model(index: Path, tiny_home: Path) -> Path:
    return tiny_home / "models" / "tiny"


@pytest.fixture
def untouched(model: Path) -> Iterator[Path]:
    before = set(model.iterdir())
    yield model
    for path in set(model.iterdir()) - before:
        path.unlink()


def test_strange_photos_are_asked_themselves(index: Path, untouched: Path) -> None:
    own = [calibration("image", "image")]
    assert _by_experience(own, index, index, Warnings()) == own
    write_seen(untouched, ["ab" * 32])
    assert _by_experience(own, index, index, Warnings()) == own


def test_known_photos_need_what_the_model_brings(index: Path, untouched: Path) -> None:
    write_seen(untouched, (sha256_file(path) for path in Path("refs").iterdir()))
    progress = Warnings()
    others = [calibration("dna", "image")]
    found = _by_experience([calibration("image", "image"), *others], index, index, progress)
    assert found == others
    assert "--calibrate-with" in progress.told[-1]
    brought = [calibration("image", "image"), calibration("image", "dna")]
    (untouched / CALIBRATION_FILE).write_text(to_json(brought), encoding="utf-8")
    of_model = replace(brought[0], learnt_from="model")
    assert _by_experience(others, index, index, Warnings()) == [*others, of_model]
    farther = [calibration("image", "image", far=0.05)]
    assert _by_experience(farther, index, index, Warnings()) == [replace(of_model, far=0.05)]
    nearer = [calibration("image", "image", far=0.5)]
    assert _by_experience(nearer, index, index, Warnings()) == [of_model]
    (untouched / CALIBRATION_FILE).write_text("{}", encoding="utf-8")
    with pytest.raises(ClibdError, match=r"calibration\.json is damaged"):
        _by_experience(others, index, index, Warnings())
