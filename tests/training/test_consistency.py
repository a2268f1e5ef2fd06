"""Labels that contradict each other are found, named, counted and shown."""

from __future__ import annotations

from clibd_cli.core.lineage import Lineage
from clibd_cli.training.consistency import (
    SHOWN,
    InconsistentLabelsError,
    Parent,
    find_contradictions,
    in_a_line,
)


def found(*lineages: tuple[str | None, ...]) -> list[str]:
    labelled = [(f"id{number}", Lineage(*names)) for number, names in enumerate(lineages)]
    return [str(contradiction) for contradiction in find_contradictions(labelled)]


def test_consistent_labels() -> None:
    assert not found(
        ("Diptera", "Culicidae", "Aedes", "Aedes a"),
        ("Diptera", "Culicidae", "Aedes", None),
        ("Diptera", None, "Culex", None),
        (None, "Culicidae", "Aedes", None),
        (None, None, None, None),
    )


def test_each_kind_of_contradiction() -> None:
    assert found(
        ("Diptera", "Culicidae", "Aedes", "Aedes a"),
        ("Hemiptera", "Culicidae", "Culex", "Culex b"),
        ("Diptera", "Sciaridae", "Aedes", None),
        ("Diptera", "Sciaridae", "Aedes", None),
        ("Hemiptera", "Culicidae", "Culiseta", "Culex b"),
    ) == [
        "family Culicidae is in 2 orders: Hemiptera (2, such as id1), Diptera (1, such as id0)",
        "genus Aedes is in 2 families: Sciaridae (2, such as id2), Culicidae (1, such as id0)",
        "species Culex b is in 2 genera: Culex (1, such as id1), Culiseta (1, such as id4)",
    ]


def test_ranks_that_are_left_out() -> None:
    assert found(("Diptera", None, "Aedes", None), ("Hemiptera", None, "Aedes", None)) == [
        "genus Aedes is in 2 orders: Diptera (1, such as id0), Hemiptera (1, such as id1)"
    ]


def test_the_message_shows_the_first_and_counts_the_rest() -> None:
    lineages = [
        (f"id{n}-{family}", Lineage(None, family, f"Genus{n:02}"))
        for n in range(SHOWN + 3)
        for family in ("Aidae", "Bidae")
    ]
    error = InconsistentLabelsError(find_contradictions(lineages), "list.csv")
    assert error.exit_code == 1
    assert error.message.count("is in 2 families") == SHOWN
    assert error.message.endswith("and 3 more")
    assert "list.csv" in (error.hint or "")
    assert len(error.as_data()) == SHOWN + 3
    assert error.contradictions[0].parents == (
        Parent("Aidae", 1, "id0-Aidae"),
        Parent("Bidae", 1, "id0-Bidae"),
    )


def test_a_line_has_the_number_and_the_first_few() -> None:
    labelled = [(f"{genus}{n}", Lineage("O", f"F{n}", genus)) for genus in "ABCDE" for n in (0, 1)]
    line = in_a_line(find_contradictions(labelled))
    assert line.startswith("labels that contradict each other: 5 (genus A is in 2 families: F0 (1,")
    assert line.endswith("such as C1); and so on)")
