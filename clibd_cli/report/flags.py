"""How a report orders flags: which ones are looked at first."""

from __future__ import annotations

from clibd_cli.core.flags import FLAGS, Flag

_BY_WORD = {flag.word: (place, flag) for place, flag in enumerate(FLAGS)}
_UNKNOWN_PLACE = len(FLAGS) - 1.5  # before what is only a note


def split_flags(cell: str | None) -> tuple[str, ...]:
    """The words of a cell, without repeats, the gravest first."""
    words = dict.fromkeys(word.strip() for word in (cell or "").split(";"))
    return tuple(sorted(filter(None, words), key=lambda word: (_place(word), word)))


def flag_of(word: str) -> Flag:
    """What is known of a flag; one that nobody knows asks for attention."""
    known = _BY_WORD.get(word)
    return known[1] if known else Flag(word, "attention", "")


def gravity(words: tuple[str, ...]) -> float:
    """Sorts rows: the gravest flag first, rows without a flag last."""
    return _place(words[0]) if words else float(len(FLAGS))


def _place(word: str) -> float:
    known = _BY_WORD.get(word)
    return known[0] if known else _UNKNOWN_PLACE
