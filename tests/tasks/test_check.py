"""Every byte of a store, an index and a model is vouched for: a flipped bit is found and named."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.seal import sealed, unsealed
from clibd_cli.models.registry import read_card
from clibd_cli.tasks.check import Finding, check
from clibd_cli.tasks.embed import embed
from clibd_cli.tasks.inputs import Inputs
from clibd_cli.tasks.references import build_index
from clibd_cli.vectors.header import read_header
from clibd_cli.vectors.index import ReferenceIndex
from clibd_cli.vectors.parts import part_paths, read_rows
from clibd_cli.vectors.sums import SUMS
from tests.made_inputs import write_fasta, write_photos
from tests.models.tiny import install_tiny
from tests.vectors.made import specimens, unit_vectors, write_store

FLIPS = 100


@pytest.fixture(scope="module")
def made(tiny_home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A store, an index with all the files that an index can have, and a model."""
    folder = tmp_path_factory.mktemp("at rest")
    write_fasta(folder / "refs" / "a.fasta", range(20), "ref", labels=True)
    write_photos(folder / "refs" / "photos", range(2), "ref")
    inputs = Inputs(dna=[str(folder / "refs" / "a.fasta")], photos=[str(folder / "refs")])
    embed(inputs, folder / "store")
    build_index([str(folder / "store")], folder / "index", kind="hnsw")
    install_tiny(folder, "model", ("dna", "text"))
    return {name: folder / name for name in ("store", "index", "model")}


def flipped(path: Path, bit: int, act: Callable[[], Any]) -> Any:
    """What `act` gives while one bit of a file is wrong."""
    good = path.read_bytes()
    bad = bytearray(good)
    bad[bit // 8] ^= 1 << bit % 8
    path.write_bytes(bad)
    try:
        return act()
    finally:
        path.write_bytes(good)


def looked_at(folder: Path) -> Finding:
    (found,) = check(what=[folder])
    return found


@pytest.mark.parametrize("kind", ["store", "index", "model"])
def test_one_flipped_bit_anywhere_is_found_and_named(made: dict[str, Path], kind: str) -> None:
    folder, rng = made[kind], random.Random(kind)
    assert looked_at(folder).state == "ok", looked_at(folder)
    files = [path for path in sorted(folder.iterdir()) if path.stat().st_size]
    for path in files:
        for _ in range(FLIPS // len(files) + 1):
            bit = rng.randrange(8 * path.stat().st_size)
            found = flipped(path, bit, lambda: looked_at(folder))
            assert found.state == "problem", (path.name, bit)
            assert path.name in found.detail, (path.name, bit, found)
            assert found.hint
    assert looked_at(folder).state == "ok"


def test_what_vouches_for_others_is_found_on_opening(made: dict[str, Path]) -> None:
    opened = [
        (made["index"] / "index.json", lambda: ReferenceIndex(made["index"])),
        (made["model"] / "card.json", lambda: read_card(made["model"])),
        (part_paths(made["store"])[-1], lambda: list(read_rows([made["store"]]))),
        (made["store"] / SUMS, lambda: list(read_rows([made["store"]]))),
    ]
    rng = random.Random(3)
    for path, act in opened:
        for _ in range(20):
            with pytest.raises(ClibdError, match=path.name) as error:
                flipped(path, rng.randrange(8 * path.stat().st_size), act)
            assert error.value.hint


def test_a_part_that_is_gone_is_missed(made: dict[str, Path], tmp_path: Path) -> None:
    store = write_store(tmp_path / "s", specimens(3), unit_vectors(3))
    write_store(store, specimens(3, first=3), unit_vectors(3))
    part_paths(store)[0].unlink()
    assert "lacks its file part-000000.parquet" in looked_at(store).detail
    write_store(store, specimens(3), unit_vectors(3))  # as embed does, when it is run again
    assert looked_at(store).state == "ok"


def test_what_a_run_left_unlisted_is_listed_by_the_next(tmp_path: Path) -> None:
    store = write_store(tmp_path / "s", specimens(3), unit_vectors(3))
    (store / SUMS).unlink()
    assert looked_at(store).state == "note"
    write_store(store, specimens(3, first=3), unit_vectors(3))
    assert looked_at(store).state == "ok"
    assert len((store / SUMS).read_text().splitlines()) == 3


def test_files_of_an_older_clibd_are_read(made: dict[str, Path], tmp_path: Path) -> None:
    for folder, name, read in (
        (made["index"], "index.json", read_header),
        (made["model"], "card.json", read_card),
    ):
        facts = unsealed((folder / name).read_text(encoding="utf-8"))
        (tmp_path / name).write_text(json.dumps(facts | {"format_version": 1}), encoding="utf-8")
        assert read(tmp_path).format_version == 1
        (tmp_path / name).write_text(json.dumps(facts), encoding="utf-8")
        with pytest.raises(ClibdError, match=name):  # version 2 has a checksum
            read(tmp_path)


def test_a_part_that_has_lost_its_rows_is_found_without_a_checksum(tmp_path: Path) -> None:
    store = write_store(tmp_path / "s", specimens(3), unit_vectors(3))
    (store / SUMS).unlink()
    (part,) = part_paths(store)
    content = part.read_bytes()
    first_column = b"\x19\xcc\x26\x00\x1c"  # in the footer: the first of 12 columns, at offset 0
    assert content.count(first_column) == 1
    part.write_bytes(content.replace(first_column, b"\x19\xcc\x26\x00\x18"))
    with pytest.raises(ClibdError, match=r"part-000000.*3 of its rows are missing"):
        list(read_rows([store]))


@pytest.mark.parametrize("name", ["unheard-of", "."])
def test_what_is_none_of_these(workplace: Path, name: str) -> None:
    (found,) = check(what=[name])
    assert found.state == "problem"
    assert "clibd models list" in found.hint


def test_models_go_by_name_too(workplace: Path) -> None:
    assert check(what=["tiny"])[0].what == "model tiny"


@pytest.mark.parametrize("text", ["a\ud800b", '""', "x\u2028y"])
def test_seals_hold_for_any_text(text: str) -> None:
    facts = {"a": text, "b": {"c": [""]}, "format_version": 2}
    written = sealed(facts).encode("utf-8", "replace").decode()
    assert unsealed(written) == {**facts, "a": text.encode("utf-8", "replace").decode()}
    for bad in (written.replace("2", "1", 1), written.replace('"b"', '"c"', 1), "[]"):
        with pytest.raises(ValueError, match=r"checksum|no JSON object"):
            unsealed(bad)
