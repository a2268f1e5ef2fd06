"""Small tables of text: aligned for a terminal, or as Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], words: int) -> list[str]:
    """Lines with columns two spaces apart, the first `words` columns to the left."""
    table = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place < words else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]], words: int) -> list[str]:
    """Lines of a Markdown table (GitHub's), the first `words` columns to the left."""
    rule = [":--" if place < words else "--:" for place in range(len(header))]
    return [_markdown_row(row) for row in (header, rule, *rows)]


def _markdown_row(row: Sequence[str]) -> str:
    cells = (cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ") for cell in row)
    return f"| {' | '.join(cells)} |"
