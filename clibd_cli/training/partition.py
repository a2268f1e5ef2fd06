"""The paper's partition of a collection: what teaches, what asks, and what is asked for.

CLIBD (Gong et al., ICLR 2025, figure 2) draws in two steps. *Species* with many specimens are seen
(80 %) or unseen (20 %); unseen ones, and all that have fewer specimens, are divided between
validation and test. *Specimens* of a seen species train (70 %), ask in validation and test (10 %
each) or are keys (10 %); those of an unseen species are half queries, half keys. Specimens without
a species and species with a single specimen train.

Drawn here are *units* (see `units`): specimens, or distinct barcodes with all their specimens. A
unit always stays whole, and so:

* A unit with one species is drawn with that species, specimens without a species included.
* A unit whose specimens bear several species is never a query, for whatever it is called, one of
  its names is wrong. It is a key where any of its species is unseen (in training it would give that
  species away), else it trains. It does not count towards the number of units of a species.
* A unit without any species trains.

Units with and without a barcode are dealt one kind after the other, so that photos and barcodes
from different specimens both get their share of each part. Where an unseen species has one unit of
a kind, a barcode is a key, and a photo asks.

A draw is a sort by SHA-256 of the seed and a name: the same on every machine, whatever the order of
the input, and hardly disturbed by specimens that come later.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from clibd_cli.core.digest import sha256_text
from clibd_cli.core.errors import UsageError

MIN_SEEN = 9


class Part(NamedTuple):
    """A box of the paper's figure 2.

    Attributes:
        split: its name in tables, as BIOSCAN-5M has it; `key_seen` is the group `seen_keys` of
            the official BIOSCAN-1M file.
    """

    split: str
    title: str


NO_SPECIES = Part("pretrain", "training, no species")
TRAIN = Part("train", "training, seen species")
SINGLE = Part("train", "training, single species")
KEY = Part("key_seen", "seen: keys")
VAL = Part("val", "seen: validation queries")
TEST = Part("test", "seen: test queries")
VAL_UNSEEN = Part("val_unseen", "unseen: validation queries")
VAL_UNSEEN_KEY = Part("key_unseen", "unseen: validation keys")
TEST_UNSEEN = Part("test_unseen", "unseen: test queries")
TEST_UNSEEN_KEY = Part("key_unseen", "unseen: test keys")
SHARED_KEY = Part("key_unseen", "unseen: keys shared by species")

PARTS = (
    NO_SPECIES, TRAIN, SINGLE, KEY, VAL, TEST,
    VAL_UNSEEN, VAL_UNSEEN_KEY, TEST_UNSEEN, TEST_UNSEEN_KEY, SHARED_KEY,
)  # fmt: skip
"""All parts, in the order of the figure."""

TRAINING = frozenset({NO_SPECIES.split, TRAIN.split})
"""The splits that a model may learn from."""


@dataclass(frozen=True, slots=True)
class Ratios:
    """How a collection is divided.

    Attributes:
        min_seen: units that a species needs to be drawn among the seen ones. The paper says "at
            least 9"; species with 2 to `min_seen` - 1 are unseen, with fewer they train.
        seen_species: share of those species that is seen.
        specimens: weights of training, validation, test and keys within a seen species.
        unseen_val: share of the unseen species that is for validation, the rest is for test.
        unseen_query: share of an unseen species' units that ask, the rest are keys.
    """

    min_seen: int = MIN_SEEN
    seen_species: float = 0.8
    specimens: tuple[float, float, float, float] = (70, 10, 10, 10)
    unseen_val: float = 0.5
    unseen_query: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn.

        Raises:
            UsageError: for a share beyond 0 to 1, no weight for training, `min_seen` below 2.
        """
        if self.min_seen < 2:
            raise UsageError("a seen species needs at least 2 specimens", "Raise --min-seen.")
        for name in ("seen_species", "unseen_val", "unseen_query"):
            if not 0 <= getattr(self, name) <= 1:
                option = name.replace("_", "-")
                raise UsageError(f"--{option} is not a share", "Give a number from 0 to 1.")
        train, *others = self.specimens
        if not (0 < train < math.inf and all(0 <= weight < math.inf for weight in others)):
            raise UsageError(
                "the weights of training, validation, test and keys are no weights",
                "Give four numbers such as 70,10,10,10; the first is more than 0.",
            )


def draw_partition(
    names: Sequence[str],
    species: Sequence[tuple[str, ...]],
    barcoded: Sequence[bool],
    ratios: Ratios,
    seed: int,
) -> list[Part]:
    """The part of each unit.

    Args:
        names: of the units; the draw goes by them.
        species: of each unit's specimens, without repeats; empty where none has one.
        barcoded: whether a unit has a barcode, or only photos.
    """
    own = _own_units(names, species, seed)
    common = _drawn((s for s, units in own.items() if len(units) >= ratios.min_seen), seed)
    rare = _drawn((s for s, units in own.items() if 1 < len(units) < ratios.min_seen), seed)
    n_seen, _ = apportion(len(common), (ratios.seen_species, 1 - ratios.seen_species))
    # Frequent species first, so that neither side gets most of them.
    unseen = common[n_seen:] + rare
    in_test = alternate(len(unseen), 1 - ratios.unseen_val)
    parts = [NO_SPECIES] * len(names)
    for name in common[:n_seen]:
        for kind in _kinds(own[name], barcoded):
            _deal(parts, kind, _seen_boxes(ratios), f"{seed} {name}")
    for name, is_test in zip(unseen, in_test, strict=True):
        for kind in _kinds(own[name], barcoded):
            boxes = _unseen_boxes(ratios, is_test, key_first=barcoded[kind[0]])
            _deal(parts, kind, boxes, f"{seed} {name}")
    kept_out = frozenset(unseen)
    for unit, labels in enumerate(species):
        if len(labels) > 1:
            parts[unit] = TRAIN if kept_out.isdisjoint(labels) else SHARED_KEY
        elif labels and parts[unit] is NO_SPECIES:
            parts[unit] = SINGLE
    return parts


def apportion(n: int, weights: Sequence[float], ties: str = "") -> list[int]:
    """Divide `n` things by largest remainder.

    No part with a weight stays empty while another has two; where there are fewer things than
    parts, the earlier parts get one each.

    Args:
        ties: what decides between equal remainders; the same words, the same decision.
    """
    weighted = [part for part, weight in enumerate(weights) if weight > 0]
    if n <= len(weighted):
        return [int(part in weighted[:n]) for part in range(len(weights))]
    # Rounded, since 0.7 * 35 is a little less than 24.5, and a tie must stay one.
    quotas = [round(n * weight / sum(weights), 9) for weight in weights]
    counts = [math.floor(quota) for quota in quotas]
    by_remainder = sorted(
        weighted, key=lambda part: (counts[part] - quotas[part], sha256_text(f"{ties} {part}"))
    )
    for part in by_remainder[: n - sum(counts)]:
        counts[part] += 1
    for part in weighted:
        if not counts[part]:
            counts[counts.index(max(counts))] -= 1
            counts[part] = 1
    return counts


def alternate(n: int, share: float) -> list[bool]:
    """`n` times yes or no, `share` of them yes, evenly spread: any stretch has its share."""
    # Half a step ahead, so that the total is rounded and a half counts up.
    steps = [math.floor(round(i * share, 9) + 0.5) for i in range(n + 1)]
    return [after > before for before, after in pairwise(steps)]


def _own_units(
    names: Sequence[str], species: Sequence[tuple[str, ...]], seed: int
) -> dict[str, list[int]]:
    """The units that bear one species alone, by species, in the order in which they are drawn."""
    own: dict[str, list[int]] = {}
    for unit, labels in enumerate(species):
        if len(labels) == 1:
            own.setdefault(labels[0], []).append(unit)
    for units in own.values():
        units.sort(key=lambda unit: sha256_text(f"{seed} unit {names[unit]}"))
    return own


def _drawn(names: Iterable[str], seed: int) -> list[str]:
    return sorted(names, key=lambda name: sha256_text(f"{seed} species {name}"))


def _kinds(units: Sequence[int], barcoded: Sequence[bool]) -> list[list[int]]:
    """The units with a barcode and those without, each where there are any."""
    kinds = [[unit for unit in units if bool(barcoded[unit]) is kind] for kind in (True, False)]
    return [kind for kind in kinds if kind]


_Boxes = Sequence[tuple[Part, float]]


def _seen_boxes(ratios: Ratios) -> _Boxes:
    # The key comes before the queries, since a query without a key tells nothing.
    train, val, test, key = ratios.specimens
    return (TRAIN, train), (KEY, key), (TEST, test), (VAL, val)


def _unseen_boxes(ratios: Ratios, is_test: bool, key_first: bool) -> _Boxes:
    query, key = (TEST_UNSEEN, TEST_UNSEEN_KEY) if is_test else (VAL_UNSEEN, VAL_UNSEEN_KEY)
    boxes = (query, ratios.unseen_query), (key, 1 - ratios.unseen_query)
    return boxes[::-1] if key_first else boxes


def _deal(parts: list[Part], units: Sequence[int], boxes: _Boxes, ties: str) -> None:
    """Give `units`, in their order, to parts, as many to each as its weight says."""
    waiting = iter(units)
    counts = apportion(len(units), [weight for _, weight in boxes], ties)
    for (part, _), count in zip(boxes, counts, strict=True):
        for _ in range(count):
            parts[next(waiting)] = part
