"""Any input as lines of text, in bounded memory: the one place that knows encodings and line ends.

Plain, gzip and zstd files and the standard input (`-`) are told apart by their first bytes,
never by their name.
"""

from __future__ import annotations

import codecs
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain, repeat
from pathlib import Path
from typing import BinaryIO, cast

from clibd_cli.core.errors import ClibdError
from clibd_cli.io.inflate import BrokenInputError, decompressed
from clibd_cli.io.names import StrPath, printable

__all__ = ["MAX_LINE", "BrokenInputError", "check_readable", "first_line", "read_lines"]

MAX_LINE = 2 << 20
"""Bytes of a line that are kept; the rest of a longer line is read over.

A row of a BOLD table has 2-3 kB. Readers must take a line of 500,000 characters (of up to four
bytes each) or more for one that may have been cut.
"""

_BLOCK = 1 << 16
_MAGIC_BYTES = 8
_LINE_END = re.compile(rb"[\r\n]")
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r"))
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_TEXT_HINT = (
    "Give FASTA or a table as text (tabs, commas or semicolons), plain, gzip or zstd. "
    "Save a spreadsheet as CSV; unpack a zip archive."
)


def check_readable(names: Iterable[StrPath]) -> None:
    """Find misspelt names before any work is done.

    Raises:
        ClibdError: for the first name that is missing or a folder. `-` is always well.
    """
    for name in names:
        if os.fspath(name) == "-":
            continue
        path = Path(name)
        if path.is_dir():
            raise ClibdError(
                f"{printable(name)} is a folder, not a file", "Name the files inside it."
            )
        if not path.exists():
            raise ClibdError(f"{printable(name)} does not exist", "Check the name and the folder.")


def read_lines(name: StrPath) -> Iterator[str]:
    """The lines of a text, without their ends; `-` is the standard input.

    UTF-8 and UTF-16 (by its byte order mark) are read as such; a line that is not UTF-8 is taken
    for Latin-1. Lines end with LF, CRLF or CR. Lines beyond `MAX_LINE` are cut.

    Raises:
        ClibdError: where the file cannot be opened or is no text, or there is no standard input.
        BrokenInputError: after the last whole line, where a file ends too early, is changed while
            it is read, or the disk fails.
    """
    check_readable([name])
    with _opened(name) as file:
        blocks = decompressed(_blocks(file, printable(name)), printable(name))
        yield from _decoded(_whole_lines(_utf8(blocks, printable(name))))


def first_line(lines: Iterator[str]) -> tuple[str | None, Iterator[str]]:
    """The first line that is not blank (None where there is none), and all lines once more."""
    for blank, line in enumerate(lines):
        if line.strip():
            return line, chain(repeat("", blank), [line], lines)
    return None, iter(())


@contextmanager
def _opened(name: StrPath) -> Iterator[BinaryIO]:
    with ExitStack() as stack:
        if os.fspath(name) == "-":
            if sys.stdin is None or getattr(sys.stdin, "closed", False):
                raise ClibdError(
                    "there is no standard input to read", "Name a file instead of -, or pipe one."
                )
            yield getattr(sys.stdin, "buffer", cast(BinaryIO, sys.stdin))
            return
        try:
            file = stack.enter_context(Path(name).open("rb"))
        except OSError as error:
            raise ClibdError(
                f"{printable(name)} cannot be opened: {error.strerror or error}",
                "Check that you may read it.",
            ) from error
        yield file


def _blocks(file: BinaryIO, name: str) -> Iterator[bytes]:
    # read1, so that a pipe gives what it has; the first block must still show the magic bytes.
    read = getattr(file, "read1", file.read)
    before = _state(file)
    try:
        head = b""
        while len(head) < _MAGIC_BYTES and (more := read(_BLOCK)):
            head += more
        yield head
        while block := read(_BLOCK):
            yield block
    except OSError as error:
        raise BrokenInputError(
            f"{name} cannot be read on: {error.strerror or error}", "Check the disk or network."
        ) from error
    if _state(file) != before:
        raise BrokenInputError(
            f"{name} was changed while it was read", "Run the command again when it is complete."
        )


def _state(file: BinaryIO) -> tuple[int, int] | None:
    """The size and the time of the last change of a file; None of a pipe."""
    try:
        facts = os.fstat(file.fileno())
    except (OSError, AttributeError):  # no file of the system
        return None
    return (facts.st_size, facts.st_mtime_ns) if stat.S_ISREG(facts.st_mode) else None


def _utf8(blocks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """The blocks as UTF-8 without byte order mark, or as they are in an unknown encoding."""
    head = b""
    while len(head) < len(codecs.BOM_UTF8) and (more := next(blocks, b"")):
        head += more
    if head.startswith(_UTF16):
        decoder = codecs.getincrementaldecoder("utf-16")("replace")
        texts = (decoder.decode(block) for block in chain([head], blocks))
        yield from (text.encode("utf-8", "replace") for text in texts)
        return
    if b"\0" in head and not _looks_like_text(head):
        raise ClibdError(f"{name} is not a text file", _TEXT_HINT)
    yield head.removeprefix(codecs.BOM_UTF8)
    yield from blocks


def _whole_lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Regroup blocks so that each ends where a line ends; cut what goes beyond `MAX_LINE`."""
    rest = b""
    skipping = False
    for block in _with_last_line_ended(blocks):
        if skipping:
            end = _LINE_END.search(block)
            if not end:
                continue
            block = block[end.start() :]  # noqa: PLW2901
            skipping = False
        joined = rest + block
        # A CR at the very end may be half of a CRLF: it waits for the next block.
        stop = len(joined) - joined.endswith(b"\r")
        cut = max(joined.rfind(b"\n", 0, stop), joined.rfind(b"\r", 0, stop)) + 1
        if cut:
            yield joined[:cut]
        rest = joined[cut:]
        if len(rest) > MAX_LINE:
            skipping = not rest.endswith(b"\r")
            rest = rest[:MAX_LINE] + (b"" if skipping else b"\r")
    if rest:
        yield rest


def _looks_like_text(head: bytes) -> bool:
    """Whether a first block with NUL bytes is a text with a slip in it: one control character, or
    less than one in a hundred, and none in its first line. The record with it is judged later.
    """
    strange = len(head) - len(head.translate(None, _CONTROLS))
    first = _LINE_END.split(head.lstrip(), maxsplit=1)[0]
    return strange <= max(1, len(head) // 100) and first.translate(None, _CONTROLS) == first


def _with_last_line_ended(blocks: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from blocks
    except BrokenInputError as error:
        if error.at_end:
            yield b"\n"
        raise


def _decoded(blocks: Iterator[bytes]) -> Iterator[str]:
    for block in blocks:
        try:
            text = block.decode("utf-8")
        except UnicodeDecodeError:
            yield from map(_decoded_line, block.splitlines())
            continue
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        yield from lines


def _decoded_line(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")
