"""The geometry of drawn animals: surfaces with coordinates of their own, and what is painted.

Lengths are in units of half an image's usable width; x points right, y down, and an animal's
head points up. A point on a surface is (u, v): u from its root (0) to its tip (1), v from its
leading edge (0) to its trailing edge (1). Marks given in (u, v) follow any wing or body.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Points = NDArray[np.float64]
    """Shape (n, 2): x and y, or u and v."""

    Profile = Callable[[Points], Points]
    """Half a width at u (n values from 0 to 1), as a share of the surface's width."""

Paint = tuple[int, int, int, int]
"""Red, green, blue, opacity; each 0 to 255."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A filled polygon, or a line where `width` is set (as a length in the animal's units)."""

    points: Points
    paint: Paint
    width: float | None = None


@dataclass(frozen=True, slots=True)
class Surface:
    """A wing, a wing cover or a part of the body.

    Attributes:
        root: x and y of u = 0.
        angle: of the axis, in degrees clockwise from "towards the head".
        lead, trail: how far each edge is from the axis, along the axis.
        mirrored: on the animal's left, as the mirror image of the right one.
    """

    root: tuple[float, float]
    angle: float
    length: float
    width: float
    lead: Profile
    trail: Profile
    mirrored: bool = False

    def at(self, uv: Points) -> Points:
        """The points of the animal at these points of the surface, shape (n, 2)."""
        import numpy as np

        u, v = uv.clip(0, 1).T
        sine, cosine = math.sin(math.radians(self.angle)), math.cos(math.radians(self.angle))
        lead = self.lead(u)
        along, across = u * self.length, (v * (lead + self.trail(u)) - lead) * self.width
        x = self.root[0] + along * sine + across * cosine
        y = self.root[1] - along * cosine + across * sine
        return np.stack([-x if self.mirrored else x, y], axis=1)

    @property
    def breadth(self) -> float:
        """The greatest distance between its edges."""
        import numpy as np

        u = np.linspace(0, 1, 21)
        return float((self.lead(u) + self.trail(u)).max()) * self.width

    def region(self, u: tuple[float, float], v: tuple[float, float], paint: Paint) -> Shape:
        """The part between two values of u and two of v."""
        import numpy as np

        low, high = np.array([u, v]).T
        return Shape(self.at(low + _square_rim() * (high - low)), paint)

    def whole(self, paint: Paint) -> Shape:
        """All of it."""
        return self.region((0, 1), (0, 1), paint)

    def spot(self, u: float, v: float, radius: float, paint: Paint) -> Shape:
        """A round mark; `radius` in the animal's units, whatever the surface's shape there."""
        import numpy as np

        turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        here = np.array([u])
        breadth = float((self.lead(here) + self.trail(here))[0]) * self.width
        rim = [
            u + np.cos(turn) * radius / self.length,
            v + np.sin(turn) * radius / max(breadth, 1e-3),
        ]
        return Shape(self.at(np.stack(rim, axis=1)), paint)

    def line(
        self, start: tuple[float, float], end: tuple[float, float], paint: Paint, width: float
    ) -> Shape:
        """A vein or a crease from one (u, v) to another."""
        import numpy as np

        return Shape(self.at(np.linspace(start, end, 12)), paint, width)

    def outline(self, paint: Paint, width: float) -> Shape:
        """Its rim as a line."""
        import numpy as np

        rim = self.whole(paint).points
        return Shape(np.concatenate([rim, rim[:1]]), paint, width)


@cache
def _square_rim() -> Points:
    """Points round the unit square, shape (48, 2), closer along u, where surfaces curve."""
    import numpy as np

    along, across = np.linspace(0, 1, 19), np.linspace(0, 1, 7)
    sides = [
        (along[:-1], 0 * along[:-1]),
        (1 + 0 * across[:-1], across[:-1]),
        (along[:0:-1], 1 + 0 * along[:0:-1]),
        (0 * across[:0:-1], across[:0:-1]),
    ]
    return np.concatenate([np.stack(side, axis=1) for side in sides])


def oval(u: Points) -> Points:
    """The profile of an ellipse."""
    import numpy as np

    half: Points = np.sqrt((1 - (2 * u - 1) ** 2).clip(0, 1))
    return half


def leaf(fullest: float, blunt: float = 0.6) -> Profile:
    """A profile that is widest at `fullest`; `blunt` below 1 rounds its ends."""

    power = math.log(0.5) / math.log(fullest)

    def profile(u: Points) -> Points:
        import numpy as np

        width: Points = np.sin(np.pi * u**power).clip(0, 1) ** blunt
        return width

    return profile


def flat(u: Points) -> Points:
    """The profile of a straight edge on the axis."""
    return u * 0


def scaled(profile: Profile, factor: float) -> Profile:
    """The same profile, wider or narrower."""
    return lambda u: profile(u) * factor


def shade(colour: tuple[int, int, int], factor: float, opacity: int = 255) -> Paint:
    """The colour darker (factor below 1) or lighter, as a paint."""
    red, green, blue = (min(255, max(0, round(part * factor))) for part in colour)
    return red, green, blue, opacity
