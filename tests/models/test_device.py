"""Devices and precisions are chosen by plain words, and refused by plain sentences."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from clibd_cli.core.errors import UsageError
from clibd_cli.core.records import MODALITIES
from clibd_cli.models import device
from clibd_cli.models.device import (
    choose_device,
    choose_precision,
    default_batch_size,
    describe_device,
    one_thread,
)

CPU, CUDA, MPS = torch.device("cpu"), torch.device("cuda"), torch.device("mps")


def machine(monkeypatch: pytest.MonkeyPatch, *, cuda: bool, mps: bool, bf16: bool = True) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: bf16)


@pytest.mark.parametrize(
    ("cuda", "mps", "chosen"),
    [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_takes_the_fastest_there_is(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, chosen: str
) -> None:
    machine(monkeypatch, cuda=cuda, mps=mps)
    assert choose_device("auto").type == chosen
    assert choose_device("cpu").type == "cpu"


@pytest.mark.parametrize("name", ["cuda", "mps", "tpu", ""])
def test_a_device_that_is_not_there_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    machine(monkeypatch, cuda=False, mps=False)
    with pytest.raises(UsageError) as error:
        choose_device(name)
    assert error.value.hint


def test_auto_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, cuda=True, mps=False, bf16=True)
    assert [choose_precision("auto", d) for d in (CPU, CUDA, MPS)] == ["fp32", "bf16", "fp32"]
    machine(monkeypatch, cuda=True, mps=False, bf16=False)
    assert choose_precision("auto", CUDA) == "fp32"
    assert choose_precision("bf16", CPU) == "bf16"
    with pytest.raises(UsageError, match="bf16"):
        choose_precision("bf16", CUDA)


def test_unknown_precision_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="fp8"):
        choose_precision("fp8", CPU)


def test_batches_are_larger_on_a_gpu_and_smaller_on_a_small_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def sizes(gigabytes: float) -> list[int]:
        gpu = SimpleNamespace(total_memory=int(gigabytes * 2**30))
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: gpu)
        return [default_batch_size(modality, CUDA) for modality in MODALITIES]

    on_cpu = [default_batch_size(modality, CPU) for modality in MODALITIES]
    assert all(0 < cpu < gpu for cpu, gpu in zip(on_cpu, sizes(24), strict=True))
    assert sizes(24) == sizes(80) == [2 * size for size in sizes(3)]
    assert min(sizes(0.001)) == 1


def test_one_thread_for_a_while() -> None:
    before = torch.get_num_threads()
    with pytest.raises(ValueError, match="no"), one_thread():
        assert torch.get_num_threads() == 1
        raise ValueError("no")
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("built_for", "folder", "tool", "hinted"),
    [
        (None, False, None, False),
        (None, True, None, True),
        (None, False, "/usr/bin/nvidia-smi", True),
        ("12.8", True, "/usr/bin/nvidia-smi", False),
    ],
)
def test_a_torch_without_cuda_beside_a_gpu_is_told(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    built_for: str | None,
    folder: bool,
    tool: str | None,
    hinted: bool,
) -> None:
    machine(monkeypatch, cuda=False, mps=False)
    monkeypatch.setattr(torch.version, "cuda", built_for)
    monkeypatch.setattr(device, "_DRIVER", tmp_path if folder else tmp_path / "none")
    monkeypatch.setattr("shutil.which", lambda name: tool if name == "nvidia-smi" else None)
    text, hint = describe_device()
    assert text.startswith("cpu: ")
    assert ("NVIDIA GPU" in text) is hinted
    assert ("pytorch.org" in (hint or "")) is hinted


def test_a_gpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, cuda=True, mps=False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Some GPU")
    assert describe_device() == ("cuda: Some GPU", None)
    machine(monkeypatch, cuda=False, mps=True)
    assert describe_device() == ("mps: Apple GPU", None)
