"""A photo and a barcode on one scale: agreement, contradiction, blanks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clibd_cli.calibration.features import Neighbourhood
from clibd_cli.core.lineage import RANKS, Lineage
from clibd_cli.core.records import Hit, Modality, Specimen
from clibd_cli.tasks.finding import Found
from clibd_cli.tasks.trust import TrustedNaming

BEE = Lineage("Hymenoptera", "Apidae", "Apis", "Apis mellifera")
WASP = Lineage("Hymenoptera", "Vespidae", "Vespa", "Vespa crabro")
FLY = Lineage("Diptera", "Muscidae", "Musca", "Musca domestica")


@dataclass
class _Bar:
    bar: float
    single: bool = False


class _Sure:
    """Stands in for a calibration that is as sure of each rank as it is told."""

    far = 0.2

    def __init__(
        self, chances: dict[str, float], bar: float = 0.5, new: float = 0.0, least_bases: int = 0
    ) -> None:
        self.ranks = {rank: _Bar(bar) for rank in chances}
        self.least_bases = least_bases
        self._chances = chances
        self._new = new

    def threshold(self, rank: str, target: float) -> float:
        return self.ranks[rank].bar

    def probability(self, near: Neighbourhood, rank: str, named: Lineage) -> float | None:
        return self._chances.get(rank) if named.at(rank) else None

    def chance_of_new(self, near: Neighbourhood, named: Lineage) -> float:
        return self._new


def found(
    modality: Modality, lineage: Lineage, similarity: float = 0.9, barcode: str = ""
) -> Found:
    specimen = Specimen("S", modality, barcode, "S")
    near = Hit(0, modality, similarity, "k", lineage, None, "k", ((lineage, 3),))
    return Found(specimen, [near])


def trusting(target: float = 0.95, **calibrations: Any) -> TrustedNaming:
    return TrustedNaming({cast(Modality, m): [one] for m, one in calibrations.items()}, target)


def naming(target: float = 0.95, **chances: dict[str, float]) -> TrustedNaming:
    return trusting(target, **{modality: _Sure(sure) for modality, sure in chances.items()})


def at(order: float, family: float, genus: float, species: float) -> dict[str, float]:
    return dict(zip(RANKS, (order, family, genus, species), strict=True))


def test_a_rank_that_is_not_sure_enough_stays_blank_with_all_below() -> None:
    named = naming(dna=at(0.99, 0.9, 0.6, 0.3))([found("dna", BEE)])
    assert named.lineage == Lineage("Hymenoptera", "Apidae", "Apis")
    confidence = named.confidence
    assert confidence.pop("species") is None
    assert confidence == pytest.approx({"order": 0.99, "family": 0.9, "genus": 0.6})
    assert named.n_support == 3


def test_a_rank_with_one_name_is_as_sure_as_the_next() -> None:
    of_moths = naming(image=at(1.0, 0.3, 0.2, 0.1))
    of_moths._calibrations["image"][0].ranks["order"].single = True  # type: ignore[misc]
    named = of_moths([found("image", BEE)])
    assert not named.lineage
    assert naming(image=at(1.0, 0.3, 0.2, 0.1))([found("image", BEE)]).lineage.order


def test_what_is_far_from_all_gets_no_name() -> None:
    assert not naming(dna=at(0.9, 0.9, 0.9, 0.9))([found("dna", BEE, 0.1)]).lineage
    assert naming(0.0, dna=at(0.9, 0.9, 0.9, 0.9))([found("dna", BEE, 0.1)]).lineage == BEE


def test_nothing_is_blank_without_a_target() -> None:
    named = naming(0.0, dna=at(0.4, 0.3, 0.2, 0.1))([found("dna", BEE)])
    assert named.lineage == BEE


def test_who_is_sure_of_a_species_is_as_sure_of_its_genus() -> None:
    named = naming(dna=at(0.6, 0.6, 0.6, 0.9))([found("dna", BEE)])
    assert named.confidence == pytest.approx(dict.fromkeys(RANKS, 0.9))


def test_the_surer_of_two_witnesses_is_heard() -> None:
    both = naming(image=at(0.9, 0.9, 0.9, 0.3), dna=at(0.9, 0.9, 0.9, 0.8))
    named = both([found("image", BEE), found("dna", BEE)])
    assert named.lineage == BEE
    assert named.confidence["species"] == pytest.approx(0.8)
    assert not named.conflict


def test_a_witness_is_held_to_its_own_bar() -> None:
    both = trusting(
        image=_Sure(at(0.9, 0.9, 0.9, 0.6), bar=0.8), dna=_Sure(at(0.9, 0.9, 0.9, 0.4), bar=0.5)
    )
    named = both([found("image", BEE), found("dna", BEE)])
    assert named.lineage == Lineage("Hymenoptera", "Apidae", "Apis")


def test_of_two_answers_the_likelier_one_is_given_and_less_sure() -> None:
    both = naming(image=at(0.9, 0.6, 0.6, 0.6), dna=at(0.99, 0.95, 0.95, 0.95))
    named = both([found("image", WASP), found("dna", BEE)])
    assert named.lineage == BEE
    assert 0.8 < (named.confidence["family"] or 0) < 0.95
    assert not named.conflict


def test_sure_contradiction_is_a_conflict_with_both_answers() -> None:
    both = naming(image=at(0.99, 0.98, 0.9, 0.9), dna=at(0.99, 0.99, 0.99, 0.99))
    named = both([found("image", FLY), found("dna", BEE)])
    assert "conflict" in named.flags
    assert not named.lineage
    assert named.conflict == (
        "image: Diptera Muscidae Musca Musca domestica; dna: Hymenoptera Apidae Apis Apis mellifera"
    )


def test_flags_of_new_far_and_lonely_specimens() -> None:
    unsure = at(0.99, 0.99, 0.95, 0.1)
    named = trusting(dna=_Sure(unsure, new=0.9))([found("dna", BEE)])
    assert named.flags == ("new_species_suspected",)
    assert not trusting(dna=_Sure(unsure, new=0.5))([found("dna", BEE)]).flags
    far = naming(dna=at(0.99, 0.1, 0.1, 0.1))([found("dna", BEE, 0.1)])
    assert far.flags == ("far_from_references",)


def test_a_piece_is_judged_as_pieces_of_its_length_were() -> None:
    short, long = (
        _Sure(at(0.9, 0.4, 0.4, 0.4), least_bases=80),
        _Sure(at(0.9, 0.9, 0.9, 0.9), least_bases=280),
    )
    of_both = TrustedNaming(cast(Any, {"dna": [short, long]}), 0.95)
    for bases, deepest in ((30, "order"), (279, "order"), (280, "species"), (658, "species")):
        named = of_both([found("dna", BEE, barcode="A" * bases)])
        assert [r for r in RANKS if named.lineage.at(r)][-1] == deepest


@given(st.lists(st.tuples(st.sampled_from([BEE, WASP, FLY]), *[st.floats(0, 1)] * 4), min_size=2))
def test_confidence_never_rises_towards_the_species(
    said: list[tuple[Lineage, float, float, float, float]],
) -> None:
    (one, *first), (other, *second) = said[:2]
    both = naming(image=at(*first), dna=at(*second))
    named = both([found("image", one), found("dna", other)])
    sure = [named.confidence[rank] for rank in RANKS if named.lineage.at(rank)]
    assert all(chance is not None and 0 <= chance <= 1 for chance in sure)
    assert sure == sorted(sure, key=lambda chance: -(chance or 0))
    names = [named.lineage.at(rank) for rank in RANKS]
    assert names in [
        [lineage.at(r) for r in RANKS][: len(sure)] + [None] * (4 - len(sure))
        for lineage in (one, other)
    ]
