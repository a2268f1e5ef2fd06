from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from clibd_cli.core.errors import ClibdError
from clibd_cli.training import processes as processes_module
from clibd_cli.training.journal import read_journal
from clibd_cli.training.processes import Processes, joined_processes
from tests.training.one_of_two import CHANGES
from tests.training.tiny_run import one_thread, run_tiny

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with one_thread():
        yield


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _start_two(folder: Path, kind: str) -> list[subprocess.CompletedProcess[str]]:
    common = {
        **os.environ,
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "tests.training.one_of_two", str(folder), kind]
    running = [
        subprocess.Popen(
            command,
            cwd=ROOT,
            env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    told = [process.communicate(timeout=120)[0] for process in running]
    return [
        subprocess.CompletedProcess(command, process.returncode, text)
        for process, text in zip(running, told, strict=True)
    ]


@pytest.mark.parametrize("kind", CHANGES)
def test_two_processes_train_as_one(tmp_path: Path, kind: str) -> None:
    """The same losses and weights, though a process may have no photo in a step."""
    two, one = tmp_path / "two", tmp_path / "one"
    two.mkdir()
    for done in _start_two(two, kind):
        assert done.returncode == 0, done.stdout
    # The second process began with other weights, and took over those of the first.
    wanted = run_tiny(one, Processes(), **CHANGES[kind])
    first, second = (torch.load(two / f"weights-{rank}.pt", weights_only=True) for rank in range(2))
    assert torch.equal(first, second)
    assert torch.allclose(first, wanted, atol=1e-4)
    losses = [
        [line["loss"] for line in read_journal(folder / "log.jsonl") if line["event"] == "step"]
        for folder in (two, one)
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)
    assert len(losses[0]) == 9
    start = run_tiny(tmp_path / "start", Processes(), epochs=3, stop_at=1)
    assert (start - wanted).abs().max() > 0.01  # the weights have moved far more than they differ


def test_without_torchrun_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined_processes("cpu") as processes:
        assert (processes.rank, processes.world, processes.first) == (0, 1, True)


@pytest.mark.parametrize(("name", "text"), [("WORLD_SIZE", "two"), ("RANK", ""), ("RANK", "-1")])
def test_an_environment_that_is_not_torchruns_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv(name, text)
    with pytest.raises(ClibdError, match=name), joined_processes("cpu"):
        pass


def test_several_processes_on_an_apple_gpu_take_the_cpu_and_say_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr(processes_module, "choose_device", lambda name: torch.device("mps"))
    backends: list[str] = []
    group = processes_module.distributed
    monkeypatch.setattr(group, "init_process_group", lambda name, timeout: backends.append(name))
    monkeypatch.setattr(group, "destroy_process_group", lambda: None)
    with joined_processes("auto") as processes:
        assert processes.device == torch.device("cpu")
        assert "Apple GPU" in processes.notice
    assert backends == ["gloo"]


def test_processes_agree_without_numbers_that_a_gpu_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes_module.distributed, "broadcast", lambda tensor, src: None)
    # A device that can hold no tensor with values: asking it for one fails.
    assert Processes(0, 2, torch.device("mps")).agree([0.5, 3]) == [0.5, 3.0]
