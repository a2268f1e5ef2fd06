"""What the machine and its user do to whole commands: killed, out of disk, stopped, moved about."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clibd_cli.cli.main import app
from tests.made_inputs import write_fasta, write_photos

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}

posix = pytest.mark.skipif(sys.platform == "win32", reason="the signals are those of POSIX")


def clibd(*words: str) -> str:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, done.output
    return done.stderr


@posix
@pytest.mark.slow
def test_disturbed_runs_end_like_undisturbed_ones() -> None:
    """One moment of each fault for each verb; `tests/stress/kill.py --times 50` tries more."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/stress/kill.py"), "--times", "1", "--seed", "6"],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert len(told) == 3 * 4
    assert sum(tally["disturbed"] for tally in told.values()) >= 8


def started(program: str, folder: Path) -> subprocess.Popen[str]:
    """A process that has said "ready"; Ctrl-C reaches it also where the tests are in the
    background."""
    head = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", head + program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=ENVIRONMENT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


HANGS = """
import sys, threading
import clibd_cli.tasks.check as check
from clibd_cli.cli.main import run
from clibd_cli.core.ahead import done_ahead

def hang(item):
    print("ready")
    threading.Event().wait()

check.check = lambda *args, **kwargs: list(done_ahead(hang, [1], 1, 0))
sys.argv = ["clibd", "check"]
run()
"""


@posix
def test_a_second_ctrl_c_waits_for_no_thread(tmp_path: Path) -> None:
    """A reader that hangs in a dead network drive, say, holds a first one up."""
    with started(HANGS, tmp_path) as process:
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in said) == (130, False)


@posix
def test_ctrl_c_while_libraries_are_loaded(tmp_path: Path) -> None:
    """torch aborts where an exception meets it half loaded."""
    (tmp_path / "heavy.py").write_text("import time\nprint('ready')\ntime.sleep(60)\n")
    program = "from clibd_cli.cli.ctrl_c import listen\nlisten()\n"
    program += "import sys\nsys.path.insert(0, '')\nimport heavy\n"
    with started(program, tmp_path) as process:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "")


FORLORN = """
import json, sys

def refuse(event, values):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise RuntimeError(f"{event} {values}")

sys.addaudithook(refuse)
from clibd_cli.__main__ import run
for words in json.loads(sys.stdin.read()):
    sys.argv = ["clibd", *words]
    try:
        run()
    except SystemExit as ended:
        if ended.code:
            raise
"""


@posix
def test_no_home_no_network_locale_c_and_long_names_with_umlauts(workplace: Path) -> None:
    name = "Käfer größer als Müller's " + "x" * 174
    folder = workplace / name
    write_fasta(folder / "refs" / f"{name}.fasta", range(2), labels=True)
    write_photos(folder / "photos" / name, range(3, 4), "ü ")
    lines = [
        ["embed", "--dna", f"refs/{name}.fasta", "--out", f"{name}.s"],
        ["build-index", "refs"],
        ["classify", "photos", "--out", f"{name}.csv", "--report", f"{name}.html"],
    ]
    bare = {"PATH": os.environ["PATH"], "LC_ALL": "C", "PYTHONPATH": str(ROOT)}
    bare["CLIBD_HOME"] = os.environ["CLIBD_HOME"]
    done = subprocess.run(
        [sys.executable, "-c", FORLORN],
        input=json.dumps(lines),
        capture_output=True,
        text=True,
        cwd=folder,
        env=bare,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    results = (folder / f"{name}.csv").read_text(encoding="utf-8")
    assert results.count(f"photos/{name}/ü ") == 4
    assert (folder / f"{name}.html").is_file()


def test_a_photo_that_vanishes_is_skipped(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from clibd_cli.cli.console import LiveProgress

    photos = write_photos(workplace / "photos", range(1))
    gone = photos / "p3-0.png"
    monkeypatch.setattr(LiveProgress, "advance", lambda *_: gone.unlink(missing_ok=True))
    words = ["embed", "--photos", "photos", "--workers", "0", "--json"]
    told = json.loads(CliRunner().invoke(app, words).stdout)
    assert (told["n"], told["skipped"]) == (3, 1)
    assert "No such file" in Path("photos.embeddings/_skipped.csv").read_text(encoding="utf-8")


def test_a_device_without_memory(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    write_fasta(workplace / "a.fasta", range(1))
    with monkeypatch.context() as patch:
        patch.setattr("clibd_cli.models.model.encoder_inputs", full)
        done = CliRunner().invoke(app, ["embed", "--dna", "a.fasta", "--out", "s"])
    assert done.exit_code == 1
    assert "too small for" in done.stderr
    assert "--batch-size" in done.stderr
    clibd("embed", "--dna", "a.fasta", "--out", "s")


def test_two_runs_at_once(workplace: Path) -> None:
    """On one store, index or result the second is refused, and says what is in its way."""
    from filelock import FileLock

    write_fasta(workplace / "a.fasta", range(2), labels=True)
    clibd("build-index", "a.fasta")
    lines = {
        "a.embeddings/.lock": ["embed", "--dna", "a.fasta"],
        ".clibd-index.lock": ["build-index", "a.embeddings"],
        ".r.csv.lock": ["classify", "--dna", "a.fasta", "--out", "r.csv"],
    }
    for lock, words in lines.items():
        with FileLock(lock):
            done = CliRunner().invoke(app, words)
        assert (done.exit_code, "another run of clibd" in done.stderr) == (1, True), done.output
        clibd(*words)


@pytest.mark.parametrize(
    "words", [["embed", "--dna"], ["build-index"], ["classify", "--dna"], ["search", "--dna"]]
)
def test_a_file_in_the_way_of_a_folder(workplace: Path, words: list[str]) -> None:
    write_fasta(workplace / "a.fasta", range(1), labels=True)
    clibd("build-index", "a.fasta")
    done = CliRunner().invoke(app, [*words, "a.fasta", "--out", "a.fasta/out.csv"])
    assert done.exit_code == 1
    assert "a.fasta is a file, not a folder" in done.stderr


def test_inputs_of_nothing_are_told(workplace: Path) -> None:
    write_fasta(workplace / "a.fasta", range(1), labels=True)
    clibd("build-index", "a.fasta")
    Path("empty.fasta").touch()
    for words in (["embed", "--out", "s"], ["classify", "--out", "r.csv"]):
        said = clibd(words[0], "--dna", "empty.fasta", *words[1:], "--quiet")
        assert "none of the inputs can be used" in said


def test_what_an_earlier_run_left_beside_is_told(workplace: Path) -> None:
    write_photos(workplace / "refs", range(2))
    clibd("build-index", "refs")
    words = ["classify", "refs", "--out", "r.csv", "--quiet"]
    clibd(*words, "--report", "r.html", "--explain")
    said = clibd(*words)
    assert "r.html is there, too, but of an earlier result" in said
    assert "r.explanations is there, too, but of an earlier result" in said
    assert "earlier" not in clibd(*words, "--report", "r.html", "--explain")
