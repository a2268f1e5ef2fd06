"""`_sha256.txt`: what each file of a store must be, in the format of `sha256sum -c`.

Parquet guards its pages, but not the footer that says what they mean: one flipped bit there can
make a part empty, or its vectors another model's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from clibd_cli.core.atomic import write_text
from clibd_cli.core.digest import sha256_file, sha256_text
from clibd_cli.core.errors import ClibdError

SUMS = "_sha256.txt"
_LINE = re.compile(r"([0-9a-f]{64})  ([^/\\\x00-\x1f]+)")
_HEAD = re.compile(r"# ([0-9a-f]{64})\n")


def write_sums(folder: Path, sums: Mapping[str, str]) -> None:
    """Write the digests of files of a store, by name; the first line is that of the others."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
    write_text(folder / SUMS, f"# {sha256_text(lines)}\n{lines}")


def read_sums(folder: Path) -> dict[str, str]:
    """The digests of the files of a store, by name; none of a store of an older clibd.

    Raises:
        ClibdError: where the list of them is damaged.
    """
    path = folder / SUMS
    try:
        text = path.read_bytes().decode("ascii")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(path, str(error)) from error
    head = _HEAD.match(text)
    if head is None or sha256_text(text[head.end() :]) != head[1]:
        raise _damaged(path, "its first line is not the SHA-256 of the others")
    found = [_LINE.fullmatch(line) for line in text[head.end() :].splitlines()]
    if None in found:
        raise _damaged(path, "it has a line that is no checksum")
    return {match[2]: match[1] for match in found if match}


def check_sum(path: Path, sums: Mapping[str, str]) -> None:
    """Compare a file of a store with its digest, where one is listed.

    Raises:
        ClibdError: where the file was changed or is missing.
    """
    expected = sums.get(path.name)
    try:
        changed = expected is not None and sha256_file(path) != expected
    except OSError as error:
        raise ClibdError(f"{path} cannot be read: {error.strerror or error}", REPAIR) from error
    if changed:
        raise ClibdError(f"{path} is damaged: its SHA-256 is not the one in {SUMS}", REPAIR)


REPAIR = "Remove that file and run the same `clibd embed` again: it makes what is missing anew."


def _damaged(path: Path, why: str) -> ClibdError:
    return ClibdError(
        f"{path} is damaged: {why}", "Remove it and run the same `clibd embed` again."
    )
