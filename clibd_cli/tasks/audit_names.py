"""Names that are badly written, and names that stand in two places of the tree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from clibd_cli.core.lineage import Lineage
from clibd_cli.io.name_checks import NameProblem, misspellings, name_problem
from clibd_cli.tasks.audit_findings import Finding, in_words
from clibd_cli.training.consistency import Contradiction, find_contradictions
from clibd_cli.vectors.holdings import Holdings

_NAME_SEVERITY = {"misspelt": 0.6, "hybrid": 0.5, "list": 0.45, "untidy": 0.35, "open": 0.15}
_PARENT_SEVERITY = {"family": 0.8, "genus": 0.75, "species": 0.7}


def name_findings(all_held: Sequence[Holdings]) -> list[Finding]:
    """One finding for each doubtful species name, over the references of all kinds."""
    bearers: dict[str, list[tuple[Holdings, int]]] = defaultdict(list)
    for held in all_held:
        for row, lineage in enumerate(held.lineages):
            if lineage.species:
                bearers[lineage.species].append((held, row))
    counts = {name: len(its) for name, its in bearers.items()}
    problems: dict[str, NameProblem] = {p.name: p for p in misspellings(counts)}
    for name in counts:
        if problem := name_problem(name):
            problems[name] = problem
    return [_name_finding(problem, bearers[name]) for name, problem in problems.items()]


def lineage_findings(all_held: Sequence[Holdings]) -> list[Finding]:
    """One finding for each name that stands under two names of a higher rank."""
    labelled = (
        (name, lineage)
        for held in all_held
        for name, lineage in zip(held.ids, held.lineages, strict=True)
    )
    found = find_contradictions(labelled)
    wanted = {(c.rank, c.name): c for c in found}
    bearers: dict[tuple[str, str], list[tuple[Holdings, int]]] = defaultdict(list)
    for held in all_held:
        for row, lineage in enumerate(held.lineages):
            for key in _taxa(lineage):
                if key in wanted:
                    bearers[key].append((held, row))
    return [_lineage_finding(c, bearers[c.rank, c.name]) for c in found]


def _name_finding(problem: NameProblem, bearers: Sequence[tuple[Holdings, int]]) -> Finding:
    held, row = bearers[0]
    return Finding(
        severity=_NAME_SEVERITY[problem.problem],
        kind="hybrid_label",
        evidence="label",
        specimen_ids=tuple(its.ids[i] for its, i in bearers),
        reason=f"{problem.name}: {problem.reason}",
        current=in_words(held.lineages[row]),
        suggested=problem.suggested or "",
        rank="species",
        numbers={"problem": problem.problem, "specimens": len(bearers)},
        source=held.sources[row],
    )


def _lineage_finding(found: Contradiction, bearers: Sequence[tuple[Holdings, int]]) -> Finding:
    """The references with the rarer parents come first: they are probably the wrong ones."""
    parents = Counter({parent.name: parent.specimens for parent in found.parents})

    def commonness(place: tuple[Holdings, int]) -> int:
        held, row = place
        return parents[held.lineages[row].at(found.parent_rank) or ""]

    named = [place for place in bearers if commonness(place)]
    order = sorted(named or bearers, key=commonness)
    held, row = order[0]
    first, second = found.parents[0], found.parents[1]
    clear = first.specimens > second.specimens
    return Finding(
        severity=_PARENT_SEVERITY[found.rank],
        kind="inconsistent_lineage",
        evidence="label",
        specimen_ids=tuple(its.ids[i] for its, i in order),
        reason=str(found),
        current=in_words(held.lineages[row]),
        suggested=f"{found.rank} {found.name} in {first.name}" if clear else "",
        rank=found.rank,
        numbers={"parents": len(found.parents), "specimens": sum(parents.values())},
        source=held.sources[row],
    )


def _taxa(lineage: Lineage) -> Iterator[tuple[str, str]]:
    for rank in _PARENT_SEVERITY:
        if name := lineage.at(rank):
            yield rank, name
