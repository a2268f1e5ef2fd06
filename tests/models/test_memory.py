"""Where the memory does not hold a batch, half of it is tried; other errors are not hidden."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from clibd_cli.core.errors import ClibdError
from clibd_cli.models.memory import FittingBatches, is_out_of_memory
from clibd_cli.models.model import ClibdModel, load_model
from tests.models.tiny import install_tiny

CPU = torch.device("cpu")
BARCODES = [f"{'ACGT' * n}{'TTGCA' * 90}" for n in range(1, 12)]


def real_error() -> Exception:
    """What torch raises on this machine where there is not enough memory."""
    with pytest.raises((RuntimeError, MemoryError)) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        real_error(),
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB)"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"),
    ],
)
def test_what_means_that_the_memory_is_full(error: Exception) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)"),
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        ValueError("out of memory"),
    ],
)
def test_what_does_not(error: Exception) -> None:
    assert not is_out_of_memory(error)


class Job:
    """Squares numbers, in batches of no more than `most`."""

    def __init__(self, most: int, error: Callable[[], Exception] = real_error) -> None:
        self.most = most
        self.error = error
        self.tried: list[int] = []

    def __call__(self, batch: Sequence[int]) -> list[int]:
        self.tried.append(len(batch))
        if len(batch) > self.most:
            raise self.error()
        return [n * n for n in batch]


@pytest.mark.parametrize("most", [1, 3, 8, 100])
@pytest.mark.parametrize("size", [1, 7, 64])
def test_all_items_once_in_order_in_batches_that_fit(most: int, size: int) -> None:
    told: list[str] = []
    batches, job = FittingBatches(CPU, told.append), Job(most)
    done = batches.run("dna", range(50), size, job)
    assert [n for part in done for n in part] == [n * n for n in range(50)]
    assert len(told) == (size > most)
    assert all(f"--batch-size {max(map(len, done))})" in note for note in told)
    # What was too much is not tried again, and nothing more is said of it.
    job.tried.clear()
    batches.run("dna", range(50), size, job)
    assert max(job.tried) <= most
    assert len(told) == (size > most)


def test_each_modality_by_itself() -> None:
    batches, job = FittingBatches(CPU, lambda _: None), Job(2)
    batches.run("image", range(8), 8, job)
    assert len(batches.run("dna", range(8), 8, Job(8))) == 1


def test_not_even_one() -> None:
    batches = FittingBatches(CPU, lambda _: None)
    with pytest.raises(ClibdError, match="--batch-size 1") as caught:
        batches.run("image", range(5), 4, Job(0))
    assert "smaller model" in (caught.value.hint or "")


def test_other_errors_pass() -> None:
    job = Job(0, lambda: RuntimeError("shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="multiplied"):
        FittingBatches(CPU, lambda _: None).run("image", range(5), 4, job)
    assert job.tried == [4]


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A memory that holds two items."""
    encode = ClibdModel._encode_batch

    def narrowed(self: ClibdModel, modality: Any, items: Sequence[Any]) -> Any:
        done = encode(self, modality, items)
        if len(items) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return done

    monkeypatch.setattr(ClibdModel, "_encode_batch", narrowed)


def test_a_model_gives_what_it_gives_in_small_batches(tmp_path: Path, narrow: None) -> None:
    install_tiny(tmp_path, "tiny", ("dna",))
    told: list[str] = []
    model = load_model(tmp_path / "tiny", "cpu", "fp32", warn=told.append)
    expected = model.encode_with_strength("dna", BARCODES, 2)
    assert not told
    given = model.encode_with_strength("dna", BARCODES, 8)
    assert len(told) == 1
    for one, other in zip(given, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_model_that_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_tiny(tmp_path, "tiny", ("dna",))

    def full(*_: object) -> None:
        raise real_error()

    monkeypatch.setattr(torch.nn.Module, "to", full)
    with pytest.raises(ClibdError, match="tiny does not fit") as caught:
        load_model(tmp_path / "tiny", "cpu", "fp32")
    assert caught.value.hint
