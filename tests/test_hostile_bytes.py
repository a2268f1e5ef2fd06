"""Damaged and hostile files of every kind: skips or a sentence, never a traceback, no row lost.

A few hundred cases a reader; `tests/stress/fuzz.py` has hundreds of thousands.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.stress.all_readers import all_readers
from tests.stress.contract import BrokenPromise, Reader, rows_of

SLOW = ("vectors", "strand", "keys", "index", "calibration", "r.")
"""Readers of which a case takes 5 to 20 ms: several files are read."""


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reader]:
    made = all_readers(tmp_path_factory.mktemp("hostile bytes"))
    return {reader.name: reader for reader in made}


NAMES = (
    *("fasta", "barcode-table", "labels", "table", "roles", "predictions", "taxa", "references"),
    *("recipe", "results.csv", "results.tsv", "results.jsonl", "results.parquet"),
    *("r.hits.parquet", "r.skipped.csv", "r.run.json", "r.run.json, odd values"),
    *("photo", "checksums of a store", "part", "vectors.dna.npy", "keys.parquet"),
    *("index.json", "index.json, odd values", "calibration.json", "calibration.json, odd values"),
    *("strand.json", "strand.json, odd values"),
    *("checkpoint", "safetensors header", "weights", "card.json", "vocab.txt"),
)


def test_no_reader_is_forgotten(readers: dict[str, Reader]) -> None:
    assert set(readers) == set(NAMES)
    for reader in readers.values():
        for seed in reader.seeds:
            reader.path.write_bytes(seed)
            reader.read(reader.path)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # odd numbers overflow, which says enough
@pytest.mark.parametrize("name", NAMES)
def test_any_bytes_are_read_or_refused_in_words(readers: dict[str, Reader], name: str) -> None:
    reader = readers[name]

    @settings(
        deadline=5_000,
        max_examples=25 if name.startswith(SLOW) else 150,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**32))
    def holds(seed: int) -> None:
        reader.try_case(reader.mutate(reader.seeds, Random(seed)))

    holds()


def test_the_harness_sees_a_lost_row(tmp_path: Path) -> None:
    lines = ["id,nuc", "a,ACGT", "b,ACGT"]
    assert len(rows_of(lines, "x")) == 2

    def forgetful(path: Path) -> None:
        raise BrokenPromise("1 of 2")

    with pytest.raises(BrokenPromise):
        Reader("x", tmp_path / "x", [b""], forgetful).try_case(b"")
