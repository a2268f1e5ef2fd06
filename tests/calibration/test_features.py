"""What is read off a search result."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from clibd_cli.calibration.features import PhotoSigns, features
from clibd_cli.core.lineage import Lineage
from clibd_cli.core.records import Hit


def hit(name: str, similarity: float, identity: float | None = None) -> Hit:
    lineage = Lineage(species=name)
    overlap = None if identity is None else 600
    return Hit(0, "dna", similarity, "k", lineage, None, "k", ((lineage, 1),), identity, overlap)


def test_vectors_have_six_numbers_and_aligned_barcodes_eleven() -> None:
    assert len(features([hit("a", 0.9), hit("b", 0.8)], "species", "a")) == 6
    assert len(features([hit("a", 0.9, 0.99), hit("b", 0.8, 0.9)], "species", "a")) == 11
    assert len(features([hit("a", 0.9)], "species", "a")) == 6


def test_photos_have_two_numbers_and_a_third_where_their_strength_is_known() -> None:
    hits = [hit("a", 0.9), hit("b", 0.8)]
    assert len(features(hits, "species", "a", PhotoSigns())) == 2
    strong, weak = (features(hits, "species", "a", PhotoSigns(s)) for s in (9.0, 3.0))
    assert len(strong) == 3
    assert strong[:2] == weak[:2]
    assert strong[2] > weak[2]


def test_the_middle_of_the_references_counts_where_there_is_one() -> None:
    hits = [hit("a", 0.9), hit("b", 0.8)]
    central, outside, alone = (
        features(hits, "species", "a", PhotoSigns(1.0, centres))[1]
        for centres in ({"species": 0.95}, {"species": 0.5}, {"genus": 0.99})
    )
    assert central < alone < outside


def test_nearer_and_clearer_is_told_apart() -> None:
    near = features([hit("a", 0.99), hit("b", 0.5)], "species", "a")
    close_rival = features([hit("a", 0.99), hit("b", 0.98)], "species", "a")
    far = features([hit("a", 0.6), hit("b", 0.5)], "species", "a")
    assert near[0] == close_rival[0] < far[0]
    assert near[2] > close_rival[2] > 0


def test_standing_outside_of_a_species_shows() -> None:
    inside = [hit("a", 0.99, 1.0), hit("a", 0.98, 0.98), hit("a", 0.97, 0.98)]
    outside = [hit("a", 0.99, 0.981), hit("a", 0.98, 0.98), hit("a", 0.97, 0.98)]
    assert features(inside, "species", "a")[-1] > features(outside, "species", "a")[-1] + 1


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.floats(-1, 1),
            st.none() | st.floats(0, 1),
        ),
        min_size=1,
        max_size=15,
    )
)
def test_any_hits_give_finite_numbers(found: list[tuple[str, float, float | None]]) -> None:
    hits = [hit(*one) for one in found]
    numbers = features(hits, "species", hits[0].lineage.species or "")
    assert all(math.isfinite(number) for number in numbers)
