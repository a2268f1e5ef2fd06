"""Photos of a run: looked at once, by the first process for all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from clibd_cli.core.digest import sha256_file
from clibd_cli.core.errors import ClibdError
from clibd_cli.core.progress import SILENT
from clibd_cli.tasks.train_photos import with_readable_photos
from clibd_cli.training import photo_reading
from clibd_cli.training.example import KEY, VAL, Example, Examples
from clibd_cli.training.processes import Processes
from tests.made_inputs import write_photos


def made(tmp_path: Path) -> Examples:
    write_photos(tmp_path, range(1), prefix="s")
    good, bad = tmp_path / "s0-0.png", tmp_path / "bad.png"
    bad.write_bytes(b"no photo")
    return Examples(
        [Example("a", good, "ACGT"), Example("b", bad, "ACGT"), Example("c", bad)],
        [Example("d", bad, split=VAL), Example("e", good, split=VAL)],
        [Example("f", None, "ACGT", split=KEY)],
    )


def told(examples: Examples) -> list[tuple[str, bool]]:
    found = [*examples.train, *examples.queries, *examples.keys]
    return [(example.specimen_id, example.photo is not None) for example in found]


LEFT = [("a", True), ("b", False), ("e", True), ("f", False)]


def test_examples_without_their_bad_photos(tmp_path: Path) -> None:
    left = with_readable_photos(made(tmp_path), 0, Processes(), SILENT)
    assert told(left) == LEFT
    good = sha256_file(tmp_path / "s0-0.png")
    found = [*left.train, *left.queries, *left.keys]
    assert [example.photo_sha256 for example in found] == [good, None, good, None]
    assert [skip.specimen_id for skip in left.skips] == ["b", "c", "d"]
    assert (len(left.train), len(left.queries), len(left.keys)) == (2, 1, 1)


def test_other_processes_take_the_first_ones_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_reading, "read_photo", None)  # whoever decodes fails
    words: list[list[float]] = [[6], [1, 0, 0, 0, 1, 1]]

    def agree(_values: Sequence[float]) -> list[float]:
        return words.pop(0)

    second: Any = SimpleNamespace(first=False, agree=agree)
    assert told(with_readable_photos(made(tmp_path), 0, second, SILENT)) == LEFT
    words.append([7])
    with pytest.raises(ClibdError, match="here are 6 examples"):
        with_readable_photos(made(tmp_path), 0, second, SILENT)


def test_no_pair_is_left(tmp_path: Path) -> None:
    examples = made(tmp_path)
    examples.train[0] = Example("a", examples.train[0].photo)
    with pytest.raises(ClibdError, match="no photo of a specimen with a barcode"):
        with_readable_photos(examples, 0, Processes(), SILENT)
