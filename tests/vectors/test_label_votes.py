"""What neighbours say of a label that is left out."""

from __future__ import annotations

from clibd_cli.vectors.label_trust import Trust
from clibd_cli.vectors.label_votes import Votes
from clibd_cli.vectors.neighbours import nearest_others
from tests.made_library import add_copy, lineage_of, made_library, row_of


def _votes(held: object) -> Votes:
    return Votes(held, *nearest_others(held.vectors, 5))  # type: ignore[arg-type, attr-defined]


def test_the_label_of_a_reference_does_not_vote_for_itself() -> None:
    held = made_library()
    row = row_of(held, "s3-0")
    held.lineages[row] = lineage_of(20)
    votes = _votes(held)
    place = next(i for i, g in enumerate(votes.groups) if row in g.rows)
    vote = votes.at("species")[place]
    assert vote.winner == lineage_of(3).species
    assert (vote.share, vote.own, vote.voters) == (1.0, 0.0, 5)
    assert 0.9 < vote.similarity < 1


def test_references_of_one_barcode_and_label_do_not_vouch_for_each_other() -> None:
    held = made_library()
    row = row_of(held, "s3-0")
    held.lineages[row] = lineage_of(20)
    for n in range(9):
        add_copy(held, "s3-0", f"copy{n}", lineage_of(20))
    votes = _votes(held)
    place = next(i for i, g in enumerate(votes.groups) if row in g.rows)
    assert len(votes.groups[place].rows) == 10
    assert votes.at("family")[place].winner == lineage_of(3).family


def test_other_labels_of_the_same_barcode_are_the_nearest_neighbours() -> None:
    held = made_library()
    add_copy(held, "s3-0", "copy", lineage_of(20))
    votes = _votes(held)
    right, wrong = (g for g in votes.groups if g.vector == row_of(held, "s3-0"))
    by_group = dict(zip([id(g) for g in votes.groups], votes.at("species"), strict=True))
    assert by_group[id(wrong)].winner == lineage_of(3).species
    assert by_group[id(wrong)].similarity == 1.0
    assert by_group[id(wrong)].own == 0.0
    assert by_group[id(right)].winner == lineage_of(3).species
    assert 0 < 1 - by_group[id(right)].share < 0.5


def test_neighbours_without_a_name_withhold_their_vote() -> None:
    held = made_library()
    held.lineages = [type(x)(x.order, x.family) for x in held.lineages]
    votes = _votes(held)
    assert {vote.voters for vote in votes.at("species")} == {0}
    assert {vote.winner for vote in votes.at("family")} == {x.family for x in held.lineages}


def test_trust_is_how_often_labels_agree() -> None:
    held = made_library()
    votes = _votes(held)
    cast = votes.at("species")
    clean = Trust(votes.groups, cast, "species")
    assert clean.overall > 0.99
    for species in range(24):
        held.lineages[row_of(held, f"s{species}-0")] = lineage_of((species + 12) % 24)
    noisy_votes = _votes(held)
    noisy = Trust(noisy_votes.groups, noisy_votes.at("species"), "species")
    assert 0.75 < noisy.overall < 0.9


def test_a_name_that_only_one_vector_bears_is_not_judged() -> None:
    held = made_library()
    row = row_of(held, "s3-0")
    held.lineages[row] = type(held.lineages[row])("Diptera", "Familadae", "Solus", "Solus unicus")
    votes = _votes(held)
    place = next(i for i, g in enumerate(votes.groups) if row in g.rows)
    assert not Trust(votes.groups, votes.at("species"), "species").judged[place]
    assert Trust(votes.groups, votes.at("family"), "family").judged[place]
