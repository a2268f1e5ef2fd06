"""The parts that animals of several body plans share, and how a specimen holds them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from clibd_cli.simulated.patterns import marks
from clibd_cli.simulated.shapes import Paint, Shape, Surface, oval, shade
from clibd_cli.simulated.traits import Traits

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Posture:
    """How one specimen lies: degrees that each wing and leg is turned, right side then left."""

    fore: tuple[float, float]
    hind: tuple[float, float]
    legs: tuple[tuple[float, float, float], tuple[float, float, float]]

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Posture:
        """A random posture; the sides differ less than two specimens do."""
        spread = rng.normal(0, 5)
        turns = rng.normal(0, 2.5, 4)
        legs = rng.normal(0, 9, (2, 3)).tolist()
        right, left = (spread + float(turn) for turn in turns[:2])
        hind_right, hind_left = (spread + float(turn) for turn in turns[2:])
        return cls((right, left), (hind_right, hind_left), (tuple(legs[0]), tuple(legs[1])))


def pair(surface: Surface, turns: tuple[float, float]) -> tuple[Surface, Surface]:
    """The surface on the right and its mirror image on the left, each turned by its own degrees."""
    right, left = turns
    return (
        replace(surface, angle=surface.angle + right),
        replace(surface, angle=surface.angle + left, mirrored=True),
    )


def opaque_wing(wing: Surface, traits: Traits, tint: float) -> list[Shape]:
    """A wing covered with scales: ground colour, the species' marks, veins, rim."""
    colours = traits.palette
    vein = shade(colours.body, 1.0, 70)
    return [
        wing.whole(shade(colours.main, tint)),
        *marks(wing, traits.pattern, colours.accent),
        wing.region((0, 0.3), (0, 1), shade(colours.body, 1.0, 60)),
        *(wing.line((0.05, 0.5), (0.97, v), vein, 0.009) for v in (0.12, 0.31, 0.5, 0.69, 0.88)),
        wing.outline(shade(colours.body, 0.8), 0.02),
    ]


def clear_wing(wing: Surface, traits: Traits, tint: float) -> list[Shape]:
    """A wing of glass; `tint` (0 to 1) is how much of the genus' colour it has."""
    colours = traits.palette
    vein = shade(colours.body, 1.0, 130)
    glass = tuple(round(235 + (part - 235) * 0.35 * tint) for part in colours.main)
    return [
        wing.whole((glass[0], glass[1], glass[2], 150)),
        *(wing.line((0.02, 0.5), (0.98, v), vein, 0.009) for v in (0.16, 0.38, 0.6, 0.82)),
        *(wing.line((u, 0.12), (u + 0.02, 0.85), vein, 0.007) for u in (0.45, 0.66)),
        wing.outline(shade(colours.body, 1.0, 170), 0.012),
    ]


def ringed(abdomen: Surface, traits: Traits, rings: int) -> list[Shape]:
    """A long abdomen with rings in the genus' colour and a gloss."""
    colours = traits.palette
    edges = [(i + 1) / (rings + 1) for i in range(rings)]
    band = shade(colours.main, 0.9, 230)
    return [
        abdomen.whole(shade(colours.body, 1.0)),
        *(abdomen.region((u, u + 0.35 / rings), (0.08, 0.92), band) for u in edges),
        abdomen.region((0.08, 0.9), (0.3, 0.45), (255, 255, 255, 40)),
        abdomen.outline(shade(colours.body, 0.6), 0.012),
    ]


def ball(
    centre: tuple[float, float],
    half_width: float,
    half_height: float,
    paint: Paint,
) -> Shape:
    """An ellipse, such as a thorax or an eye."""
    root = (centre[0], centre[1] - half_height)
    return Surface(root, 180, 2 * half_height, half_width, oval, oval).whole(paint)


def head(
    centre: tuple[float, float], half_width: float, half_height: float, traits: Traits, eyes: float
) -> list[Shape]:
    """A head with an eye of radius `eyes` on either side."""
    colours = traits.palette
    x, y = centre
    shapes = [ball(centre, half_width, half_height, shade(colours.body, 0.85))]
    for side in (-1, 1):
        eye = (x + side * half_width * 0.8, y - half_height * 0.15)
        shapes += [ball(eye, eyes, eyes * 1.1, shade(colours.accent, 0.55))]
        shine = (eye[0] - eyes * 0.25, eye[1] - eyes * 0.35)
        shapes += [ball(shine, eyes * 0.3, eyes * 0.3, (255, 255, 255, 130))]
    return shapes


def antennae(
    base: tuple[float, float], length: float, angle: float, traits: Traits, club: float
) -> list[Shape]:
    """Two antennae that bend outwards from `angle`, with a knob of radius `club` if not 0."""
    import numpy as np

    paint = shade(traits.palette.body, 0.75)
    along = np.linspace(0, 1, 16)
    bend = np.deg2rad(angle + 26 * along)
    right = (
        np.array(base) + np.stack([np.sin(bend), -np.cos(bend)], axis=1) * along[:, None] * length
    )
    shapes = []
    for side in (1, -1):
        points = right * (side, 1)
        shapes += [Shape(points, paint, 0.02)]
        if club:
            shapes += [ball((float(points[-1, 0]), float(points[-1, 1])), club, club * 1.4, paint)]
    return shapes


def legs(
    hips: list[tuple[float, float]],
    angles: tuple[float, float, float],
    length: float,
    width: float,
    traits: Traits,
    posture: Posture,
) -> list[Shape]:
    """Six legs of three joints, each bent backwards at the knee and thinner towards the foot."""
    import numpy as np

    paint = shade(traits.palette.body, 0.8)
    shapes = []
    for side, turns in zip((1, -1), posture.legs, strict=True):
        for hip, angle, turn in zip(hips, angles, turns, strict=True):
            knee_bend = 34 if angle > 90 else -34
            bends = np.deg2rad(angle + turn + np.array([-0.5, 0.5, 1.1]) * knee_bend)
            steps = np.stack([np.sin(bends), -np.cos(bends)], axis=1) * length
            joints = np.array(hip) + np.concatenate(
                [[[0, 0]], (steps * [[0.42], [0.4], [0.2]]).cumsum(0)]
            )
            joints *= (side, 1)
            for i, share in enumerate((1.0, 0.7, 0.45)):
                shapes += [Shape(joints[i : i + 2], paint, width * share)]
    return shapes
