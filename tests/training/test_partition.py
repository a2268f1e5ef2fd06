"""The draw: every unit in one part, unseen species out of training, ratios within rounding."""

from __future__ import annotations

import random
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clibd_cli.core.errors import UsageError
from clibd_cli.training.partition import (
    KEY,
    MIN_SEEN,
    NO_SPECIES,
    PARTS,
    SHARED_KEY,
    SINGLE,
    TEST,
    TEST_UNSEEN,
    TEST_UNSEEN_KEY,
    TRAIN,
    TRAINING,
    VAL,
    VAL_UNSEEN,
    VAL_UNSEEN_KEY,
    Part,
    Ratios,
    alternate,
    apportion,
    draw_partition,
)

SEEN_PARTS = (TRAIN, KEY, VAL, TEST)
UNSEEN_SIDES = ((VAL_UNSEEN, VAL_UNSEEN_KEY), (TEST_UNSEEN, TEST_UNSEEN_KEY))
QUERIES = {VAL, TEST, VAL_UNSEEN, TEST_UNSEEN}

Labels = list[tuple[str, ...]]


def names_of(labels: Labels) -> list[str]:
    return [f"unit{number}" for number in range(len(labels))]


def draw(labels: Labels, ratios: Ratios | None = None, seed: int = 0) -> list[Part]:
    return draw_partition(names_of(labels), labels, [True] * len(labels), ratios or Ratios(), seed)


def collection(sizes: list[int]) -> Labels:
    """As many units of a species as told, for each species."""
    return [(f"Aus s{number}",) for number, size in enumerate(sizes) for _ in range(size)]


def by_species(labels: Labels, parts: list[Part]) -> dict[str, Counter[Part]]:
    found: dict[str, Counter[Part]] = defaultdict(Counter)
    for names, part in zip(labels, parts, strict=True):
        for name in names:
            found[name][part] += 1
    return found


any_labels = st.lists(
    st.lists(st.sampled_from([f"Aus s{n}" for n in range(8)]), max_size=2, unique=True).map(
        lambda names: tuple(sorted(names))
    ),
    max_size=120,
)
seeds = st.integers(0, 10**6)
any_ratios = st.builds(
    Ratios,
    min_seen=st.integers(2, 12),
    seen_species=st.floats(0, 1),
    specimens=st.tuples(st.floats(0.01, 9), *[st.floats(0, 9)] * 3),
    unseen_val=st.floats(0, 1),
    unseen_query=st.floats(0, 1),
)


@settings(deadline=None)
@given(any_labels, st.data(), any_ratios, seeds)
def test_nothing_leaks(labels: Labels, data: st.DataObject, ratios: Ratios, seed: int) -> None:
    flags = data.draw(st.lists(st.booleans(), min_size=len(labels), max_size=len(labels)))
    parts = draw_partition(names_of(labels), labels, flags, ratios, seed)
    found = by_species(labels, parts)
    assert len(parts) == len(labels)
    assert set(parts) <= set(PARTS)
    trained = {name for name, counts in found.items() if counts[TRAIN] or counts[SINGLE]}
    for name, counts in found.items():
        if name in trained:
            assert not sum(counts[part] for side in UNSEEN_SIDES for part in side)
        else:
            assert not sum(counts[part] for part in SEEN_PARTS)
            sides = [any(counts[part] for part in side) for side in UNSEEN_SIDES]
            assert sum(sides) <= 1
    for names, part in zip(labels, parts, strict=True):
        assert (part is NO_SPECIES) == (not names)
        if len(names) > 1:
            unseen = any(name not in trained for name in names)
            assert part is (SHARED_KEY if unseen else TRAIN)


@settings(deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=30), seeds)
def test_ratios_within_rounding(sizes: list[int], seed: int) -> None:
    labels = collection(sizes)
    found = by_species(labels, draw(labels, seed=seed))
    common = [n for n, size in enumerate(sizes) if size >= MIN_SEEN]
    seen = [n for n in common if found[f"Aus s{n}"][TRAIN]]
    assert abs(len(seen) - 0.8 * len(common)) <= 1
    sides = [0, 0]
    for number, size in enumerate(sizes):
        counts = found[f"Aus s{number}"]
        if number in seen:
            for part, share in zip(SEEN_PARTS, (0.7, 0.1, 0.1, 0.1), strict=True):
                assert abs(counts[part] - share * size) < 1
                assert counts[part] >= 1
        elif size == 1:
            assert counts[SINGLE] == 1
        else:
            side = 0 if counts[VAL_UNSEEN] else 1
            sides[side] += 1
            query, key = UNSEEN_SIDES[side]
            assert counts[query] + counts[key] == size
            assert abs(counts[query] - counts[key]) <= 1
    assert abs(sides[0] - sides[1]) <= 1


@settings(deadline=None)
@given(any_labels, seeds, st.randoms(use_true_random=False))
def test_the_order_does_not_matter(labels: Labels, seed: int, shuffler: random.Random) -> None:
    names = names_of(labels)
    parts = dict(zip(names, draw(labels, seed=seed), strict=True))
    order = list(range(len(labels)))
    shuffler.shuffle(order)
    shuffled = draw_partition(
        [names[n] for n in order], [labels[n] for n in order], [True] * len(order), Ratios(), seed
    )
    assert parts == {names[n]: part for n, part in zip(order, shuffled, strict=True)}


def test_the_seed_changes_species_and_specimens() -> None:
    labels = collection([12] * 20)
    first, second = draw(labels, seed=1), draw(labels, seed=2)
    assert Counter(first) == Counter(second)
    assert first != second
    assert first == draw(labels, seed=1)
    seen = [{s for s, c in by_species(labels, p).items() if c[TRAIN]} for p in (first, second)]
    assert seen[0] != seen[1]


def test_a_draw_is_the_same_on_every_machine() -> None:
    drawn = draw(collection([9] * 2 + [3, 1]), seed=3)
    codes = "".join(str(PARTS.index(part)) for part in drawn)
    assert codes == "8899989985111131417672"


def test_specimens_that_come_later_move_few_others() -> None:
    labels = collection([20] * 10)
    before = draw(labels)
    after = draw([*labels, ("Bus novus",), ()])
    assert before == after[:-2]


def test_a_barcode_that_species_share_is_no_query() -> None:
    labels = [*collection([20] * 20), *[(f"Aus s{n}", f"Aus s{n + 1}") for n in range(19)]]
    parts = draw(labels)
    assert not QUERIES & set(parts[-19:])
    assert {TRAIN, SHARED_KEY} == set(parts[-19:])


def test_species_known_by_shared_barcodes_alone() -> None:
    assert draw([("Aus a", "Aus b")] * 20) == [TRAIN] * 20


def test_photos_and_barcodes_of_different_specimens_are_dealt_apart() -> None:
    labels = collection([60])
    barcoded = [number < 10 for number in range(60)]
    parts = draw_partition(names_of(labels), labels, barcoded, Ratios(), 0)
    assert Counter(parts[:10]) == {TRAIN: 7, KEY: 1, VAL: 1, TEST: 1}
    assert Counter(parts[10:]) == {TRAIN: 35, KEY: 5, VAL: 5, TEST: 5}
    lone = collection([2] * 6)
    parts = draw_partition(names_of(lone), lone, [True, False] * 6, Ratios(), 0)
    assert set(parts[::2]) == {VAL_UNSEEN_KEY, TEST_UNSEEN_KEY}
    assert set(parts[1::2]) == {VAL_UNSEEN, TEST_UNSEEN}


def test_figure_2_in_the_large() -> None:
    counts = Counter(draw([*collection([10] * 1000), *[()] * 500]))
    assert counts == {
        NO_SPECIES: 500,
        **dict.fromkeys((KEY, VAL, TEST), 800),
        TRAIN: 5600,
        **dict.fromkeys((VAL_UNSEEN, VAL_UNSEEN_KEY, TEST_UNSEEN, TEST_UNSEEN_KEY), 500),
    }


def test_training_splits_are_those_that_teach() -> None:
    assert {part for part in PARTS if part.split in TRAINING} == {NO_SPECIES, TRAIN, SINGLE}


@pytest.mark.parametrize(
    ("n", "weights", "counts"),
    [
        (0, (7, 1, 1, 1), [0, 0, 0, 0]),
        (1, (7, 1, 1, 1), [1, 0, 0, 0]),
        (3, (7, 0, 1, 1), [1, 0, 1, 1]),
        (9, (0.7, 0.1, 0.1, 0.1), [6, 1, 1, 1]),
        (5, (0.96, 0.01, 0.01, 0.02), [2, 1, 1, 1]),
        (100, (0.7, 0.1, 0.1, 0.1), [70, 10, 10, 10]),
        (10, (1, 0), [10, 0]),
    ],
)
def test_apportion(n: int, weights: tuple[float, ...], counts: list[int]) -> None:
    assert apportion(n, weights) == counts


def test_ties_favour_nobody() -> None:
    # 15 * 0.7 = 10.5 and three times 1.5: two of the four get one more.
    sums = [0, 0, 0, 0]
    for number in range(400):
        counts = apportion(15, (0.7, 0.1, 0.1, 0.1), f"species {number}")
        assert sum(counts) == 15
        sums = [a + b for a, b in zip(sums, counts, strict=True)]
    assert max(sums[1:]) - min(sums[1:]) < 60


@given(st.integers(0, 300), st.floats(0, 1))
def test_alternate_is_even(n: int, share: float) -> None:
    spread = alternate(n, share)
    assert len(spread) == n
    for stop in range(n + 1):
        assert abs(sum(spread[:stop]) - stop * share) <= 0.5 + 1e-6


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_seen": 1},
        {"seen_species": 1.1},
        {"unseen_val": float("nan")},
        {"unseen_query": -0.1},
        {"specimens": (0, 1, 1, 1)},
        {"specimens": (1, -1, 1, 1)},
        {"specimens": (1, float("inf"), 1, 1)},
    ],
)
def test_ratios_that_cannot_be(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        Ratios(**wrong)  # type: ignore[arg-type]
