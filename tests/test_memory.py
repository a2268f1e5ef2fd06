"""Memory does not grow with the number of specimens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

PROGRAM = """
import sys, resource
from pathlib import Path
import numpy as np
from clibd_cli.models.model import ClibdModel
from clibd_cli.simulated.stream import simulate_barcodes
from clibd_cli.tasks.embed import embed
from clibd_cli.tasks.inputs import Inputs

n = int(sys.argv[1])
with open("many.fasta", "w") as handle:
    for specimen_id, _, barcode in simulate_barcodes(n, seed=1):
        handle.write(f">{specimen_id}\\n{barcode}\\n")

def instead(self, modality, items, batch_size=None):
    # The encoder's own memory is that of one batch; here the road to it and from it is measured,
    # at the width of the official model.
    vectors = np.random.default_rng(0).normal(size=(len(items), 768)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

ClibdModel.encode = instead
ClibdModel.dim = 768
done = embed(Inputs(["many.fasta"]), Path(f"out-{n}"))
assert done.n == n, done
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="peak memory is read the POSIX way")
def test_ten_times_the_barcodes_take_the_same_memory(workplace: Path) -> None:
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{PROGRAM}"
    peaks = []
    for n in (20_000, 200_000):
        done = subprocess.run(
            [sys.executable, "-c", program, str(n)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout))
    assert peaks[1] - peaks[0] < 300, f"{peaks} MB"
