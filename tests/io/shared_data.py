"""Where the real data lie, for the tests that use them."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
DATA = SHARED / "data"
GOLDENS = SHARED / "goldens"

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is not there")
needs_goldens = pytest.mark.skipif(not GOLDENS.is_dir(), reason=f"{GOLDENS} is not there")
