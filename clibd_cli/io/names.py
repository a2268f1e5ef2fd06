"""Ids and sources: always printable, on one line, and unique within a run."""

from __future__ import annotations

import os
from collections.abc import Callable

from clibd_cli.core.lineage import clean_text

StrPath = str | os.PathLike[str]
"""A path as users and callers give it; `-` is the standard input where text is read."""

Warn = Callable[[str], None]
"""Who is told what the user should know, one sentence at a time."""

_EXAMPLES = 3


def ignore(message: str) -> None:
    """A listener that does nothing."""


def printable(path: StrPath) -> str:
    """`path` as text that can be shown and stored.

    File names may hold bytes that are not UTF-8, and line breaks; both are replaced.
    """
    try:
        raw = os.fsencode(path)
    except UnicodeEncodeError:
        raw = os.fspath(path).encode("utf-8", "replace")
    return clean_text(raw.decode("utf-8", "replace"))


class UniqueIds:
    """Keeps ids apart: the first keeps its id, later ones become `id#2`, `id#3` and so on.

    The result depends on the order of the ids alone, so a second run gives the same ones.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._copies: dict[str, int] = {}
        self._renamed = 0
        self._examples: list[str] = []

    def take(self, wanted: str) -> str:
        """`wanted`, or the first of its numbered forms that nothing else has taken."""
        unique = wanted
        if wanted in self._taken:
            unique = self._numbered(wanted)
        self._taken.add(unique)
        return unique

    def _numbered(self, wanted: str) -> str:
        copy = self._copies.get(wanted, 1) + 1
        while f"{wanted}#{copy}" in self._taken:
            copy += 1
        self._copies[wanted] = copy
        self._renamed += 1
        unique = f"{wanted}#{copy}"
        if len(self._examples) < _EXAMPLES:
            self._examples.append(unique)
        return unique

    def report(self, what: str, warn: Warn) -> None:
        """Tell once how many of `what` (a plural) had an id that was taken before them."""
        if self._renamed:
            shown = shorten(self._examples, self._renamed)
            warn(f"repeated ids among the {what}: {self._renamed:,} are kept apart as {shown}")


def shorten(examples: list[str], total: int, width: int = 60) -> str:
    """The first examples of `total` things, in words; each at most `width` characters."""
    shown = [
        text if len(text) <= width else text[: width - 3] + "..." for text in examples[:_EXAMPLES]
    ]
    return ", ".join(shown) + (" and so on" if total > len(shown) else "")
