"""The house keeps its shape: imports look down, and light commands stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "clibd_cli"
HEAVY = ("torch", "transformers", "numpy", "pyarrow", "PIL", "Bio", "huggingface_hub", "hnswlib")


def test_imports_only_look_down(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlinter.cli import lint_imports

    monkeypatch.chdir(ROOT)
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


@pytest.mark.parametrize(
    "words", [["--help"], ["embed", "--help"], ["classify", "--help"], ["models", "--help"]]
)
def test_help_needs_no_heavy_library(words: list[str]) -> None:
    assert _loaded_by(words) == set()


def test_listing_models_needs_no_torch(tmp_path: Path) -> None:
    loaded = _loaded_by(["models", "list"], {"CLIBD_HOME": str(tmp_path)})
    assert not loaded & {"torch", "transformers"}


def test_every_module_says_why_it_is_there() -> None:
    for path in PACKAGE.rglob("*.py"):
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


def test_no_module_is_a_god() -> None:
    lengths = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in PACKAGE.rglob("*.py")}
    assert {str(path) for path, n in lengths.items() if n > 300} == set()
    assert not [path for path in lengths if path.stem in {"utils", "util", "helpers", "misc"}]


def _loaded_by(words: list[str], env: dict[str, str] | None = None) -> set[str]:
    """The heavy libraries that a run of `clibd` has imported at its end."""
    import os

    program = (
        "import sys\n"
        f"sys.argv = ['clibd', *{words!r}]\n"
        "from clibd_cli.cli.main import run\n"
        "try:\n    run()\n"
        "finally:\n"
        f"    print('LOADED', *[m for m in {HEAVY!r} if m in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        check=False,
    )
    last = [line for line in done.stdout.splitlines() if line.startswith("LOADED")]
    assert last, done.stderr
    return set(last[-1].split()[1:])
