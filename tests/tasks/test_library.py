"""What ships with clibd: a model that is found everywhere, and references where there are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from clibd_cli.cli.main import app
from clibd_cli.core.errors import ClibdError
from clibd_cli.models import registry
from clibd_cli.tasks import models as task
from clibd_cli.tasks.classify import classify
from clibd_cli.tasks.demo import demo_model, look_up_a_name
from clibd_cli.tasks.inputs import Inputs
from clibd_cli.tasks.library import choose_index
from clibd_cli.tasks.references import build_index
from tests.made_inputs import SPECIES, write_fasta, write_photos
from tests.models.tiny import install_tiny


def clibd(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.fixture
def home(ships: Path, tmp_path: Path) -> Path:
    return tmp_path / "home" / "models"


def test_names_right_after_installation(ships: Path) -> None:
    write_fasta(Path("samples.fasta"), range(3, 5), "q")
    write_photos(Path("photos"), range(3, 4), "q")
    Path("photos/photos.csv").unlink()
    done = clibd("classify", "--dna", "samples.fasta", "--out", "results.csv", "--json")
    assert done.exit_code == 0, done.output
    assert "references: clibd-mini's own library (4 photos and 4 barcodes, which" in done.stderr
    assert "stand for 24)" in done.stderr
    assert "neither identity nor chimeras" in done.stderr
    assert "clibd build-index" in done.stderr
    rows = Path("results.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert [row.split(",")[4] for row in rows] == [s.species for s in SPECIES] * 2
    log = json.loads(Path("results.run.json").read_text(encoding="utf-8"))
    assert log["index"] == str(ships / "clibd-mini-library")
    assert log["model"] == "clibd-mini"
    vectors = {"vectors.dna.npy", "vectors.image.npy"}
    assert set(log["index_sha256"]) == {"keys.parquet", "strand.json", *vectors}
    assert clibd("classify", "photos", "--out", "photos.csv").exit_code == 0
    found = clibd("search", "--dna", "samples.fasta", "-k", "1", "--json")
    assert "own library" in found.stderr
    assert len(found.stdout.splitlines()) == 8
    assert not list(Path().glob("*.embeddings"))


def test_from_python_the_library_is_found_as_well(ships: Path) -> None:
    write_fasta(Path("q.fasta"), range(1), "q")
    done = classify(Inputs(["q.fasta"]), None, "r.csv")
    assert done.index == str(ships / "clibd-mini-library")


def test_an_index_of_the_user_s_own_goes_before_the_library(
    ships: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_fasta(Path("refs.fasta"), range(1), "mine", labels=True)
    build_index(["refs.fasta"])
    assert choose_index().folder == Path("clibd-index")
    assert choose_index().told == "references: the index clibd-index"
    Path("clibd-index").rename("elsewhere")
    assert choose_index().folder == ships / "clibd-mini-library"
    monkeypatch.setenv("CLIBD_INDEX", "elsewhere")
    assert choose_index().folder == Path("elsewhere")
    chosen = choose_index("elsewhere")
    assert (chosen.folder, chosen.told) == (Path("elsewhere"), "")


def test_the_library_never_stands_in_for_what_was_named(
    ships: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ClibdError, match="no index in gone"):
        choose_index("gone")
    monkeypatch.setenv("CLIBD_INDEX", "gone too")
    with pytest.raises(ClibdError, match="no index in gone too"):
        choose_index()
    monkeypatch.delenv("CLIBD_INDEX")
    Path("clibd-index").mkdir()
    with pytest.raises(ClibdError, match="no index in clibd-index"):
        choose_index()


def test_without_a_library_there_is_an_error(workplace: Path) -> None:
    with pytest.raises(ClibdError, match="no index in clibd-index"):
        choose_index()


def test_the_model_that_ships_is_the_default_until_another_is_added(
    ships: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert task.resolve_model_folder() == ships / "clibd-mini"
    assert registry.default_model(home) == "clibd-mini"
    install_tiny(home, "mine", seed=6)
    assert task.resolve_model_folder() == home / "mine"
    assert task.resolve_model_folder("clibd-mini") == ships / "clibd-mini"
    monkeypatch.setenv("CLIBD_MODEL", "clibd-mini")
    assert task.resolve_model_folder() == ships / "clibd-mini"


def test_it_is_listed_and_shown(ships: Path, home: Path) -> None:
    line = next(
        line for line in clibd("models", "list").stdout.splitlines() if "clibd-mini" in line
    )
    assert line.startswith("*")
    assert "built in" in line
    shown = json.loads(clibd("models", "show", "clibd-mini", "--json").stdout)
    assert (shown["state"], shown["folder"]) == ("built in", str(ships / "clibd-mini"))
    assert shown["card"]["fingerprint"]
    states = {entry.name: entry.state for entry in task.list_models()}
    assert states["clibd-demo"] == "built in"
    assert registry.broken(home) == []


def test_its_name_is_its_own(ships: Path, home: Path, tmp_path: Path) -> None:
    (tmp_path / "best.pth").write_bytes(b"x")
    for overwrite in (False, True):
        with pytest.raises(ClibdError, match="clibd's own model"):
            task.add_model(tmp_path / "best.pth", "clibd-mini", overwrite=overwrite)
    with pytest.raises(ClibdError, match="nothing to pull"):
        task.pull_model("clibd-mini")
    with pytest.raises(ClibdError, match="cannot be removed"):
        task.remove_model("clibd-mini")
    assert (ships / "clibd-mini" / "card.json").is_file()


def test_a_model_of_its_name_from_before_is_hidden_but_not_lost(ships: Path, home: Path) -> None:
    old = install_tiny(home, "clibd-mini", ("image", "dna", "text"), seed=8)
    assert [entry.name for entry in task.list_models()].count("clibd-mini") == 1
    assert task.resolve_model_folder("clibd-mini") == ships / "clibd-mini"
    found = {entry.card.fingerprint: entry.folder for entry in registry.at_hand(home) if entry.card}
    assert found[old.fingerprint] == home / "clibd-mini"
    task.remove_model("clibd-mini")
    assert not (home / "clibd-mini").exists()


def test_check_looks_at_what_ships(ships: Path) -> None:
    done = clibd("check")
    assert done.exit_code == 0, done.output
    said = " ".join(done.stdout.split())
    assert "model clibd-mini image+dna+text, 64 dimensions, ships with clibd, the default" in said
    assert "library clibd-mini's own library (4 photos and 4 barcodes" in said
    keys = ships / "clibd-mini-library" / "keys.parquet"
    keys.write_bytes(keys.read_bytes()[:-9])
    (ships / "clibd-mini" / "model.safetensors").write_bytes(b"x")
    broken = clibd("check")
    assert broken.exit_code == 1
    assert broken.stdout.count("install clibd anew") == 2


def test_the_demo_looks_up_a_real_name(ships: Path) -> None:
    assert demo_model() == "clibd-mini"
    photos, barcodes = look_up_a_name()
    assert {hit.modality for hit in photos.hits} == {"image"}
    assert len(barcodes.hits) == 3
    assert "--keys dna" in barcodes.command


def test_without_a_library_the_demo_looks_up_nothing(workplace: Path) -> None:
    assert look_up_a_name() == []
    assert demo_model() == "clibd-demo"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--representatives", "0"], "below 1"),
        (["--representatives", "some"], "cannot be read"),
        (["--representatives", "photo=1"], "cannot be read"),
        (["--representatives", "1", "--add"], "exclude each other"),
        (["--vectors", "int8"], "int8"),
    ],
)
def test_mistakes_say_what_to_do(workplace: Path, words: list[str], says: str) -> None:
    write_fasta(Path("refs.fasta"), range(1), labels=True)
    done = clibd("build-index", "refs.fasta", *words)
    assert done.exit_code == 2
    assert says in " ".join(done.output.split())


def test_representatives_by_kind(workplace: Path) -> None:
    write_fasta(Path("refs/barcodes.fasta"), range(3), "ref", labels=True)
    write_photos(Path("refs/photos"), range(3), "ref")
    done = clibd("build-index", "refs", "--representatives", "image=2,dna=1", "--json")
    assert done.exit_code == 0, done.output
    header = json.loads(done.stdout)["header"]
    assert header["representatives"] == {"image": 2, "dna": 1}
    assert (header["keys"]["image"]["vectors"], header["keys"]["dna"]["vectors"]) == (8, 4)
    assert "of each species and BIN at most 2 image and 1 dna" in done.stderr
