"""What all plots share: colours that everybody can tell apart, a sober style, PNG and SVG files."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clibd_cli.core.atomic import atomic_path
from clibd_cli.core.errors import ClibdError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEEN_COLOUR = "#0072B2"
UNSEEN_COLOUR = "#D55E00"
OTHER_COLOUR = "#999999"

COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442",
)  # fmt: skip
"""Okabe and Ito's palette (2008), which colour-blind readers can tell apart."""

_STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "savefig.dpi": 200,
    "svg.fonttype": "none",
    "svg.hashsalt": "clibd",
    "text.parse_math": False,
}
_FORMATS: dict[str, dict[str, Any]] = {".png": {"Software": None}, ".svg": {"Date": None}}
"""With the metadata that would differ from run to run taken out."""


def require_matplotlib() -> None:
    """Say how to get matplotlib where it is missing.

    Raises:
        ClibdError: where it is.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ClibdError(
            "plots need matplotlib, which is not installed", 'Run `pip install "clibd[plots]"`.'
        ) from error


def styled() -> Any:
    """The context in which figures are made and saved; it leaves the caller's settings alone."""
    import matplotlib

    return matplotlib.rc_context(_STYLE)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of a size in inches, drawn without a screen."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Figure, stem: Path) -> list[Path]:
    """Write `figure` as `stem`.png and `stem`.svg; the paths."""
    paths = [stem.with_name(stem.name + suffix) for suffix in _FORMATS]
    for path, metadata in zip(paths, _FORMATS.values(), strict=True):
        with atomic_path(path) as partial, warnings.catch_warnings():
            # Names may have letters that the font lacks; they are drawn as boxes.
            warnings.filterwarnings("ignore", message="Glyph")
            figure.savefig(partial, metadata=metadata)
    return paths


def shortened(names: Sequence[str], width: int = 32) -> list[str]:
    """Names cut to `width` characters, so that one long name does not squeeze the plot."""
    return [name if len(name) <= width else name[: width - 1] + "…" for name in names]
