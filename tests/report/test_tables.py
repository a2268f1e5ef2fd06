"""Small text tables."""

from __future__ import annotations

from clibd_cli.report.tables import aligned, markdown

HEADER = ["set", "order", "species"]
ROWS = [["seen", "100.0", ""], ["a|b", "9.5", "1,000"]]


def test_aligned() -> None:
    assert aligned(HEADER, ROWS, 1) == [
        "set   order  species",
        "seen  100.0",
        "a|b     9.5    1,000",
    ]


def test_markdown() -> None:
    assert markdown(HEADER, ROWS, 1) == [
        "| set | order | species |",
        "| :-- | --: | --: |",
        "| seen | 100.0 |  |",
        "| a\\|b | 9.5 | 1,000 |",
    ]
