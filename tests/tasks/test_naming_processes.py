"""Names from processes beside this one: the same rows, whatever happens to those."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from clibd_cli.tasks import naming_processes
from clibd_cli.tasks.classify import classify
from clibd_cli.tasks.finding import Searched
from clibd_cli.tasks.inputs import Inputs
from clibd_cli.tasks.naming_processes import NamingProcesses, processes_for
from clibd_cli.tasks.references import build_index
from clibd_cli.tasks.result_blocks import Block
from tests.made_inputs import write_fasta

MADE = ("r.csv", "r.hits.parquet", "r.skipped.csv")


@pytest.fixture
def queries(workplace: Path) -> Inputs:
    """Three windows of barcodes, one of them too short, and an index to name them by."""
    write_fasta(workplace / "refs" / "barcodes.fasta", range(3), "ref", labels=True)
    build_index(["refs"])
    write_fasta(workplace / "q.fasta", range(3, 280), "q")
    with Path("q.fasta").open("a", encoding="utf-8") as file:
        file.write(">short\nACGT\n")
    return Inputs(["q.fasta"])


def written(queries: Inputs, folder: str, processes: int) -> list[bytes]:
    done = classify(queries, "clibd-index", Path(folder, "r.csv"), processes=processes)
    assert (done.n, done.skipped) == (1108, 1)
    return [Path(folder, name).read_bytes() for name in MADE]


def test_processes_write_what_one_would(queries: Inputs) -> None:
    assert written(queries, "beside", 1) == written(queries, "alone", 0)


def test_a_process_that_is_killed_costs_no_row(
    queries: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = written(queries, "alone", 0)
    of_processes = NamingProcesses.blocks
    killed = []

    def blocks(self: NamingProcesses, windows: Iterable[Searched]) -> Iterator[Block]:
        for block in of_processes(self, windows):
            if not killed and self._pool is not None:
                killed.extend(self._pool._processes)
                for process in killed:
                    os.kill(process, getattr(signal, "SIGKILL", signal.SIGTERM))
            yield block

    monkeypatch.setattr(NamingProcesses, "blocks", blocks)
    assert written(queries, "killed", 1) == alone
    assert killed


def test_photos_need_no_such_process(queries: Inputs) -> None:
    with_text = Inputs(queries.dna, text="Diptera")
    assert processes_for(with_text) == 0
    classify(with_text, "clibd-index", "r.csv", processes=2)
    assert len(Path("r.csv").read_text(encoding="utf-8").splitlines()) == 1 + 1108 + 1


@pytest.mark.parametrize(("cores", "count"), [(1, 0), (2, 2), (4, 3), (64, 3)])
def test_many_barcodes_are_worth_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int, count: int
) -> None:
    monkeypatch.setattr(naming_processes, "default_workers", lambda: cores)
    few, many = tmp_path / "few.fasta", tmp_path / "many.fasta.gz"
    few.write_bytes(b"A" * 900_000)
    many.write_bytes(b"A" * 300_000)  # packed
    assert processes_for(Inputs([str(few)])) == 0
    assert processes_for(Inputs([str(many)])) == count
    assert processes_for(Inputs([str(many), "-"])) == 0
