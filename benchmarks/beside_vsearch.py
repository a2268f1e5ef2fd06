"""`clibd classify --dna` beside vsearch: the same queries and references, from start to files.

    clibd build-index references.fasta --out index
    python benchmarks/beside_vsearch.py queries.fasta index references.fasta [--rounds 3]

Both start anew, read their references, and use all cores that this process may use; vsearch is
looked for on the PATH. Prints seconds (the least of the rounds, which take turns) and queries a
second. How often each is right: `kept_back_barcodes.py`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from clibd_cli.core.ahead import default_workers


def main() -> None:
    """Measure, print, and write where wanted."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("queries", type=Path)
    parser.add_argument("index", type=Path)
    parser.add_argument("references", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    given = parser.parse_args()
    vsearch = shutil.which("vsearch")
    if vsearch is None:
        raise SystemExit("vsearch is not on the PATH")
    threads = str(default_workers())
    count = sum(line.startswith(">") for line in given.queries.open(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        table, hits = str(Path(folder, "names.csv")), str(Path(folder, "hits.uc"))
        own = ["classify", "--dna", str(given.queries), "--index", str(given.index)]
        search = ["--usearch_global", str(given.queries), "--db", str(given.references)]
        how = ["--id", "0.7", "--maxaccepts", "1", "--threads", threads]
        programs = {
            "clibd": [sys.executable, "-m", "clibd_cli", *own, "--out", table],
            "vsearch": [vsearch, *search, *how, "--uc", hits, "--quiet"],
        }
        rounds = [
            {name: seconds(words) for name, words in programs.items()} for _ in range(given.rounds)
        ]
    best = {name: min(one[name] for one in rounds) for name in programs}
    for name, taken in best.items():
        print(f"{name:<8}{taken:>8.1f} s{count / taken:>9.0f} queries a second")
    if given.json:
        facts = {"queries": count, "threads": int(threads), "seconds": best}
        given.json.write_text(json.dumps(facts, indent=1), encoding="utf-8")


def seconds(words: Sequence[str]) -> float:
    """How long a program takes."""
    begun = time.perf_counter()
    subprocess.run(words, check=True, capture_output=True)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
