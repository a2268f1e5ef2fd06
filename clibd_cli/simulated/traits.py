"""What a simulated animal looks like: traits that follow its place in the taxonomy.

The order gives the body plan, the family proportions, the genus colours, the species a pattern
and a size. So a photo says less about the species than about the order, as in real collections.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    import numpy as np

Colour = tuple[int, int, int]

Plan = Literal["broad_wings", "shield_wings", "two_wings", "long_wings"]
"""Four body plans, in the manner of moths, beetles, flies and damselflies."""

Motif = Literal["spots", "bands", "stripes", "margin", "eyespot", "patch"]

_PLANS: tuple[Plan, ...] = get_args(Plan)
_MOTIFS: tuple[Motif, ...] = get_args(Motif)


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of a genus: of its wings or wing covers, of the pattern, and of the body."""

    main: Colour
    accent: Colour
    body: Colour


@dataclass(frozen=True, slots=True)
class Proportions:
    """Factors on the measures of the body plan, 1 being the plain plan."""

    girth: float
    wing_length: float
    wing_width: float
    legs: float
    antennae: float


@dataclass(frozen=True, slots=True)
class Pattern:
    """The species' own marks: what, how many, and how large (0 to 1)."""

    motif: Motif
    count: int
    extent: float


@dataclass(frozen=True, slots=True)
class Traits:
    """All that is inherited. `size` is a factor on the whole animal."""

    plan: Plan
    proportions: Proportions
    palette: Palette
    pattern: Pattern
    size: float


# One line a palette: main, accent, body. Neighbours in the list contrast, since the genera of a
# family take neighbours.
_PALETTES = (
    Palette((198, 122, 54), (58, 38, 30), (92, 62, 42)),
    Palette((92, 132, 178), (240, 232, 200), (44, 52, 72)),
    Palette((122, 146, 78), (64, 44, 34), (70, 78, 50)),
    Palette((228, 198, 96), (74, 56, 46), (104, 84, 50)),
    Palette((156, 58, 50), (244, 206, 150), (66, 36, 34)),
    Palette((66, 134, 130), (246, 234, 206), (38, 66, 66)),
    Palette((234, 222, 198), (128, 72, 48), (124, 106, 84)),
    Palette((126, 98, 150), (244, 216, 122), (62, 50, 76)),
    Palette((78, 64, 56), (230, 152, 62), (50, 42, 38)),
    Palette((208, 142, 150), (92, 40, 62), (112, 72, 78)),
    Palette((44, 96, 72), (222, 198, 96), (30, 58, 46)),
    Palette((216, 170, 122), (150, 62, 40), (122, 86, 60)),
    Palette((58, 66, 104), (236, 126, 84), (36, 40, 60)),
    Palette((178, 178, 92), (66, 76, 40), (92, 92, 54)),
    Palette((152, 172, 190), (48, 58, 82), (82, 90, 102)),
    Palette((186, 82, 118), (252, 230, 186), (86, 42, 60)),
)


@cache
def traits_of(path: tuple[int, int, int, int], seed: int) -> Traits:
    """The traits of the species at this place of the tree; taxa that share it share traits."""
    import numpy as np

    order, family, genus, species = path

    def node(depth: int) -> np.random.Generator:
        return np.random.default_rng([seed, 3, depth, *path[:depth]])

    motifs = node(3).permutation(len(_MOTIFS))
    return Traits(
        plan=_PLANS[order % len(_PLANS)],
        proportions=_proportions(slender=family % 2 == 0, rng=node(2)),
        palette=_PALETTES[(order * 4 + family * 2 + genus) % len(_PALETTES)],
        pattern=_pattern(_MOTIFS[motifs[species % len(_MOTIFS)]], node(4)),
        size=(0.86, 1.0, 1.12)[species % 3] * float(node(4).uniform(0.97, 1.03)),
    )


def _proportions(slender: bool, rng: np.random.Generator) -> Proportions:
    girth, length, width, legs, antennae = (
        (0.82, 1.04, 0.84, 1.12, 1.3) if slender else (1.14, 0.92, 1.14, 0.88, 0.75)
    )
    jitter = rng.uniform(0.95, 1.05, 5)
    return Proportions(
        girth=girth * float(jitter[0]),
        wing_length=length * float(jitter[1]),
        wing_width=width * float(jitter[2]),
        legs=legs * float(jitter[3]),
        antennae=antennae * float(jitter[4]),
    )


def _pattern(motif: Motif, rng: np.random.Generator) -> Pattern:
    return Pattern(motif, int(rng.integers(2, 5)), float(rng.uniform(0, 1)))
