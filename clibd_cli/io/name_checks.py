"""Species names that are none, or not quite: hybrids, open nomenclature, lists, misspellings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_HYBRID = re.compile(r"×|\s[xX]\s")
_LIST = re.compile(r"[/|&+,;]|\s(or|and)\s")
_OPEN = re.compile(
    r"\b(cf|aff|nr|near|sp|spp|ssp|gr|agg|grp|complex|nov|indet|prope|sensu)\b\.?"
    r"|[ _]group\b|\bs\. ?[sl]\b|\bBOLD:|\d|\?|(?<=[a-z] )[A-Z]{1,4}\b|[a-z][A-Z]\b",
)
"""Open nomenclature (Sigovini et al. 2016) and provisional names such as `Xestia sp. 3`."""

_UNTIDY = re.compile(r"^[\W_]|[^\w)]$|_|\s{2,}|[\"'`]")
_BINOMIAL = re.compile(r"^[A-Z][a-zà-ÿ-]+( \([A-Z][a-z-]+\))?( [a-zà-ÿ-]+){1,2}$")
_LEAST_LETTERS = 5
"""Shorter epithets and genera are too often one letter from a good name."""

COMMONER = 3
"""A misspelling is so many times rarer than the name that was meant."""


@dataclass(frozen=True, slots=True)
class NameProblem:
    """What is wrong with a name.

    Attributes:
        problem: `hybrid`, `list`, `open`, `untidy` or `misspelt`.
        suggested: the name that was probably meant; None where nobody can tell.
    """

    name: str
    problem: str
    reason: str
    suggested: str | None = None


def is_open(name: str) -> bool:
    """Whether `name` does not claim to be one named species: two of these may well be one."""
    return bool(_OPEN.search(name) or _HYBRID.search(name) or _LIST.search(name))


def name_problem(name: str) -> NameProblem | None:
    """What is wrong with a species name as it is written, or None."""
    if _HYBRID.search(name):
        return NameProblem(name, "hybrid", "a hybrid of two species")
    if _OPEN.search(name):
        return NameProblem(name, "open", "open nomenclature or a provisional name, not a species")
    if _LIST.search(name):
        return NameProblem(name, "list", "more than one species, or an author in the name")
    tidied = _tidied(name)
    if _UNTIDY.search(name):
        return NameProblem(name, "untidy", "stray punctuation or spaces in the name", tidied)
    if not _BINOMIAL.match(name):
        better = tidied if tidied != name and _BINOMIAL.match(tidied) else None
        return NameProblem(name, "untidy", "not written as Genus epithet", better)
    return None


def misspellings(counts: Mapping[str, int]) -> Iterator[NameProblem]:
    """Names one letter from a commoner one: another epithet in the genus, or another genus.

    A letter too many, too few, another, or two swapped. Endings that differ only in gender come
    out too: both are names of one species, and a library should have one of them.

    Args:
        counts: how many specimens bear each name.
    """
    sources: dict[str, list[str]] = {}
    names = [name for name in counts if _BINOMIAL.match(name)]
    for name in names:
        for key in _without_a_letter(name):
            sources.setdefault(key, []).append(name)
    meant: dict[str, str] = {}
    for alike in sources.values():
        common = max(alike, key=lambda name: (counts[name], name))
        for name in alike:
            known = meant.get(name)
            if counts[common] >= COMMONER * counts[name] and _one_word_apart(name, common):
                meant[name] = max(filter(None, (known, common)), key=lambda n: (counts[n], n))
    for name in sorted(meant):
        common = meant[name]
        yield NameProblem(
            name,
            "misspelt",
            f"one letter from {common}, which {counts[common]:,} specimens have",
            common,
        )


def _tidied(name: str) -> str:
    words = re.sub(r"[\s_\"'`]+", " ", name).strip(" .,:-*()[]").split(" ")
    return " ".join([words[0].capitalize(), *(word.lower() for word in words[1:])])


def _without_a_letter(name: str) -> set[str]:
    """The name, and all that it becomes by losing one letter: what names one edit apart share."""
    return {name} | {name[:i] + name[i + 1 :] for i in range(len(name)) if name[i] != " "}


def _one_word_apart(name: str, other: str) -> bool:
    """Whether two names differ in one word of some length, by one edit."""
    pairs = list(zip(name.split(" "), other.split(" "), strict=False))
    apart = [(mine, its) for mine, its in pairs if mine != its]
    if name.count(" ") != other.count(" ") or len(apart) != 1:
        return False
    mine, its = apart[0]
    return min(len(mine), len(its)) >= _LEAST_LETTERS and _is_one_edit(mine, its)


def _is_one_edit(a: str, b: str) -> bool:
    if len(a) < len(b):
        a, b = b, a
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(b))
    if len(a) != len(b):
        return len(a) == len(b) + 1 and a[start + 1 :] == b[start:]
    swapped = (
        a[start : start + 2] == b[start : start + 2][::-1] and a[start + 2 :] == b[start + 2 :]
    )
    return a[start + 1 :] == b[start + 1 :] or swapped
