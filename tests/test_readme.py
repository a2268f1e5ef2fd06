"""The README keeps its word: every command exists, the two set-up commands are there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from clibd_cli.cli.main import app
from clibd_cli.core.flags import FLAGS
from clibd_cli.core.records import Call
from clibd_cli.io.results import RESULT_COLUMNS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(
    {
        line.split("#")[0].strip()
        for block in re.findall(r"```bash\n(.*?)```", README, re.S)
        for line in block.splitlines()
        if line.startswith("clibd ")
    }
)


def test_two_commands_do_the_set_up() -> None:
    for marker in ("install", "test"):
        block = re.search(rf"<!-- {marker} -->\s*```bash\n(.*?)```", README, re.S)
        assert block is not None
        assert len(block[1].strip().splitlines()) == 1


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_parses(line: str) -> None:
    verb, *words = shlex.split(line)[1:]
    command = get_command(app).commands[verb]  # type: ignore[attr-defined]
    if verb == "models":
        sub, *words = words
        command = command.commands[sub]
    context = command.make_context(verb, list(words), resilient_parsing=False)
    assert context.params


def test_every_verb_is_in_the_readme() -> None:
    for verb in get_command(app).commands:  # type: ignore[attr-defined]
        assert f"clibd {verb}" in README


def test_the_result_columns_are_the_documented_ones() -> None:
    told = re.search(r"\*\*Results\*\*.*?`(specimen_id.*?)`", README, re.S)
    assert told is not None
    assert tuple(re.split(r",\s+", told[1])) == RESULT_COLUMNS
    assert Call.__doc__


def test_every_flag_is_explained() -> None:
    table = README[README.index("| flag | why |") :].split("\n\n")[0]
    told = [word for row in table.splitlines()[2:] for word in re.findall("`(.*?)`", row)]
    assert sorted(told) == sorted(flag.word for flag in FLAGS)
    described = CliRunner().invoke(app, ["classify", "--help"]).stdout
    assert [flag.word for flag in FLAGS if f"{flag.word}: " not in described] == []


@pytest.mark.slow
@pytest.mark.parametrize("script", sorted((ROOT / "examples").glob("*.py")), ids=lambda p: p.stem)
def test_the_examples_run(script: Path, workplace: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
