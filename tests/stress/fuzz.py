"""Feeds every reader damaged and hostile files, and writes down what breaks a promise.

    python tests/stress/fuzz.py --cases 100000
    python tests/stress/fuzz.py --cases 5000 --only photo --seed 7
    python tests/stress/fuzz.py --cases 20000 --only recipe --coverage

A finding is a case that takes more than five seconds, that ends in another exception than
`ClibdError`, or of which rows and skips are not the inputs. It is made smaller and kept in
`--out`: the file, and what it did to whom. `--coverage` lets atheris steer (one reader a run);
without it, the cases depend on the seed alone.
"""

from __future__ import annotations

import argparse
import hashlib
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from random import Random
from types import FrameType

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

LONGEST = 5.0
_MEMORY = 12 << 30
_TRIES = 400


class TooSlowError(Exception):
    """A case took more than five seconds."""


def main() -> int:
    """Run the cases; exit with 1 where there is a finding."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", help="readers, by the beginning of their names")
    parser.add_argument("--out", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--coverage", action="store_true", help="let atheris steer")
    told = parser.parse_args()
    _bound_memory()
    with _instrumented() if told.coverage else nullcontext():
        from tests.stress.all_readers import all_readers

    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(prefix="clibd-fuzz-") as work:
        readers = [
            reader
            for reader in all_readers(Path(work))
            if not told.only or reader.name.startswith(tuple(told.only))
        ]
        if told.coverage:
            return _steered(readers, told.cases, told.out)
        found = sum(
            _fuzz(reader, max(1, told.cases // len(readers)), told.seed, told.out)
            for reader in readers
        )
    print(f"{found} findings" + (f" in {told.out}" if found else ""))
    return 1 if found else 0


def _fuzz(reader, cases: int, seed: int, out: Path) -> int:  # type: ignore[no-untyped-def]
    rng = Random(f"{reader.name}{seed}")
    known: set[str] = set()
    slowest, started = 0.0, time.monotonic()
    for _ in range(cases):
        case = reader.mutate(reader.seeds, rng)
        begun = time.monotonic()
        problem = problem_of(reader, case)
        slowest = max(slowest, time.monotonic() - begun)
        if problem is not None and problem[0] not in known:
            known.add(problem[0])
            keep(reader, case, problem, out)
    took = time.monotonic() - started
    print(
        f"{reader.name:30} {cases:7,} cases in {took:5.0f} s, the slowest {slowest:.2f} s, "
        f"{len(known)} findings",
        flush=True,
    )
    return len(known)


def problem_of(reader, case: bytes) -> tuple[str, str] | None:  # type: ignore[no-untyped-def]
    """Where a case breaks a promise, in a word, and the story; None where it does not."""
    begun = time.monotonic()
    try:
        with _at_most(LONGEST):
            reader.try_case(case)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [f"{Path(f.filename).name}:{f.name}" for f in frames if "clibd_cli" in f.filename]
        where = own[-1] if own else str(error)
        return f"{type(error).__name__} in {where}", traceback.format_exc()
    took = time.monotonic() - begun
    return (f"{took:.0f} seconds", "too slow") if took > LONGEST else None


def keep(reader, case: bytes, problem: tuple[str, str], out: Path) -> None:  # type: ignore[no-untyped-def]
    """Write a finding down, as small as it can be made."""
    small = smaller(reader, case, problem[0])
    name = f"{reader.name.replace(' ', '-')}-{hashlib.sha256(small).hexdigest()[:10]}"
    out.mkdir(parents=True, exist_ok=True)
    (out / name).write_bytes(small)
    (out / f"{name}.txt").write_text(f"{problem[0]}\n\n{problem[1]}", encoding="utf-8")
    print(f"  {reader.name}: {problem[0]} ({len(small)} bytes) -> {out / name}", flush=True)


def smaller(reader, case: bytes, what: str) -> bytes:  # type: ignore[no-untyped-def]
    """A part of `case` that has the same problem (pieces are left out as long as it has)."""
    piece, tries = max(1, len(case) // 2), 0
    until = time.monotonic() + 4 * LONGEST
    while piece and tries < _TRIES and time.monotonic() < until:
        at = 0
        while at < len(case) and tries < _TRIES:
            tries += 1
            shorter = case[:at] + case[at + piece :]
            problem = problem_of(reader, shorter)
            if problem is not None and problem[0] == what:
                case = shorter
            else:
                at += piece
        piece //= 2
    return case


def _instrumented() -> AbstractContextManager[object]:
    import atheris

    instrumented: AbstractContextManager[object] = atheris.instrument_imports(include=["clibd_cli"])
    return instrumented


def _steered(readers: Sequence, cases: int, out: Path) -> int:  # type: ignore[type-arg]
    """Let atheris look for cases that reach new code; it ends the process itself."""
    import atheris

    (reader,) = readers
    known: set[str] = set()

    def one(case: bytes) -> None:
        problem = problem_of(reader, case)
        if problem is not None and problem[0] not in known:
            known.add(problem[0])
            keep(reader, case, problem, out)

    def changed(case: bytes, most: int, seed: int) -> bytes:
        made = reader.mutate([case] if reader.mutate.__name__ == "damaged" else reader.seeds,
                             Random(seed))  # fmt: skip
        return made[:most]

    corpus = Path(tempfile.mkdtemp(prefix="clibd-corpus-"))
    for number, seed in enumerate(reader.seeds):
        (corpus / str(number)).write_bytes(seed)
    options = [f"-runs={cases}", "-max_len=200000", "-timeout=60", "-rss_limit_mb=0"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one, custom_mutator=changed)
    atheris.Fuzz()
    return 0


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise TooSlowError(f"more than {seconds:g} seconds")

    if not hasattr(signal, "setitimer"):  # Windows: the clock is looked at afterwards
        yield
        return
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _bound_memory() -> None:
    """What a small file asks for beyond this is a MemoryError, and so a finding."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


if __name__ == "__main__":
    sys.exit(main())
