from __future__ import annotations

from pathlib import Path

import pytest

from clibd_cli.training.journal import Journal, read_journal


def test_lines_are_read_back_and_what_came_after_a_checkpoint_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    journal = Journal(path)
    journal.rewind(0, 0)
    for step in (1, 2, 3):
        journal.write("step", {"step": step, "loss": 1.5})
    journal.write("validation", {"step": 3, "value": 0.5})
    with path.open("a", encoding="utf-8") as log:
        log.write('{"event": "step", "st')
    assert [line["event"] for line in read_journal(path)] == ["step"] * 3 + ["validation"]
    journal.rewind(3, 0)
    assert [line["event"] for line in read_journal(path)] == ["step"] * 3
    journal.rewind(2, 0)
    journal.write("step", {"step": 3, "loss": 2.0})
    assert [line["loss"] for line in read_journal(path)] == [1.5, 1.5, 2.0]
    journal.rewind(0, 0)
    assert read_journal(path) == []


def test_a_number_that_json_does_not_have_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        Journal(tmp_path / "log.jsonl").write("step", {"loss": float("nan")})


def test_without_a_path_nothing_is_written(tmp_path: Path) -> None:
    journal = Journal(None)
    journal.rewind(0, 0)
    journal.write("step", {"step": 1})
    assert read_journal(tmp_path / "missing.jsonl") == []
