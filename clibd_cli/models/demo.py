"""The demo model: CLIBD-shaped, untrained, and still good enough to show the whole road.

Nothing in it was learned. Its DNA tower sums random vectors of 5-mers; its image tower sums random
functions of the colours of small cells that differ from a pale tray. So a photo is near photos of
like colours and a barcode near barcodes of like words, and photos and barcodes, which are given
the two halves of the space, never meet.

All weights come from sums, products and uniform numbers of one seeded generator, which every
machine computes alike, so the model has the same fingerprint everywhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.models.cards import DnaTower, ImageTower, ModelCard
from clibd_cli.models.registry import DEMO_MODEL

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

DIM = 128
_HALF = DIM // 2
_DEPTH = 2
_HIDDEN = 512
_SEED = 20250421

FINGERPRINT = "76df1887e6970a7b4329647c6d675be87fcc62e4eadd4997cc8841f1cfea3961"
"""Of the model that this version makes; one in the home with another comes from an older clibd."""

_IMAGE = ImageTower(width=DIM, depth=_DEPTH, output_dim=DIM)
_DNA = DnaTower(
    width=DIM,
    depth=_DEPTH,
    output_dim=DIM,
    k=5,
    vocabulary="mask_cls_unk",
    pooling="hidden_state_mean",
    max_positions=160,
)
_MASK, _UNKNOWN = 0, 2
_HEADS = DIM // 64

_CELL = 4
"""Side of a cell in pixels; a patch has 16 of them, with three colours each."""
_COLOURS = 3 * (_IMAGE.patch // _CELL) ** 2
_FEATURES = slice(_COLOURS, _COLOURS + _HALF)
"""Places of the photo's features in the image tower's tokens, after those of the colours."""
_TRAY = (0.925, 0.92, 0.9)
_LOUD = 16.0
"""A pair of constants in each token, so large that the norms scale every token alike."""
_SHARPNESS = 12.0
_NEAREST_STEP, _FARTHEST_STEP = 0.1, 0.7
"""How far from the tray's colour the hidden units wake; uneven light stays below the nearest."""


def demo_model_files(folder: Path) -> ModelCard:
    """Write `clibd-demo` (4 MB, photos and barcodes) into `folder`, which must exist.

    Returns:
        Its card, which says that the model is untrained.
    """
    import numpy as np
    import torch

    from clibd_cli.models.convert import Converted
    from clibd_cli.models.install import write_model

    rng = np.random.default_rng(_SEED)
    arrays = {f"image.{name}": array for name, array in _image_arrays(rng).items()}
    arrays |= {f"dna.{name}": array for name, array in _dna_arrays(rng).items()}
    converted = Converted(
        tensors={n: torch.from_numpy(a.astype(np.float32)) for n, a in arrays.items()},
        heads={"image": _HEADS, "dna": _HEADS},
        image=_IMAGE,
        dna=_DNA,
        text=None,
        dim=DIM,
        logit_scale=None,
    )
    card = ModelCard(
        name=DEMO_MODEL,
        title="Untrained demo model (photos and DNA)",
        source=f"made by clibd from the seed {_SEED}",
        licence="MIT",
        notes="UNTRAINED: random weights that compare colours and 5-mers. It shows how clibd "
        "works; what it names is worth nothing for real specimens.",
        dim=DIM,
        image=_IMAGE,
        dna=_DNA,
    )
    return write_model(folder, card, converted, None)


def _image_arrays(rng: np.random.Generator) -> dict[str, Array]:
    import numpy as np

    side = _IMAGE.crop // _IMAGE.patch
    arrays = {
        "class_token": _constants(),
        "positions": np.zeros((1 + side * side, DIM)),
        "patch.weight": _cell_means(),
        "patch.bias": _constants(),
        **_norm("norm", _LOUD / 8),
        "head.weight": np.zeros((DIM, DIM)),
        "head.bias": np.zeros(DIM),
    }
    arrays["patch.bias"][:_COLOURS] = -np.tile(_TRAY, _COLOURS // 3)
    arrays["head.weight"][:_HALF, _FEATURES] = np.eye(_HALF)
    # What a photo without any animal gives: it must have a direction, too.
    arrays["head.bias"][:_HALF] = _uniform(rng, 1e-3, _HALF)
    for layer in range(_DEPTH):
        # The scale of a norm over two values of ±_LOUD among DIM is _LOUD / 8: so these undo it.
        arrays |= _block(rng, layer, _LOUD / 8)
    _colour_features(rng, arrays, "blocks.0.")
    gather = np.zeros((DIM, DIM))
    gather[_FEATURES, _FEATURES] = np.eye(_HALF)
    arrays["blocks.1.attention.query.weight"] = np.zeros((DIM, DIM))
    arrays["blocks.1.attention.value.weight"] = gather
    arrays["blocks.1.attention.output.weight"] = gather
    return arrays


def _colour_features(rng: np.random.Generator, arrays: dict[str, Array], block: str) -> None:
    """Hidden units that each wake where one cell is a certain step away from the tray's colour."""
    import numpy as np

    up = np.zeros((_HIDDEN, DIM))
    cells = (rng.random(_HIDDEN) * (_COLOURS // 3)).astype(int)
    for unit, cell in enumerate(cells):
        up[unit, 3 * cell : 3 * cell + 3] = _uniform(rng, _SHARPNESS, 3)
    steps = _NEAREST_STEP + (_FARTHEST_STEP - _NEAREST_STEP) * rng.random(_HIDDEN)
    arrays[f"{block}up.weight"] = up
    arrays[f"{block}up.bias"] = -_SHARPNESS * steps
    arrays[f"{block}down.weight"][_FEATURES] = _uniform(rng, 1 / 16, _HALF, _HIDDEN)


def _dna_arrays(rng: np.random.Generator) -> dict[str, Array]:
    import numpy as np

    words = np.zeros((4**_DNA.k + 3, DIM))
    words[:, _HALF:] = _uniform(rng, 1.0, len(words), _HALF)
    # Bases that are not known add nothing; the mask in front stays, the same for all barcodes.
    words[_UNKNOWN] = 0
    arrays = {
        "words": words,
        "positions": np.zeros((_DNA.max_positions, DIM)),
        "token_type": np.zeros(DIM),
        **_norm("norm", 1.0),
    }
    for layer in range(_DEPTH):
        arrays |= _block(rng, layer, 1.0)
    return arrays


def _block(rng: np.random.Generator, layer: int, scale: float) -> dict[str, Array]:
    """A layer that computes but adds nothing: what it reads is random, what it writes is zero."""
    import numpy as np

    arrays = {**_norm("norm1", scale), **_norm("norm2", scale)}
    shapes = {
        "attention.query": (DIM, DIM),
        "attention.key": (DIM, DIM),
        "attention.value": (DIM, DIM),
        "attention.output": (DIM, DIM),
        "up": (_HIDDEN, DIM),
        "down": (DIM, _HIDDEN),
    }
    for name, shape in shapes.items():
        writes = name in ("attention.output", "down")
        arrays[f"{name}.weight"] = np.zeros(shape) if writes else _uniform(rng, 0.05, *shape)
        arrays[f"{name}.bias"] = np.zeros(shape[0])
    return {f"blocks.{layer}.{name}": array for name, array in arrays.items()}


def _norm(name: str, scale: float) -> dict[str, Array]:
    import numpy as np

    return {f"{name}.weight": np.full(DIM, scale), f"{name}.bias": np.zeros(DIM)}


def _constants() -> Array:
    import numpy as np

    token = np.zeros(DIM)
    token[-2:] = _LOUD, -_LOUD
    return token


def _cell_means() -> Array:
    """The patch projection: the mean of each colour over each cell."""
    import numpy as np

    cells = _IMAGE.patch // _CELL
    weight = np.zeros((DIM, 3, _IMAGE.patch, _IMAGE.patch))
    for place in range(_COLOURS):
        cell, colour = divmod(place, 3)
        row, column = (_CELL * step for step in divmod(cell, cells))
        weight[place, colour, row : row + _CELL, column : column + _CELL] = 1 / _CELL**2
    return weight.reshape(DIM, -1)


def _uniform(rng: np.random.Generator, reach: float, *shape: int) -> Array:
    return (2 * rng.random(shape) - 1) * reach
