"""Files and folders appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from clibd_cli.core.atomic import (
    atomic_folder,
    atomic_path,
    beside,
    naming,
    remove_partials,
    write_text,
)
from clibd_cli.core.digest import sha256_file, sha256_text
from clibd_cli.core.errors import ClibdError


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    final = tmp_path / "new" / "table.csv"
    with atomic_path(final) as partial:
        partial.write_text("rows")
        assert not final.exists()
        assert partial.suffix == ".csv"
    assert final.read_text() == "rows"
    assert list(final.parent.iterdir()) == [final]


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    final = tmp_path / "table.csv"
    final.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(final) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert final.read_text() == "old"
    assert list(tmp_path.iterdir()) == [final]


def test_a_whole_file_that_cannot_take_its_name_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_use(self: Path, target: Path) -> None:
        raise PermissionError(13, "in use by a spreadsheet")

    monkeypatch.setattr(Path, "replace", in_use)
    with pytest.raises(ClibdError, match="cannot be replaced") as told:
        write_text(tmp_path / "results.csv", "rows")
    (kept,) = tmp_path.iterdir()
    assert kept.read_text() == "rows"
    assert str(kept) in str(told.value.hint)


def test_text_is_utf8_with_unix_line_ends(tmp_path: Path) -> None:
    write_text(tmp_path / "t.txt", "ä\nb\n")
    assert (tmp_path / "t.txt").read_bytes() == "ä\nb\n".encode()


def test_text_with_names_that_are_not_utf8(tmp_path: Path) -> None:
    write_text(tmp_path / "t.txt", "caf\udce9")
    assert (tmp_path / "t.txt").read_bytes() == b"caf?"


def test_a_partial_file_may_be_visible(tmp_path: Path) -> None:
    seen = tmp_path / "t.partial.csv"
    with atomic_path(tmp_path / "t.csv", seen) as partial:
        partial.write_text("rows")
        assert seen.read_text() == "rows"
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_names_of_helpers() -> None:
    assert beside(Path("a/b.x.csv"), ".", ".partial", ".lock") == Path("a/.b.x.partial.csv.lock")
    odd = beside(Path("a." + "b" * 240), inside=".partial")
    assert odd.name == "a." + "b" * 240 + ".partial"


@pytest.mark.parametrize("letter", ["x", "ü", "蛾", "\udce9"])
def test_long_names_have_partial_files_of_their_own(tmp_path: Path, letter: str) -> None:
    # Names that a file system takes, whose partial ones are only told apart by a digest.
    stem = letter * (240 // len(os.fsencode(letter)))
    names = [f"{stem}-{i}.csv" for i in range(2)]
    with atomic_path(tmp_path / names[0]) as one, atomic_path(tmp_path / names[1]) as two:
        assert one != two
        one.write_text("1")
        two.write_text("2")
    assert [(tmp_path / name).read_text() for name in names] == ["1", "2"]
    with atomic_folder(tmp_path / f"{stem}-a") as one, atomic_folder(tmp_path / f"{stem}-b") as two:
        assert one != two
    assert len(list(tmp_path.iterdir())) == 4


def test_a_folder_replaces_the_old_one_as_a_whole(tmp_path: Path) -> None:
    final = tmp_path / "index"
    for content in ("one", "two"):
        with atomic_folder(final) as partial:
            (partial / content).touch()
    assert [path.name for path in final.iterdir()] == ["two"]
    with pytest.raises(RuntimeError), atomic_folder(final) as partial:
        raise RuntimeError
    assert [path.name for path in final.iterdir()] == ["two"]
    assert list(tmp_path.iterdir()) == [final]


def test_what_a_killed_run_left_behind_is_put_in_order(tmp_path: Path) -> None:
    (tmp_path / ".index.partial").mkdir()
    (tmp_path / ".index.old").mkdir()
    (tmp_path / ".index.old" / "kept").touch()
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "index"):
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["index"]
    assert [path.name for path in (tmp_path / "index").iterdir()] == ["kept"]
    with atomic_folder(tmp_path / "index") as partial:
        (partial / "x").touch()
    assert [path.name for path in (tmp_path / "index").iterdir()] == ["x"]


def test_digests(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_file(tmp_path / "f") == sha256_text("abc") == expected
    assert sha256_text("\udce9") != sha256_text("e")


def test_a_rename_that_fails_brings_the_old_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    final = tmp_path / "model"
    final.mkdir()
    (final / "old").touch()
    rename = Path.replace

    def failing(self: Path, target: Path) -> Path:
        if self.name.endswith(".partial"):
            raise OSError("in use")
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(OSError, match="in use"), atomic_folder(final) as folder:
        (folder / "new").touch()
    assert list(tmp_path.iterdir()) == [final]
    assert [path.name for path in final.iterdir()] == ["old"]


@pytest.mark.parametrize("name", ["check[p].pt", "log", ".mark"])
def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path: Path, name: str) -> None:
    final = tmp_path / name
    others = [tmp_path / ".other.7.partial.pt", tmp_path / ".check[p].me.partial.pt"]
    for path in (final, *others, *(beside(final, ".", f".{pid}.partial") for pid in (7, 123456))):
        path.write_text("half")
    remove_partials(final)
    assert sorted(tmp_path.iterdir()) == sorted([final, *others])


def test_ctrl_c_before_the_name_is_taken_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        write_text(tmp_path / "r.run.json", "{}")
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_writing_names_the_file() -> None:
    with pytest.raises(OSError, match=r"No space left on device: 'r\.csv'"), naming(Path("r.csv")):
        raise OSError(28, "No space left on device")
    with pytest.raises(OSError, match="'other'"), naming(Path("r.csv")):
        raise OSError(28, "No space left on device", "other")
