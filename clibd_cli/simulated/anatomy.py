"""From traits to shapes: the four body plans, as seen from above."""

from __future__ import annotations

from collections.abc import Callable

from clibd_cli.simulated.bodyparts import (
    Posture,
    antennae,
    ball,
    clear_wing,
    head,
    legs,
    opaque_wing,
    pair,
    ringed,
)
from clibd_cli.simulated.patterns import marks
from clibd_cli.simulated.shapes import Shape, Surface, flat, leaf, scaled, shade
from clibd_cli.simulated.traits import Plan, Traits


def shapes_of(traits: Traits, posture: Posture) -> list[Shape]:
    """The whole animal, in the order of painting; it reaches about 1 from its middle."""
    return _PLANS[traits.plan](traits, posture)


def _broad_wings(traits: Traits, posture: Posture) -> list[Shape]:
    form, colours = traits.proportions, traits.palette
    length, width = form.wing_length, form.wing_width
    hind = Surface((0.05, 0.1), 122, 0.68 * length, 0.36 * width, leaf(0.66, 0.55), leaf(0.72, 0.6))
    fore = Surface(
        (0.06, -0.1), 60, 0.98 * length, 0.4 * width, scaled(leaf(0.7, 0.6), 0.3), leaf(0.8, 0.75)
    )
    abdomen = Surface((0, 0.02), 180, 0.56, 0.085 * form.girth, leaf(0.35), leaf(0.35))
    shapes = antennae((0.03, -0.3), 0.5 * form.antennae, 24, traits, club=0.022)
    for wing, turns, tint in ((hind, posture.hind, 0.9), (fore, posture.fore, 1.0)):
        for one in pair(wing, turns):
            shapes += opaque_wing(one, traits, tint)
    shapes += ringed(abdomen, traits, 6)
    shapes += [ball((0, -0.06), 0.12 * form.girth, 0.17, shade(colours.body, 1.0))]
    shapes += [ball((0, -0.06), 0.07 * form.girth, 0.11, shade(colours.body, 1.35))]
    return shapes + head((0, -0.26), 0.075, 0.065, traits, eyes=0.032)


def _shield_wings(traits: Traits, posture: Posture) -> list[Shape]:
    form, colours = traits.proportions, traits.palette
    cover = Surface(
        (0, -0.24), 180, 0.98 * form.wing_length, 0.43 * form.girth, leaf(0.42, 0.42), flat
    )
    shield = Surface((0, -0.5), 180, 0.3, 0.33 * form.girth, leaf(0.62, 0.4), leaf(0.62, 0.4))
    hips = [(0.22, -0.3), (0.3, 0.0), (0.28, 0.2)]
    shapes = legs(hips, (48, 98, 138), 0.56 * form.legs, 0.042, traits, posture)
    shapes += antennae((0.08, -0.6), 0.46 * form.antennae, 38, traits, club=0.0)
    shapes += head((0, -0.56), 0.16 * form.girth, 0.13, traits, eyes=0.04)
    for one in pair(cover, (0.0, 0.0)):
        shapes += [one.whole(shade(colours.main, 0.95))]
        shapes += marks(one, traits.pattern, colours.accent)
        # Gloss, and the roundness towards the side.
        shapes += [one.region((0.08, 0.94), (0.0, 0.16), (0, 0, 0, 38))]
        shapes += [one.region((0.14, 0.62), (0.42, 0.54), (255, 255, 255, 46))]
        shapes += [one.outline(shade(colours.body, 0.6), 0.018)]
    shapes += [
        shield.whole(shade(colours.body, 1.15)),
        shield.outline(shade(colours.body, 0.6), 0.018),
    ]
    return [*shapes, shield.region((0.25, 0.6), (0.55, 0.68), (255, 255, 255, 40))]


def _two_wings(traits: Traits, posture: Posture) -> list[Shape]:
    form, colours = traits.proportions, traits.palette
    wing = Surface(
        (0.15, -0.16),
        140,
        0.98 * form.wing_length,
        0.2 * form.wing_width,
        leaf(0.6, 0.5),
        leaf(0.66, 0.7),
    )
    abdomen = Surface((0, -0.02), 180, 0.68, 0.26 * form.girth, leaf(0.38, 0.5), leaf(0.38, 0.5))
    hips = [(0.12, -0.34), (0.16, -0.16), (0.14, -0.02)]
    shapes = legs(hips, (50, 100, 150), 0.72 * form.legs, 0.026, traits, posture)
    shapes += antennae((0.04, -0.56), 0.2 * form.antennae, 18, traits, club=0.02)
    shapes += [abdomen.whole(shade(colours.main, 1.0))]
    shapes += marks(abdomen, traits.pattern, colours.accent)
    shapes += [abdomen.outline(shade(colours.body, 0.6), 0.018)]
    shapes += [ball((0, -0.2), 0.24 * form.girth, 0.24, shade(colours.body, 1.0))]
    shapes += [ball((-0.04, -0.24), 0.1 * form.girth, 0.12, shade(colours.body, 1.3))]
    shapes += head((0, -0.47), 0.19 * form.girth, 0.13, traits, eyes=0.085)
    for one in pair(wing, posture.fore):
        shapes += clear_wing(one, traits, tint=0.55)
        if traits.pattern.motif in ("spots", "eyespot", "margin", "patch"):
            shapes += [one.spot(0.78, 0.4, 0.07, shade(colours.body, 0.8, 120))]
    return shapes


def _long_wings(traits: Traits, posture: Posture) -> list[Shape]:
    form, colours = traits.proportions, traits.palette
    length, width = form.wing_length, form.wing_width
    fore = Surface(
        (0.06, -0.26), 79, 0.94 * length, 0.105 * width, leaf(0.7, 0.35), leaf(0.72, 0.5)
    )
    hind = Surface((0.06, -0.1), 103, 0.88 * length, 0.115 * width, leaf(0.7, 0.35), leaf(0.6, 0.5))
    abdomen = Surface((0, -0.06), 180, 1.0, 0.062 * form.girth, leaf(0.75, 0.3), leaf(0.75, 0.3))
    hips = [(0.06, -0.32), (0.06, -0.26), (0.06, -0.2)]
    shapes = legs(hips, (30, 50, 140), 0.3 * form.legs, 0.018, traits, posture)
    for wing, turns in ((hind, posture.hind), (fore, posture.fore)):
        for one in pair(wing, turns):
            shapes += clear_wing(one, traits, tint=1.0)
            shapes += marks(one, traits.pattern, colours.accent, opacity=190)
            shapes += [one.outline(shade(colours.body, 0.7, 200), 0.01)]
    shapes += ringed(abdomen, traits, 9)
    shapes += [ball((0, -0.2), 0.1 * form.girth, 0.2, shade(colours.body, 1.0))]
    shapes += [ball((0, -0.22), 0.045 * form.girth, 0.15, shade(colours.main, 1.0))]
    return shapes + head((0, -0.43), 0.12 * form.girth, 0.07, traits, eyes=0.07)


_PLANS: dict[Plan, Callable[[Traits, Posture], list[Shape]]] = {
    "broad_wings": _broad_wings,
    "shield_wings": _shield_wings,
    "two_wings": _two_wings,
    "long_wings": _long_wings,
}
