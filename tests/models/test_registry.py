from __future__ import annotations

import os
from pathlib import Path

import pytest

from clibd_cli.core.errors import ClibdError
from clibd_cli.models import registry
from clibd_cli.models.cards import ModelCard


@pytest.fixture(autouse=True)
def _no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLIBD_MODEL", raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "models"


def install(home: Path, name: str, *, age: int = 0) -> Path:
    """A folder that looks like an installed model, written `age` seconds ago."""
    folder = home / name
    folder.mkdir(parents=True)
    registry.write_card(folder, ModelCard(name=name, title=f"about {name}", source="a file", dim=8))
    (folder / "model.safetensors").write_bytes(b"weights")
    written = 1_700_000_000 - age
    os.utime(folder / registry.CARD_FILE, (written, written))
    return folder


def states(home: Path) -> dict[str, str]:
    return {entry.name: entry.state for entry in registry.list_models(home)}


def test_an_empty_home_lists_what_can_be_pulled(home: Path) -> None:
    assert states(home) == {
        "clibd-1m": "published",
        "clibd-1m-id": "published",
        "clibd-5m": "published",
        "clibd-5m-id": "published",
        "barcodebert-5mer": "published",
        "barcodebert-4mer": "published",
        "clibd-demo": "built in",
    }
    assert registry.installed(home) == []
    assert not home.exists()


def test_an_installed_model_hides_the_published_one(home: Path) -> None:
    install(home, "clibd-1m")
    install(home, "mine")
    entries = registry.list_models(home)
    assert [entry.name for entry in entries[:2]] == ["clibd-1m", "mine"]
    assert [entry.name for entry in entries].count("clibd-1m") == 1
    assert entries[0].state == "installed"
    assert entries[0].card is not None
    assert entries[0].card.title == "about clibd-1m"
    assert [card.name for card in registry.installed(home)] == ["clibd-1m", "mine"]


def test_a_broken_card_is_one_broken_line(home: Path) -> None:
    install(home, "good")
    (install(home, "bad") / registry.CARD_FILE).write_text('{"format_version": 1}', "utf-8")
    (install(home, "worse") / registry.CARD_FILE).write_bytes(b"\xff\xfe{")
    (home / "empty").mkdir()
    found = {entry.name: entry for entry in registry.list_models(home)}
    assert found["good"].state == "installed"
    for name in ("bad", "worse", "empty"):
        assert found[name].state == "broken"
        assert found[name].card is None
        assert "card.json" in (found[name].problem or "")
    assert [card.name for card in registry.installed(home)] == ["good"]
    assert [entry.name for entry in registry.broken(home)] == ["bad", "empty", "worse"]
    assert all("card.json" in (entry.problem or "") for entry in registry.broken(home))
    with pytest.raises(ClibdError, match=r"bad.card\.json"):
        registry.find_installed("bad", home)


def test_a_broken_demo_model_is_not_told_since_it_is_built_anew(home: Path) -> None:
    (home / "clibd-demo").mkdir(parents=True)
    assert registry.broken(home) == []
    demo = registry.find_entry("clibd-demo", home)
    assert (demo.state, demo.problem) == ("built in", None)


def test_what_is_no_model_is_not_listed(home: Path) -> None:
    install(home, "good")
    (home / ".clibd-demo.7.partial").mkdir()
    (home / "notes.txt").write_text("hello", "utf-8")
    assert "good" in states(home)
    assert not {".clibd-demo.7.partial", "notes.txt"} & set(states(home))


def test_find_by_name_and_by_path(home: Path, tmp_path: Path) -> None:
    folder = install(home, "mine")
    elsewhere = install(tmp_path / "other", "copied")
    assert registry.find_installed("mine", home) == folder
    assert registry.find_installed(str(elsewhere), home) == elsewhere
    assert registry.find_installed(elsewhere, home) == elsewhere


def test_a_renamed_folder_goes_by_its_new_name(home: Path) -> None:
    install(home, "old").rename(home / "new")
    assert [card.name for card in registry.installed(home)] == ["new"]


def test_a_published_model_that_is_not_here_says_pull(home: Path) -> None:
    with pytest.raises(ClibdError, match="clibd-5m is not installed") as caught:
        registry.find_installed("clibd-5m", home)
    assert caught.value.hint == "clibd models pull clibd-5m"


def test_an_unknown_name_lists_similar_ones(home: Path) -> None:
    install(home, "arctic-moths")
    with pytest.raises(ClibdError, match="no model called arctic-moth") as caught:
        registry.find_installed("arctic-moth", home)
    assert "arctic-moths" in (caught.value.hint or "")
    with pytest.raises(ClibdError) as caught:
        registry.find_entry("zzzzzzzz", home)
    assert "clibd models list" in (caught.value.hint or "")


def test_a_folder_without_a_model_is_told_apart_from_a_wrong_name(
    home: Path, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(ClibdError, match="holds no model"):
        registry.find_installed(str(tmp_path / "photos"), home)


def test_a_name_cannot_leave_the_home(home: Path) -> None:
    install(home.parent, "outside")
    home.mkdir()
    with pytest.raises(ClibdError):
        registry.remove("../outside", home)
    assert (home.parent / "outside").is_dir()


def test_the_default_is_the_one_recorded(home: Path) -> None:
    assert registry.default_model(home) is None
    install(home, "first", age=2)
    install(home, "second", age=1)
    registry.set_default(home, "first")
    assert registry.default_model(home) == "first"
    assert [e.name for e in registry.list_models(home) if e.is_default] == ["first"]


def test_without_a_record_the_newest_installed_model_is_the_default(home: Path) -> None:
    install(home, "first", age=2)
    install(home, "second", age=1)
    install(home, "clibd-demo", age=0)
    assert registry.default_model(home) == "second"


def test_the_demo_model_is_never_the_default(home: Path) -> None:
    install(home, "clibd-demo")
    registry.set_default(home, "clibd-demo")
    assert registry.default_model(home) is None


def test_the_variable_beats_the_record(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(home, "first")
    install(home, "second")
    registry.set_default(home, "first")
    monkeypatch.setenv("CLIBD_MODEL", "second")
    assert registry.default_model(home) == "second"
    assert [e.name for e in registry.list_models(home) if e.is_default] == ["second"]


def test_a_record_of_a_model_that_is_gone_does_not_count(home: Path) -> None:
    install(home, "first")
    registry.set_default(home, "deleted-by-hand")
    assert registry.default_model(home) == "first"


def test_removing_the_default_leaves_another(home: Path) -> None:
    install(home, "first", age=2)
    install(home, "second", age=1)
    install(home, "third", age=3)
    registry.set_default(home, "third")
    registry.remove("third", home)
    assert not (home / "third").exists()
    assert registry.default_model(home) == "second"
    registry.remove("second", home)
    registry.remove("first", home)
    assert registry.default_model(home) is None


def test_removing_another_keeps_the_default(home: Path) -> None:
    install(home, "first", age=2)
    install(home, "second", age=1)
    registry.set_default(home, "first")
    registry.remove("second", home)
    assert registry.default_model(home) == "first"


def test_a_broken_model_can_be_removed(home: Path) -> None:
    (home / "empty").mkdir(parents=True)
    registry.remove("empty", home)
    assert not (home / "empty").exists()


def test_removing_a_link_keeps_what_it_points_to(home: Path, tmp_path: Path) -> None:
    folder = install(tmp_path / "shared", "big")
    home.mkdir()
    try:
        (home / "big").symlink_to(folder, target_is_directory=True)
    except OSError:
        pytest.skip("this system makes no links without rights")
    registry.remove("big", home)
    assert not (home / "big").is_symlink()
    assert (folder / "model.safetensors").is_file()


@pytest.mark.parametrize("name", ["clibd-5m", "clibd-demo", "nothing"])
def test_what_is_not_installed_cannot_be_removed(home: Path, name: str) -> None:
    with pytest.raises(ClibdError):
        registry.remove(name, home)
