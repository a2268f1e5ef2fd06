"""The marks of a species, laid on any surface of its animal."""

from __future__ import annotations

from clibd_cli.simulated.shapes import Paint, Shape, Surface, shade
from clibd_cli.simulated.traits import Colour, Pattern


def marks(surface: Surface, pattern: Pattern, colour: Colour, opacity: int = 255) -> list[Shape]:
    """The pattern in `colour` on `surface`, in the order of painting."""
    paint = shade(colour, 1.0, opacity)
    if pattern.motif == "spots":
        return _spots(surface, pattern, paint)
    if pattern.motif == "bands":
        half = 0.03 + 0.03 * pattern.extent
        return [
            surface.region((u - half, u + half), (0, 1), paint)
            for u in _spread(pattern.count, 0.3, 0.85)
        ]
    if pattern.motif == "stripes":
        half = 0.05 + 0.05 * pattern.extent
        return [
            surface.region((0.12, 0.95), (v - half, v + half), paint)
            for v in _spread(pattern.count, 0.2, 0.8)
        ]
    if pattern.motif == "margin":
        return _margin(surface, pattern, paint, colour)
    if pattern.motif == "eyespot":
        return _eyespot(surface, pattern, paint, colour)
    return [surface.region((0, 0.36 + 0.2 * pattern.extent), (0, 1), paint)]


def _spread(count: int, low: float, high: float) -> list[float]:
    return [low + (high - low) * (i + 0.5) / count for i in range(count)]


def _spots(surface: Surface, pattern: Pattern, paint: Paint) -> list[Shape]:
    # Rows of spots stay apart on a short surface.
    room = 0.28 * surface.length / pattern.count
    radius = min(room, surface.breadth * (0.12 + 0.05 * pattern.extent))
    rows = _spread(pattern.count, 0.22, 0.92)
    return [surface.spot(u, v, radius, paint) for u in rows for v in (0.3, 0.7)]


def _margin(surface: Surface, pattern: Pattern, paint: Paint, colour: Colour) -> list[Shape]:
    inner = 0.8 - 0.1 * pattern.extent
    dots = shade(colour, 0.45 if sum(colour) > 380 else 2.6, paint[3])
    radius = surface.breadth * 0.06
    places = _spread(pattern.count + 1, 0.1, 0.9)
    row = [surface.spot((inner + 1) / 2 - 0.02, v, radius, dots) for v in places]
    return [surface.region((inner, 1), (0, 1), paint), *row]


def _eyespot(surface: Surface, pattern: Pattern, paint: Paint, colour: Colour) -> list[Shape]:
    radius = surface.breadth * (0.24 + 0.08 * pattern.extent)
    iris = shade(colour, 0.3 if sum(colour) > 380 else 3.0, paint[3])
    rings = ((1.0, paint), (0.68, iris), (0.34, paint))
    return [surface.spot(0.58, 0.5, radius * share, ring) for share, ring in rings]
