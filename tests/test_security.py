"""SECURITY.md names tests: each of them is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)


def functions_in(path: Path) -> set[str]:
    return {
        n.name for n in ast.parse(path.read_text("utf-8")).body if isinstance(n, ast.FunctionDef)
    }


def test_every_test_that_is_named_is_there() -> None:
    assert len(NAMED) > 30
    assert [
        f"{file}::{name}" for file, name in NAMED if name not in functions_in(ROOT / file)
    ] == []


def test_every_threat_names_a_test() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 15
    assert [row for row in rows if "::test_" not in row] == []


def test_it_is_found_from_the_readme_and_goes_along() -> None:
    assert "](SECURITY.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert '"SECURITY.md"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
