"""The vote: one lineage, never deeper than the evidence."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clibd_cli.core.lineage import RANKS, Lineage
from clibd_cli.core.records import Hit
from clibd_cli.tasks.naming import name_by_nearest, name_by_vote

A = Lineage("Diptera", "Sciaridae", "Corynoptera", "Corynoptera one")
B = Lineage("Diptera", "Sciaridae", "Corynoptera", "Corynoptera two")
C = Lineage("Diptera", "Culicidae", "Aedes", "Aedes vexans")
FAMILY_ONLY = Lineage("Diptera", "Sciaridae")


def hit(similarity: float, *labels: Lineage, vector: int = 0) -> Hit:
    counts = tuple((lineage, labels.count(lineage)) for lineage in dict.fromkeys(labels))
    return Hit(vector, "dna", similarity, f"ref{vector}", labels[0], None, "refs", counts)


def test_nearest_gives_the_whole_label_of_the_nearest_key() -> None:
    naming = name_by_nearest([[hit(0.9, A), hit(0.8, C)]])
    assert naming.lineage == A
    assert naming.confidence == dict.fromkeys(RANKS, 0.9)
    assert naming.n_support == 1


def test_nearest_of_two_kinds_of_evidence() -> None:
    assert name_by_nearest([[hit(0.7, A)], [hit(0.9, C)]]).lineage == C
    aligned = hit(0.7, A).aligned(0.9, 600)
    assert name_by_nearest([[hit(0.9, C)], [aligned]]).lineage == A


def test_an_identical_barcode_outvotes_many_similar_ones() -> None:
    near = [hit(0.97, B, vector=i) for i in range(1, 10)]
    naming = name_by_vote([[hit(1.0, A), *near]])
    assert naming.lineage == A
    assert naming.confidence["species"] == pytest.approx(1.0, abs=1e-3)


def test_the_scale_of_similarities_does_not_matter() -> None:
    for spread in (1.0, 1e-2, 1e-4):
        hits = [hit(1 - 0.1 * spread, A), hit(1 - 0.3 * spread, C), hit(1 - 0.3 * spread, C)]
        assert name_by_vote([hits]).lineage.species == A.species


def test_disagreement_leaves_the_deeper_ranks_empty() -> None:
    naming = name_by_vote([[hit(0.9, A), hit(0.9, B)]])
    assert naming.lineage == Lineage("Diptera", "Sciaridae", "Corynoptera")
    assert naming.confidence["species"] is None
    assert naming.n_support == 2


def test_identical_barcodes_of_two_species_give_the_genus() -> None:
    naming = name_by_vote([[hit(1.0, A, B)]])
    assert naming.lineage == Lineage("Diptera", "Sciaridae", "Corynoptera")


def test_specimens_without_a_species_leave_the_vote_to_their_twins() -> None:
    naming = name_by_vote([[hit(1.0, A, FAMILY_ONLY, FAMILY_ONLY)]])
    assert naming.lineage == A


def test_an_unnamed_neighbour_withholds_its_share() -> None:
    naming = name_by_vote([[hit(0.99, FAMILY_ONLY), hit(0.90, A)]])
    assert naming.lineage == FAMILY_ONLY


def test_a_missing_rank_does_not_hide_the_ones_below() -> None:
    gap = Lineage("Diptera", None, "Corynoptera", "Corynoptera one")
    assert name_by_vote([[hit(0.9, gap), hit(0.9, gap)]]).lineage == gap


def test_references_with_uneven_ranks() -> None:
    # The identical barcode comes from a header without order and family.
    bare = Lineage(None, None, "Acronicta", "Acronicta psi")
    far = [hit(0.8, A, vector=1), hit(0.8, Lineage("Lepidoptera", "Noctuidae"), vector=2)]
    assert name_by_vote([[hit(1.0, bare), *far]]).lineage == bare
    photo = [hit(0.9, Lineage("Lepidoptera", "Noctuidae", "Acronicta", "Acronicta psi"))]
    both = name_by_vote([photo, [hit(1.0, bare)]], min_share=0.4)
    assert both.lineage == Lineage("Lepidoptera", "Noctuidae", "Acronicta", "Acronicta psi")
    assert set(both.confidence.values()) == {1.0}


def test_photo_and_barcode_have_one_vote_each() -> None:
    photo = [hit(0.5, C, vector=i) for i in range(10)]
    barcode = [hit(0.9, A)]
    assert name_by_vote([photo, barcode]).lineage == Lineage("Diptera")
    assert name_by_vote([photo, barcode], min_share=0.4).lineage.family is not None


def test_no_neighbours_no_name() -> None:
    for method in (name_by_nearest, name_by_vote):
        naming = method([[]])
        assert not naming.lineage
        assert naming.n_support == 0


names = st.sampled_from(["a", "b", "c", None])
lineages = st.builds(Lineage, names, names, names, names)
hits = st.lists(
    st.builds(
        lambda s, labels, i: hit(s, *labels, vector=i),
        st.floats(-1, 1),
        st.lists(lineages, min_size=1, max_size=3),
        st.integers(0, 9),
    ),
    max_size=8,
)


@settings(deadline=None)
@given(st.lists(hits, min_size=1, max_size=2), st.floats(0, 1))
def test_every_vote_is_one_lineage_with_falling_confidence(
    evidence: list[list[Hit]], min_share: float
) -> None:
    naming = name_by_vote(evidence, min_share)
    given_lineages = {lin for found in evidence for h in found for lin, _ in h.labels}
    named = [rank for rank in RANKS if naming.lineage.at(rank)]
    shares = [naming.confidence[rank] for rank in named]
    assert [rank for rank in RANKS if naming.confidence[rank] is not None] == named
    assert all(share is not None and min_share < share <= 1.0 for share in shares)
    assert all(a >= b - 1e-9 for a, b in pairwise(shares))  # type: ignore[operator]
    for rank in named:
        assert any(lin.at(rank) == naming.lineage.at(rank) for lin in given_lineages)
    if naming.lineage:
        # A reference agrees with the deepest name and contradicts none of its parents.
        assert any(
            lin.at(named[-1]) == naming.lineage.at(named[-1])
            and all(lin.at(r) in {naming.lineage.at(r), None} for r in named)
            for lin in given_lineages
        )
    assert (naming.n_support > 0) == bool(naming.lineage)
