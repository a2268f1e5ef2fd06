"""Progress for Python callers."""

from __future__ import annotations

import pytest

from clibd_cli.tasks.bars import ProgressBars


def test_a_bar_for_each_stage(capfd: pytest.CaptureFixture[str]) -> None:
    with ProgressBars() as bars:
        bars.begin("embedding barcodes", 10)
        bars.advance(4)
        bars.begin("reading references", None)
        bars.advance()
        bars.warn("odd")
    said = capfd.readouterr()
    assert "embedding barcodes" in said.err
    assert "4/10" in said.err
    assert "warning: odd" in said.out + said.err
