"""Many barcodes and photos through `embed`, `build-index` and `classify`, watched for leaks.

    python tests/stress/long_run.py                                  # 1,000,000 and 100,000: hours
    python tests/stress/long_run.py --barcodes 20000 --photos 2000   # minutes

Simulated barcodes and small drawn photos, with the default model. Each verb runs in a process of
its own. Prints as JSON, for each stage of it: items a second in the first and the last tenth, the
quotient of the two in seconds of the processor (others may use the machine meanwhile), and after
each tenth megabytes and open files. Exits with 1 where the last tenth of an embedding or a search
was slower than 0.95 of the first, or files stay open.
Linking a graph slows down as it grows, by its nature; it is shown and not judged. Files and memory
are counted the POSIX way.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import clibd_cli as clibd  # noqa: E402

VERBS = ("embed", "build-index", "classify")
SLOWEST = 0.95
MORE_FILES = 2
"""Files that may be open at the end beyond those after the first tenth: a part, a spilled file."""
_JUDGED = ("embedding", "searching")


class Moment(NamedTuple):
    """What is seen at a moment: seconds on the clock and of the processor, memory, files."""

    clock: float
    processor: float
    mb: float
    files: int


@dataclass(slots=True)
class Stage:
    """A stage of a verb, and what was seen at each tenth of it.

    Attributes:
        moments: when each tenth was done; first, the start.
    """

    label: str
    total: int
    done: int = 0
    moments: list[Moment] = field(default_factory=list)

    def advance(self, n: int) -> None:
        """`n` more are done."""
        if not self.moments:
            self.moments.append(_now())
        self.done += n
        while len(self.moments) <= min(10, self.done * 10 // self.total):
            self.moments.append(_now())

    def told(self) -> dict[str, object]:
        """The figures."""
        clock = [moment.clock for moment in self.moments]
        first, last = (self.total / 10 / max(clock[i + 1] - clock[i], 1e-9) for i in (0, 9))
        return {
            "stage": self.label,
            "items": self.total,
            "rate": [round(first, 1), round(last, 1)],
            "last_to_first": round(self.last_to_first(), 3),
            "mb": [round(moment.mb) for moment in self.moments[1:]],
            "open_files": [moment.files for moment in self.moments[1:]],
        }

    def last_to_first(self) -> float:
        """How fast the last tenth was beside the first, in seconds of the processor."""
        used = [moment.processor for moment in self.moments]
        return (used[1] - used[0]) / max(used[10] - used[9], 1e-9)

    def is_well(self) -> bool:
        """Whether it was neither slower nor held more files at its end."""
        if not self.label.startswith(_JUDGED):
            return True
        more = self.moments[10].files - self.moments[1].files
        return self.last_to_first() >= SLOWEST and more <= MORE_FILES


class Watch:
    """A listener that takes down the stages."""

    live = True  # so that totals are counted first

    def __init__(self) -> None:
        self.stages: list[Stage] = []

    def begin(self, label: str, total: int | None) -> None:
        """A stage starts."""
        self.stages.append(Stage(label, total or 0))

    def advance(self, n: int = 1) -> None:
        """`n` more items of the stage are done."""
        if self.stages[-1].total:
            self.stages[-1].advance(n)

    def warn(self, message: str) -> None:
        """Shown as it comes."""
        print(message, file=sys.stderr)


def _now() -> Moment:
    files = len(os.listdir("/dev/fd"))  # noqa: PTH208
    return Moment(time.monotonic(), time.process_time(), _megabytes(), files)


def _megabytes() -> float:
    """Memory in use now; on systems without /proc, the peak so far."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def make_inputs(folder: Path, barcodes: int, photos: int) -> None:
    """`barcodes.fasta`, and `photos/` with a table of labels."""
    from PIL import Image, ImageDraw

    from clibd_cli.core.lineage import RANKS
    from clibd_cli.simulated.stream import simulate_barcodes

    with (folder / "barcodes.fasta").open("w", encoding="utf-8") as fasta:
        for name, lineage, barcode in simulate_barcodes(barcodes):
            ranks = ",".join(f"{r[0]}:{str(lineage.at(r)).replace(' ', '_')}" for r in RANKS)
            fasta.write(f">{name};tax={ranks};\n{barcode}\n")
    (folder / "photos").mkdir()
    with (folder / "photos" / "labels.csv").open("w", encoding="utf-8") as labels:
        labels.write(f"file,{','.join(RANKS)}\n")
        for i, (name, lineage, _) in enumerate(simulate_barcodes(photos)):
            place = Path(f"{i // 1000:03d}") / f"{name}.jpg"
            (folder / "photos" / place).parent.mkdir(exist_ok=True)
            image = Image.new("RGB", (64, 48), (i % 251, i // 251 % 256, i // 64256 % 256))
            ImageDraw.Draw(image).ellipse((i % 20, 4, 20 + i % 40, 40), fill=(i % 200, 90, 60))
            image.save(folder / "photos" / place)
            labels.write(f"{place},{','.join(str(lineage.at(rank)) for rank in RANKS)}\n")


def run_verb(verb: str, folder: Path) -> bool:
    """Run one verb in this process and print its stages; whether all was well."""
    os.chdir(folder)
    watch = Watch()
    inputs = clibd.Inputs(dna=["barcodes.fasta"], photos=["photos"], labels=["photos/labels.csv"])
    if verb == "embed":
        clibd.embed(inputs, "s", progress=watch)
    elif verb == "build-index":
        clibd.build_index(["s"], "index", progress=watch)
    else:
        clibd.classify(inputs, "index", "results.csv", progress=watch)
    whole = [stage for stage in watch.stages if len(stage.moments) == 11]
    print(json.dumps([stage.told() for stage in whole]))
    return all(stage.is_well() for stage in whole)


def main(barcodes: int, photos: int) -> int:
    """All verbs over so many inputs; 1 where one was not well."""
    told: dict[str, object] = {}
    ill = False
    with tempfile.TemporaryDirectory() as folder:
        make_inputs(Path(folder), barcodes, photos)
        for verb in VERBS:
            words = [sys.executable, __file__, "--verb", verb, "--folder", folder]
            # As the command line does, so that waiting threads take no time from others.
            settings = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
            done = subprocess.run(
                words, stdout=subprocess.PIPE, text=True, check=False, env=settings
            )
            if not done.stdout:
                return 1
            told[verb] = json.loads(done.stdout)
            ill = ill or done.returncode != 0
    print(json.dumps(told, indent=2))
    return int(ill)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--barcodes", type=int, default=1_000_000)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--verb", choices=VERBS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.verb:
        sys.exit(int(not run_verb(asked.verb, asked.folder)))
    sys.exit(main(asked.barcodes, asked.photos))
