"""What tests of all rooms share: a tiny installed model, real data where it exists.

Where torch is not installed, tests that need it are skipped: the rest of clibd is then tested on a
Python that torch is not built for yet, say.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).resolve().parents[1].parent / "shared"

if find_spec("torch") is None:

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(collector: Any) -> Generator[None, Any, Any]:
        report = yield
        return _skipped(report) if report.failed else report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(item: Any) -> Generator[None, Any, Any]:
        report = yield
        return _skipped(report) if report.failed else report


def _skipped(report: Any) -> Any:
    """The report of a failure as that of a skip, where nothing fails but the import of torch."""
    lines = str(report.longrepr).splitlines()
    if any(line.startswith("E ") and "No module named 'torch'" in line for line in lines):
        report.outcome, report.longrepr = "skipped", (__file__, 0, "torch is not installed")
    return report


@pytest.fixture
def plain_signals() -> Iterator[None]:
    """Signals act as in a terminal, also where the tests run in the background or under nohup."""
    plain = {"SIGINT": signal.default_int_handler, "SIGHUP": signal.SIG_DFL}
    numbers = {getattr(signal, name): act for name, act in plain.items() if hasattr(signal, name)}
    before = {number: signal.signal(number, act) for number, act in numbers.items()}
    yield
    for number, act in before.items():
        signal.signal(number, act)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real barcodes and photos, which is never part of the project."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the shared folder with real data is not here")
    return SHARED / "data"


@pytest.fixture(scope="session", autouse=True)
def nothing_ships(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of what ships with clibd, empty: tests do not depend on the trained model."""
    folder = tmp_path_factory.mktemp("nothing") / "shipped"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("clibd_cli.core.shipped.shipped_folder", lambda: folder)
        yield folder


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


@pytest.fixture
def ships(workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of what ships with clibd: a tiny `clibd-mini` and its library of four species.

    The working folder is empty, and no other model is at hand.
    """
    from clibd_cli.tasks.references import build_index
    from tests.made_inputs import write_fasta, write_photos
    from tests.models.tiny import install_tiny

    folder, references = tmp_path / "shipped", tmp_path / "references"
    monkeypatch.setenv("CLIBD_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("clibd_cli.core.shipped.shipped_folder", lambda: folder)
    install_tiny(folder, "clibd-mini", ("image", "dna", "text"), seed=5)
    write_fasta(references / "barcodes.fasta", range(3), "ref", labels=True)
    write_photos(references / "photos", range(3), "ref")
    build_index(
        [str(references)],
        folder / "clibd-mini-library",
        vectors="float16",
        representatives=1,
        store_root=tmp_path,
    )
    return folder


@pytest.fixture
def one_thread() -> Iterator[None]:
    """torch on one thread: numbers as small as in tests are slower on several."""
    from tests.training import tiny_run

    with tiny_run.one_thread():
        yield
