"""The demo: the whole road on simulated specimens, measured against the truth."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from clibd_cli.cli.main import app
from clibd_cli.core.errors import ClibdError
from clibd_cli.tasks.demo import run_demo


@pytest.mark.slow
def test_the_demo_names_most_specimens_and_shows_its_skips(
    workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIBD_HOME", str(tmp_path / "home"))
    done = run_demo(Path("d ü"))
    assert [run.title for run in done.runs] == ["photos", "barcodes", "photos and barcodes"]
    for run in done.runs:
        assert run.summary.n + run.summary.skipped in {144, 146}
        assert run.summary.skipped >= 1
        genus = next(group for group in run.seen if group.rank == "genus")
        assert genus.right > 0.5 * genus.specimens
        assert genus.right >= 0.95 * genus.named
        assert all(group.right <= group.named <= group.specimens for group in run.seen)
    again = CliRunner().invoke(app, ["demo", "d ü", "-q"])
    assert again.exit_code == 0, again.output
    assert "untrained" in again.stdout
    assert "$ clibd build-index 'd ü/refs'" in again.stdout


def test_a_folder_that_is_not_the_demo_s_is_kept(workplace: Path) -> None:
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("dear")
    with pytest.raises(ClibdError, match="mine"):
        run_demo(Path("mine"))
    assert Path("mine/thesis.txt").read_text() == "dear"
