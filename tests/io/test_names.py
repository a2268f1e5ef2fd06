from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from clibd_cli.io.names import UniqueIds, printable, shorten


def test_printable_replaces_bytes_that_are_not_utf8_and_line_breaks() -> None:
    name = os.fsdecode(b"caf\xe9.fasta")
    assert printable(name) == "caf\ufffd.fasta"
    assert printable(Path("a\nb")) == "a b"
    assert printable("fälle/ü.jpg") == "fälle/ü.jpg"


@given(st.text(st.characters(min_codepoint=1)))
@settings(deadline=None)
def test_printable_never_fails_and_can_be_written(name: str) -> None:
    printable(name).encode("utf-8")


def test_later_ids_are_numbered_from_two() -> None:
    ids = UniqueIds()
    assert [ids.take(x) for x in ("a", "b", "a", "a", "b")] == ["a", "b", "a#2", "a#3", "b#2"]


def test_a_numbered_form_never_meets_a_real_id() -> None:
    ids = UniqueIds()
    assert [ids.take(x) for x in ("a", "a#2", "a", "a#2")] == ["a", "a#2", "a#3", "a#2#2"]


@given(st.lists(st.sampled_from(["a", "a#2", "a#2#2", "a#3", "b"]), max_size=30))
@settings(deadline=None)
def test_ids_are_unique_and_new_ones_are_kept(wanted: list[str]) -> None:
    ids = UniqueIds()
    taken = [ids.take(name) for name in wanted]
    assert len(set(taken)) == len(taken)
    assert all(got.startswith(name) for got, name in zip(taken, wanted, strict=True))
    # A change is made only where the id was there before.
    for position, (got, name) in enumerate(zip(taken, wanted, strict=True)):
        assert (got == name) == (name not in taken[:position])


def test_repeats_are_reported_once_with_count_and_examples() -> None:
    ids = UniqueIds()
    for name in ["x"] * 6:
        ids.take(name)
    said: list[str] = []
    ids.report("barcodes", said.append)
    (message,) = said
    assert message.startswith("repeated ids among the barcodes: 5 are kept apart")
    assert message.endswith("x#2, x#3, x#4 and so on")


def test_no_repeat_no_report() -> None:
    ids = UniqueIds()
    ids.take("x")
    said: list[str] = []
    ids.report("barcodes", said.append)
    assert said == []


def test_examples_are_short() -> None:
    assert len(shorten(["x" * 300], 1)) == 60
