"""Memory does not grow with the number of specimens."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="peak memory is read the POSIX way")
def test_ten_times_the_barcodes_take_the_same_memory() -> None:
    peaks = []
    for n in (20_000, 200_000):
        done = subprocess.run(
            [sys.executable, str(ROOT / "benchmarks" / "memory.py"), str(n)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout))
    assert peaks[1] - peaks[0] < 300, f"{peaks} MB"
