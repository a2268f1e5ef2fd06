from __future__ import annotations

import os
from pathlib import Path

import pytest

from clibd_cli.core.errors import ClibdError
from clibd_cli.models import home


@pytest.fixture(autouse=True)
def _no_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CLIBD_HOME", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))


def use_data_folder(monkeypatch: pytest.MonkeyPatch, folder: Path | str) -> None:
    monkeypatch.setattr("platformdirs.user_data_dir", lambda *args, **kwargs: str(folder))


def test_the_variable_decides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLIBD_HOME", str(tmp_path / "shared"))
    assert home.models_home() == tmp_path / "shared" / "models"
    assert home.locate_home().warning is None


def test_the_variable_may_begin_with_a_tilde(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("CLIBD_HOME", "~/clibd")
    assert home.models_home() == tmp_path / "clibd" / "models"


def test_the_data_folder_is_usual_and_is_not_created(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_data_folder(monkeypatch, tmp_path / "a" / "b" / "clibd")
    assert home.locate_home() == home.Home(tmp_path / "a" / "b" / "clibd" / "models")
    assert list(tmp_path.iterdir()) == []


def test_without_a_home_models_go_to_the_temporary_folder_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_data_folder(monkeypatch, "~/.local/share/clibd")
    located = home.locate_home()
    assert located.models.parent.parent == tmp_path / "temporary"
    assert located.models.name == "models"
    assert "CLIBD_HOME" in (located.warning or "")
    assert not located.models.exists()


def test_a_home_below_a_file_is_no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "nobody").write_bytes(b"")
    use_data_folder(monkeypatch, tmp_path / "nobody" / "share" / "clibd")
    assert home.locate_home().warning is not None


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root writes anywhere")
def test_a_home_that_cannot_be_written_to_is_no_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    use_data_folder(monkeypatch, tmp_path / "locked" / "clibd")
    assert home.locate_home().warning is not None


def test_a_home_that_exists_is_used_even_where_it_is_read_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "clibd").mkdir(mode=0o500)
    use_data_folder(monkeypatch, tmp_path / "clibd")
    assert home.locate_home() == home.Home(tmp_path / "clibd" / "models")


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners are known on POSIX only")
def test_a_temporary_home_of_somebody_else_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_data_folder(monkeypatch, "~/.local/share/clibd")
    home.models_home().mkdir(parents=True)
    folder = home.models_home().parent
    somebody_else = folder.stat().st_uid + 1
    monkeypatch.setattr(os, "getuid", lambda: somebody_else)
    folder.rename(folder.with_name(f"clibd-{somebody_else}"))
    with pytest.raises(ClibdError, match="belongs to another user"):
        home.models_home()
