"""`embed`, `build-index`, `classify` and `train`, disturbed at random moments.

    python tests/stress/kill.py --times 50
    python tests/stress/kill.py --times 10 --fault full --verb train --seed 3

The faults: `kill` (SIGKILL), `full` (a disk that is full from some file, or some size of a file,
on) and `ctrl-c`. After each the folder is looked at: what stands under a final name must be the
whole result, or the whole one of before. Then the same command runs again, now and then to be
disturbed once more, until it ends well; its result must then be that of an undisturbed run, byte
for byte, and nothing half-written may be left. Half of the moments are counted in changes to
files, half are on the clock. Prints what was done as JSON; exits with 1 where something was lost.
POSIX only.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.stress.forked import (
    NONE,
    Ended,
    Fault,
    clibd,
    disk_full,
    forked,
    kill,
    load_libraries,
    press_ctrl_c,
)

FAULTS = ("kill", "full", "ctrl-c")

Files = dict[str, bytes]
"""The bytes of files by their paths."""


@dataclass(frozen=True, slots=True)
class Verb:
    """A command to disturb.

    Attributes:
        words: of the command.
        results: patterns of the files that it makes.
        before: a command that makes an earlier result under the same names, where there is one.
        groups: of files that appear together or not at all, their common beginnings.
    """

    words: str
    results: tuple[str, ...]
    before: str = ""
    groups: tuple[str, ...] = ()


VERBS: Mapping[str, Verb] = {
    "embed": Verb(
        "embed --dna samples.fasta --photos photos --out s",
        ("s/part-*.parquet", "s/_skipped.csv"),
    ),
    "build-index": Verb(
        "build-index refs --hnsw --overwrite",
        ("clibd-index/*", "refs.embeddings/part-*"),
        before="build-index old.fasta --exact",
        groups=("clibd-index/",),
    ),
    "classify": Verb(
        "classify photos --dna samples.fasta --index library --out r.csv",
        ("r.csv", "r.hits.parquet", "r.skipped.csv"),
        before="classify --dna old.fasta --index library --out r.csv",
    ),
    "train": Verb(
        "train --name mine --init-model tiny --dna d.fasta --photos d --epochs 2 --batch-size 8 "
        "--workers 0 --device cpu --no-make-default",
        ("home/models/mine/*", "mine.train/run.toml", "mine.train/skipped.csv"),
        groups=("home/models/mine/",),
    ),
}


@dataclass(slots=True)
class Tally:
    """What came of the trials of one verb.

    Attributes:
        disturbed: how many runs were broken off; the others ended before the moment.
        lost: what went wrong, in words.
    """

    trials: int = 0
    disturbed: int = 0
    lost: list[str] = field(default_factory=list)

    def lose(self, faults: Sequence[Fault], what: str) -> None:
        """Take note of what went wrong, where something did."""
        if what:
            self.lost.append(f"after {', then '.join(map(str, faults))}: {what}")


def make_inputs(folder: Path) -> None:
    """Inputs of all verbs, some of them bad, a model and an index. Called in a child."""
    from clibd_cli.models.registry import set_default
    from tests.made_inputs import write_fasta, write_photos
    from tests.models.tiny import install_tiny

    install_tiny(folder / "home" / "models", "tiny", ("image", "dna", "text"))
    set_default(folder / "home" / "models", "tiny")
    write_fasta(folder / "refs" / "barcodes.fasta", range(4), "ref", labels=True)
    write_photos(folder / "refs" / "photos", range(3), "ref")
    write_fasta(folder / "old.fasta", range(5, 7), "old", labels=True)
    samples = write_fasta(folder / "samples.fasta", range(4, 7), "q")
    samples.write_text(samples.read_text() + ">short\nACGT\n")
    photos = write_photos(folder / "photos", range(4, 6), "q")
    (photos / "torn.png").write_bytes((photos / "q0-4.png").read_bytes()[:60])
    write_fasta(folder / "d.fasta", range(4), labels=True)
    write_photos(folder / "d", range(4), prefix="s")


def shorten_windows() -> None:
    """Let the commands write often, so that there are many moments."""
    from clibd_cli.core.records import MODALITIES
    from clibd_cli.tasks import embed, queries

    embed.ROWS_A_PART.update(dict.fromkeys(MODALITIES, 4))
    queries._QUERIES_A_WINDOW.update(dict.fromkeys(MODALITIES, 4))


def files_of(folder: Path, verb: Verb) -> Files:
    """What stands under the names of the verb's results."""
    paths = [path for pattern in verb.results for path in folder.glob(pattern)]
    return {str(p.relative_to(folder)): p.read_bytes() for p in paths if not p.name.startswith(".")}


def leftovers(folder: Path) -> list[str]:
    """What only a broken run leaves."""
    half = ("*.partial*", "*.old", "_unfinished", ".vectors-*")
    return sorted(str(p.relative_to(folder)) for pattern in half for p in folder.rglob(pattern))


def torn(now: Files, before: Files, whole: Files, verb: Verb) -> list[str]:
    """Which files are neither as before nor as they shall be, or stand without their group."""
    wrong = [name for name, data in now.items() if data not in (before.get(name), whole.get(name))]
    for start in verb.groups:
        groups = [{n: d for n, d in f.items() if n.startswith(start)} for f in (now, before, whole)]
        if groups[0] and groups[0] not in groups[1:]:
            wrong.append(f"{start}: a mixture")
    return wrong


class Disturber:
    """Disturbs one verb, each time in a fresh copy of a folder of inputs.

    Attributes:
        tallies: by fault.
    """

    def __init__(self, name: str, inputs: Path) -> None:
        self._verb = VERBS[name]
        self._inputs = inputs
        self.tallies = {fault: Tally() for fault in FAULTS}
        folder = self._fresh()
        self._before = files_of(folder, self._verb)
        self._plain = self._run(folder)
        if self._plain.code:
            raise SystemExit(f"{name} fails when nobody disturbs it:\n{self._plain.said}")
        self._whole = files_of(folder, self._verb)
        self._largest = max(map(len, self._whole.values()))

    def disturb(self, kind: str, rng: random.Random) -> None:
        """One trial."""
        folder = self._fresh()
        tally = self.tallies[kind]
        tally.trials += 1
        faults: list[Fault] = []
        while not faults or rng.random() < 0.3:
            faults.append(self._fault(kind, rng))
            ended = self._run(folder, faults[-1])
            tally.disturbed += ended.code != 0
            tally.lose(faults, self._wrong_after(folder, ended, kind))
        tally.lose(faults, self._wrong_at_last(folder, self._run(folder)))

    def _wrong_after(self, folder: Path, ended: Ended, kind: str) -> str:
        """What a disturbed run has done wrong; empty where nothing."""
        if wrong := torn(files_of(folder, self._verb), self._before, self._whole, self._verb):
            return f"torn: {wrong}"
        expected = {"kill": -9, "full": 1, "ctrl-c": 130}[kind]
        clear = not any(word in ended.said for word in ("Traceback", "fault in clibd", "Exception"))
        return "" if ended.code in (0, expected) and clear else f"{ended.code}: {ended.said}"

    def _wrong_at_last(self, folder: Path, ended: Ended) -> str:
        """What is wrong when the same command has run again."""
        if ended.code:
            return f"the same command again ends with {ended.code}: {ended.said}"
        if files_of(folder, self._verb) != self._whole:
            return "the result is not that of an undisturbed run"
        left = leftovers(folder)
        return f"left over: {left}" if left else ""

    def _fault(self, kind: str, rng: random.Random) -> Fault:
        act = {"kill": kill, "full": disk_full, "ctrl-c": press_ctrl_c}[kind]
        if rng.random() < 0.5:
            return Fault(act, touch=rng.randint(1, self._plain.touches))
        if kind == "full":
            return Fault(file_bytes=round(self._largest ** rng.uniform(0.3, 1)))
        return Fault(act, seconds=rng.uniform(0, self._plain.seconds))

    def _fresh(self) -> Path:
        folder = self._inputs.with_name("work")  # the same each time: results name paths
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self._inputs, folder)
        if self._verb.before:
            made = _clibd(self._verb.before, folder)
            if made.code:
                raise SystemExit(made.said)
        return folder

    def _run(self, folder: Path, fault: Fault = NONE) -> Ended:
        return _clibd(self._verb.words, folder, fault)


def _clibd(words: str, folder: Path, fault: Fault = NONE) -> Ended:
    os.environ["CLIBD_HOME"] = str(folder / "home")
    return clibd(words.split(), folder, fault)


def prepared(root: Path) -> Path:
    """A folder of inputs in `root`, with an index called library."""
    inputs = root / "inputs"
    inputs.mkdir()

    def make() -> None:
        make_inputs(inputs)

    for ended in (forked(make, inputs), _clibd("build-index refs --out library", inputs)):
        if ended.code:
            raise SystemExit(ended.said)
    shutil.rmtree(inputs / "refs.embeddings")
    return inputs


def main(times: int, verbs: Sequence[str], faults: Sequence[str], seed: int) -> int:
    """Disturb each verb by each fault `times` times; 1 where something was lost."""
    load_libraries()
    shorten_windows()
    told: dict[str, dict[str, object]] = {}
    with tempfile.TemporaryDirectory() as root:
        inputs = prepared(Path(root))
        for verb in verbs:
            disturber = Disturber(verb, inputs)
            for fault in faults:
                rng = random.Random(f"{seed} {fault} {verb}")
                for _ in range(times):
                    disturber.disturb(fault, rng)
                told[f"{fault} {verb}"] = asdict(disturber.tallies[fault])
                print(fault, verb, told[f"{fault} {verb}"], file=sys.stderr, flush=True)
    print(json.dumps(told, indent=2))
    return int(any(tally["lost"] for tally in told.values()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--verb", choices=list(VERBS), action="append")
    parser.add_argument("--fault", choices=FAULTS, action="append")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    sys.exit(main(asked.times, asked.verb or list(VERBS), asked.fault or FAULTS, asked.seed))
