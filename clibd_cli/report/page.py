"""The page itself: one HTML file that opens offline, asks for nothing and can be e-mailed.

Everything that comes from data is text: jinja2 escapes what it writes into HTML, and the rows lie
in a block of JSON from which the page's script makes text nodes. The policy in the page's head
lets nothing run but that one script, which it knows by its hash, and forbids every request.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from clibd_cli.core.lineage import RANKS
from clibd_cli.report.contents import Contents, Counts
from clibd_cli.report.flags import flag_of, split_flags
from clibd_cli.report.page_data import page_data, shown
from clibd_cli.report.thumbnails import Thumbnails

STATIC = Path(__file__).resolve().parent / "static"

SCRIPTS = ("data.js", "view.js", "detail.js", "taxa.js", "table.js", "start.js")
"""The parts of the page's one script, in their order."""

GENERATOR = '<meta name="generator" content="clibd report">'
"""Stands near the beginning of every page: by it, a report is told from other people's files."""

MOST_FLAGS = 24
"""Kinds of flags that have a button; clibd knows fewer."""

_UNSAFE = {ord(mark): f"\\u{ord(mark):04x}" for mark in "<>&\u2028\u2029"}


def render_page(contents: Contents, thumbnails: Thumbnails) -> str:
    """The whole page as text; the same bytes for the same contents."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    script, style = page_script(), _read("page.css")
    environment = Environment(
        loader=FileSystemLoader(STATIC),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = lambda number: f"{number:,}"
    environment.filters["shown"] = shown
    flags = _flags(contents.counts)
    data = page_data(contents.rows, thumbnails.places)
    data["flags"] = flags
    pictures = [base64.b64encode(jpeg).decode("ascii") for jpeg in thumbnails.jpegs]
    return environment.get_template("page.html").render(
        contents=contents,
        counts=contents.counts,
        ranks=_completeness(contents.counts),
        flags=flags,
        policy=_policy(script, style),
        generator=Markup(GENERATOR),
        style=Markup(style),
        script=Markup(script),
        data=Markup(safe_json(data)),
        pictures=Markup(safe_json(pictures)),
    )


def safe_json(value: Any) -> str:
    """JSON that can stand inside a script element: nothing in it can end the element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(_UNSAFE)


def page_script() -> str:
    """The page's script: its parts in one scope of their own."""
    parts = "\n".join(_read(name) for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{parts}}})();\n'


def _policy(script: str, style: str) -> str:
    """The page's Content-Security-Policy: one script, one style sheet, embedded pictures."""
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _read(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def _completeness(counts: Counts) -> list[dict[str, Any]]:
    """For each rank, how many specimens have a name there, and how many of a hundred."""
    return [
        {"rank": rank, "named": named, "percent": 100 * named / counts.n if counts.n else 0.0}
        for rank, named in zip(RANKS, counts.named, strict=True)
    ]


def _flags(counts: Counts) -> list[dict[str, Any]]:
    """The flags that occur, the gravest first."""
    words = split_flags(";".join(counts.flags))[:MOST_FLAGS]
    return [
        {
            "word": shown(flag.word),
            "label": shown(flag.label),
            "tone": flag.tone,
            "meaning": flag.meaning,
            "count": count,
        }
        for flag, count in ((flag_of(word), counts.flags[word]) for word in words)
    ]
