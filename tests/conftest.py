"""What tests of all rooms share: a tiny installed model, real data where it exists."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[1].parent / "shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real barcodes and photos, which is never part of the project."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the shared folder with real data is not here")
    return SHARED / "data"


@pytest.fixture(scope="session")
def tiny_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """`$CLIBD_HOME` with one installed model, `tiny`: photos, barcodes and names, 64 wide."""
    from clibd_cli.models.registry import set_default
    from tests.models.tiny import install_tiny

    home = tmp_path_factory.mktemp("home")
    install_tiny(home / "models", "tiny", ("image", "dna", "text"))
    set_default(home / "models", "tiny")
    before = os.environ.get("CLIBD_HOME")
    os.environ["CLIBD_HOME"] = str(home)
    yield home
    if before is None:
        del os.environ["CLIBD_HOME"]
    else:
        os.environ["CLIBD_HOME"] = before


@pytest.fixture
def workplace(tiny_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, with the tiny model at hand and no variable in the way."""
    monkeypatch.setenv("CLIBD_HOME", str(tiny_home))
    for name in ("CLIBD_INDEX", "CLIBD_MODEL", "CLIBD_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "work place ä"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder
