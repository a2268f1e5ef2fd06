"""Every reader of clibd, by name."""

from __future__ import annotations

from pathlib import Path

from tests.stress.contract import Reader
from tests.stress.made_readers import made_readers, model_readers
from tests.stress.text_readers import text_readers


def all_readers(work: Path) -> list[Reader]:
    """All of them, with their files in folders of `work`."""
    folders = [work / name for name in ("text", "made", "models")]
    for folder in folders:
        folder.mkdir(exist_ok=True)
        (folder / "refs").mkdir(exist_ok=True)
    text, made, models = folders
    return [*text_readers(text), *made_readers(made), *model_readers(models)]
