"""The page: whole in itself, closed to requests, and safe against every text in it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clibd_cli.core.flags import FLAGS
from clibd_cli.report.contents import Contents
from clibd_cli.report.flags import flag_of, gravity, split_flags
from clibd_cli.report.page import GENERATOR, render_page, safe_json
from clibd_cli.report.page_data import LONGEST_TEXT, page_data
from clibd_cli.report.thumbnails import Thumbnails
from tests.report.made_report import BREAKOUTS, contents, hostile, near, row


class Page(HTMLParser):
    """The elements of a page, its policy, and the text of its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.words: list[str] = []
        self.policy = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        found = dict(attrs)
        if found.get("http-equiv") == "Content-Security-Policy":
            self.policy = found["content"] or ""
        if tag in self.raw:
            self.raw[tag].append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem in self.raw:
            self.raw[self.cdata_elem][-1] += data
        else:
            self.words.append(data)

    @property
    def data(self) -> dict[str, Any]:
        return json.loads(self.raw["script"][0])


def page_of(made: Contents, thumbnails: Thumbnails | None = None) -> Page:
    return Page(render_page(made, thumbnails or Thumbnails()))


def test_the_policy_knows_script_and_style_by_their_hashes() -> None:
    page = page_of(contents([row()]))
    data, pictures, script = page.raw["script"]
    (style,) = page.raw["style"]
    for text in (script, style):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in page.policy
    assert page.policy.startswith("default-src 'none'; ")
    assert "unsafe" not in page.policy
    assert json.loads(data)["n"] == 1
    assert json.loads(pictures) == []


def test_nothing_points_out_of_the_page() -> None:
    text = render_page(contents([row()]), Thumbnails())
    page = Page(text)
    assert set(re.findall(r"https?://[^\s\"']*", text)) == {"http://www.w3.org/2000/svg"}
    assert {value for name, value in page.attributes if name in ("src", "href")} <= {
        "#specimens", "#skipped"
    }  # fmt: skip
    assert not {"link", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    assert "url(" not in text and "@import" not in text


@pytest.mark.parametrize("made", [contents([row()]), hostile(), contents([])], ids=str)
def test_no_handler_and_no_style_stands_in_an_attribute(made: Contents) -> None:
    names = {name for name, _ in page_of(made).attributes}
    assert not [name for name in names if name.startswith("on") or name == "style"]


def test_hostile_texts_add_no_element() -> None:
    tame, wild = page_of(contents([row()])), page_of(hostile())
    assert [tag for tag in wild.tags if tag in ("script", "img", "svg")].count("script") == 3
    assert "img" not in wild.tags
    assert set(wild.tags) <= {*tame.tags, "p", "ul", "li", "dl", "dt", "dd", "div"}
    assert BREAKOUTS[0] in "".join(wild.words)
    assert BREAKOUTS[0] in wild.data["rows"]["id"]
    assert "{{ 7 * 7 }}{% raw %}" in "".join(wild.words)


def test_long_texts_are_cut() -> None:
    data = page_of(hostile()).data
    assert max(map(len, data["texts"])) == LONGEST_TEXT
    assert max(map(len, data["rows"]["id"])) == LONGEST_TEXT


@settings(deadline=None)
@given(st.text())
def test_json_in_a_script_cannot_end_it(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    written = safe_json([text, "</script>\u2028<!--"])
    assert not set("<>&\u2028\u2029") & set(written)
    assert json.loads(written)[0] == text


def test_the_same_contents_give_the_same_bytes() -> None:
    assert render_page(hostile(), Thumbnails()) == render_page(hostile(), Thumbnails())


def test_the_page_says_early_that_it_is_a_report() -> None:
    assert GENERATOR in render_page(contents([row()]), Thumbnails())[:1_000]


def test_the_summary_needs_no_script() -> None:
    made = contents(
        [row(flags=("conflict",)), row(2, "S2", names=(None,) * 4)],
        settings=[("model", "clibd-mini")],
        provenance=[("command", "clibd classify a & b")],
    )
    words = " ".join(" ".join(page_of(made).words).split())
    for told in (
        *("2 specimens", "0 named to species", "1 with flags", "2 skipped", "model clibd-mini"),
        *("order 50 % 1", "conflict 1", "the file is empty", "clibd classify a & b"),
    ):
        assert told in words, told


def test_a_page_of_nothing() -> None:
    page = page_of(contents([], skipped=[]))
    assert page.data["n"] == 0
    assert "No run log lies beside these results." in "".join(page.words)


def test_rows_become_columns_and_shared_texts() -> None:
    data = page_data([row(photo="p.jpg"), row(2, "S2", nearest=())], {"p.jpg": 4})
    rows, texts = data["rows"], data["texts"]
    assert rows["id"] == ["S1", "S2"]
    assert rows["confidence"] == [10_000, 9_800, 7_512, None] * 2
    place = rows["lineage"][0]
    names = [texts[name] for name in data["lineages"][4 * place : 4 * place + 4]]
    assert names == ["Diptera", "Culicidae", "Aedes", ""]
    assert rows["picture"] == [4, None]
    assert texts[rows["folder"][1]] + rows["file"][1] == "plates/a/S2.jpg"
    assert data["starts"] == [0, 2, 2]
    assert data["near"]["identity"] == [9_954, 9_954]
    assert texts[data["near"]["id"][1]] == "R2"


def test_what_few_rows_have_stands_by_row() -> None:
    rows = [row(i, f"S{i}", conflict="image: a; dna: b" if i == 7 else "") for i in range(1, 20)]
    assert page_data(rows, {})["rows"]["conflict"] == {"6": "image: a; dna: b"}


def test_pictures_are_embedded() -> None:
    made = contents([row(photo="p.jpg", nearest=(near(photo="q.jpg"),))])
    page = page_of(made, Thumbnails([b"\xff\xd8one", b"two"], {"p.jpg": 0, "q.jpg": 1}))
    pictures = json.loads(page.raw["script"][1])
    assert base64.b64decode(pictures[page.data["rows"]["picture"][0]]) == b"\xff\xd8one"
    assert base64.b64decode(pictures[page.data["near"]["picture"][0]]) == b"two"


def test_flags_are_sorted_by_gravity() -> None:
    cell = " reverse_complemented;few_references ; conflict;odd;conflict;;"
    assert split_flags(cell) == ("conflict", "few_references", "odd", "reverse_complemented")
    cells = ["", "reverse_complemented", "odd", "few_references;odd", "conflict"]
    assert sorted(cells, key=lambda cell: gravity(split_flags(cell))) == cells[::-1]
    assert flag_of("odd").tone == "attention"
    assert len({flag.word for flag in FLAGS}) == len(FLAGS)
