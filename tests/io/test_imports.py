"""`clibd --help` and `clibd models list` import these modules: they must stay light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from clibd_cli import io

HEAVY = ("numpy", "pyarrow", "PIL", "Bio", "torch", "zstandard")


def test_no_module_of_the_room_loads_a_heavy_library() -> None:
    modules = [f"clibd_cli.io.{path.stem}" for path in Path(io.__path__[0]).glob("[a-z]*.py")]
    code = (
        f"import sys, importlib\nfor name in {modules!r}: importlib.import_module(name)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    root = Path(io.__path__[0]).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
    assert len(modules) > 10
