from __future__ import annotations

import codecs
import gzip
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clibd_cli.core.errors import ClibdError
from clibd_cli.io import streams
from clibd_cli.io.streams import BrokenInputError, check_readable, first_line, read_lines


def lines_of(tmp_path: Path, data: bytes) -> list[str]:
    path = tmp_path / "input"
    path.write_bytes(data)
    return list(read_lines(path))


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_line_end(tmp_path: Path, end: bytes) -> None:
    data = end.join([b">a", b"ACGT", b"", b">b", b"GG"])
    assert lines_of(tmp_path, data) == [">a", "ACGT", "", ">b", "GG"]
    assert lines_of(tmp_path, data + end) == [">a", "ACGT", "", ">b", "GG"]


def test_only_line_ends_end_lines(tmp_path: Path) -> None:
    text = "a\x0bb\x0cc\x1cd\u2028e\x85f"
    assert lines_of(tmp_path, text.encode()) == [text]


@pytest.mark.parametrize(
    "encoded",
    [
        "é,ß\nü".encode(),
        codecs.BOM_UTF8 + "é,ß\nü".encode(),
        codecs.BOM_UTF16_LE + "é,ß\nü".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "é,ß\nü".encode("utf-16-be"),
        "é,ß\nü".encode("latin-1"),
    ],
    ids=["utf-8", "utf-8-bom", "utf-16-le", "utf-16-be", "latin-1"],
)
def test_encodings(tmp_path: Path, encoded: bytes) -> None:
    assert lines_of(tmp_path, encoded) == ["é,ß", "ü"]


def test_a_bad_byte_costs_only_its_line(tmp_path: Path) -> None:
    assert lines_of(tmp_path, "ü\n".encode() + b"\xfc\n" + "ß\n".encode()) == ["ü", "ü", "ß"]


def test_empty_file(tmp_path: Path) -> None:
    assert lines_of(tmp_path, b"") == []
    assert lines_of(tmp_path, gzip.compress(b"")) == []


def test_gzip_is_told_by_its_bytes_not_its_name(tmp_path: Path) -> None:
    plain = tmp_path / "plain.gz"
    plain.write_bytes(b"a\nb\n")
    assert list(read_lines(plain)) == ["a", "b"]
    assert lines_of(tmp_path, gzip.compress(b"a\nb\n")) == ["a", "b"]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        def __init__(self, data: bytes) -> None:
            self.buffer = io.BytesIO(data)

    monkeypatch.setattr(sys, "stdin", Stdin(b"a\nb"))
    assert list(read_lines("-")) == ["a", "b"]
    monkeypatch.setattr(sys, "stdin", Stdin(gzip.compress(b"c\nd")))
    assert list(read_lines("-")) == ["c", "d"]


def test_a_pipe_that_gives_single_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Trickle(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self._data = io.BytesIO(data)

        def read(self, size: int = -1) -> bytes:
            return self._data.read(1)

    class Stdin:
        buffer = Trickle(gzip.compress("ü\r\n\r\nend".encode()))

    monkeypatch.setattr(sys, "stdin", Stdin())
    assert list(read_lines("-")) == ["ü", "", "end"]


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ClibdError, match=r"nowhere\.fasta does not exist"):
        list(read_lines(tmp_path / "nowhere.fasta"))
    with pytest.raises(ClibdError, match="is a folder"):
        check_readable(["-", tmp_path])


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.fasta"
    path.write_bytes(b">a\nACGT\n")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ClibdError, match=r"secret\.fasta cannot be opened: Permission denied"):
        list(read_lines(path))


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04\x00\x00aaaa",
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
        ">a\nACGT\n".encode("utf-16-le"),
        b"SQLite format 3\0" + b"a" * 1000,
    ],
)
def test_binary_files_are_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ClibdError, match="not a text file") as caught:
        lines_of(tmp_path, data)
    assert "CSV" in str(caught.value.hint)


@pytest.mark.parametrize(
    "text", [">a\nAC\0GT\n>b\nACGT", "id\tseq\nx\tAC\0GT", "\n>a\nA\0\n" + ">b\nACGT\n" * 99]
)
def test_a_nul_byte_in_a_text_stays_for_its_record(tmp_path: Path, text: str) -> None:
    assert lines_of(tmp_path, text.encode()) == text.removesuffix("\n").split("\n")


@pytest.mark.parametrize("stdin", [None, "closed"])
def test_no_standard_input(monkeypatch: pytest.MonkeyPatch, stdin: str | None) -> None:
    file = None
    if stdin:
        file = io.StringIO()
        file.close()
    monkeypatch.setattr(sys, "stdin", file)
    with pytest.raises(ClibdError, match="no standard input"):
        list(read_lines("-"))


def test_the_last_line_before_garbage_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "f.gz"
    for end, lines in ((b"", ["a", "b"]), (b"\n", ["a", "b"])):
        path.write_bytes(gzip.compress(b"a\nb" + end) + b"garbage")
        got: list[str] = []
        with pytest.raises(BrokenInputError, match="something else after its gzip data"):
            for line in read_lines(path):
                got.append(line)
        assert [line for line in got if line] == lines


def test_an_endless_line_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_LINE", 1000)
    long = b"x" * 300_000
    assert lines_of(tmp_path, b"a\n" + long + b"\nb") == ["a", "x" * 1000, "b"]
    assert lines_of(tmp_path, b"a\r\n" + long + b"\r\nb") == ["a", "x" * 1000, "b"]
    assert lines_of(tmp_path, long) == ["x" * 1000]


def test_a_broken_gzip_gives_what_came_before(tmp_path: Path) -> None:
    text = b"".join(b"line %d\n" % i for i in range(50_000))
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(text)[:-5000])
    lines: list[str] = []
    with pytest.raises(BrokenInputError, match=r"cut\.gz breaks off"):
        for line in read_lines(path):
            lines.append(line)
    assert len(lines) > 10_000
    assert lines == text.decode().splitlines()[: len(lines)]


def test_first_line_gives_all_lines_again() -> None:
    first, lines = first_line(iter(["", "  ", "a", "b"]))
    assert first == "a"
    assert list(lines) == ["", "", "a", "b"]
    assert first_line(iter(["", ""]))[0] is None


@given(
    st.lists(st.text(st.characters(blacklist_characters="\r\n\0", blacklist_categories=["Cs"]))),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.integers(1, 9),
    st.booleans(),
)
@settings(deadline=None)
def test_lines_do_not_depend_on_blocks(
    texts: list[str], end: str, block: int, packed: bool
) -> None:
    data = "".join(text + end for text in texts).encode()
    if data.startswith((b"\xff\xfe", b"\xfe\xff", codecs.BOM_UTF8, b"\x1f\x8b", b"\x28\xb5\x2f")):
        return
    raw = gzip.compress(data) if packed else data
    pieces = (raw[i : i + block] for i in range(0, len(raw), block))
    file = _Pieces(pieces)
    blocks = streams.decompressed(streams._blocks(file, "x"), "x")  # type: ignore[arg-type]
    assert list(streams._decoded(streams._whole_lines(streams._utf8(blocks, "x")))) == texts


class _Pieces:
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, size: int) -> bytes:
        return next(self._pieces, b"")


@pytest.mark.parametrize("change", ["grows", "shrinks"])
def test_a_file_that_changes_while_it_is_read_is_not_whole(tmp_path: Path, change: str) -> None:
    """A sequencer that still writes, say: the last record may be half of one."""
    path = tmp_path / "run.fasta"
    path.write_bytes(b">a\nACGT\n" * 100_000)
    lines = read_lines(path)
    next(lines)
    if change == "grows":
        with path.open("ab") as file:
            file.write(b">b\nAC")
    else:
        os.truncate(path, 700_000)
    with pytest.raises(BrokenInputError, match="changed while it was read"):
        for line in lines:
            assert line in (">a", "ACGT", ">b")
