"""`model.safetensors`: the file that clibd keeps a model's tensors in.

The same model always gives the same bytes, since its digest is part of the model's fingerprint.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from clibd_cli.core.atomic import atomic_path
from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import MODALITIES, Modality
from clibd_cli.models.cards import INSTALL_ANEW, ModelCard
from clibd_cli.models.towers import BlockShape, is_transformer, tensor_shapes

# One key only: safetensors writes several in no fixed order.
_METADATA = "clibd"


_FLOATS = ("F32", "F16")
"""How tensors may be stored; they are read as float32."""


def write_weights(path: Path, tensors: Mapping[str, Tensor], heads: Mapping[Modality, int]) -> None:
    """Write tensors (float32 or float16) under clibd's names, and the attention heads of towers."""
    from safetensors.numpy import save_file

    arrays = {name: tensors[name].detach().contiguous().numpy() for name in sorted(tensors)}
    facts = json.dumps({"heads": dict(sorted(heads.items()))})
    with atomic_path(path) as partial:
        partial.touch()
        rights = partial.stat().st_mode
        save_file(arrays, partial, metadata={_METADATA: facts})
        partial.chmod(rights)  # safetensors lets nobody else read it, in a shared folder either


def read_weights(
    path: Path, card: ModelCard, modalities: tuple[Modality, ...]
) -> dict[Modality, tuple[BlockShape | None, dict[str, Tensor]]]:
    """The tensors of the towers asked for, under their names within the tower.

    The file's header is compared with the whole card before any tensor is read.

    Raises:
        ClibdError: where the file is missing, damaged, or not the one that the card describes.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as held:
            found = {name: _header(held, name) for name in held.keys()}  # noqa: SIM118
            shapes = _shapes(path, held.metadata() or {}, found, card)
            _check(path, found, card, shapes)
            return {
                modality: (shapes[modality], _tower_tensors(held, modality, found))
                for modality in modalities
            }
    except (SafetensorError, OSError) as error:
        raise ClibdError(f"cannot read {path}: {error}", INSTALL_ANEW) from error


def _header(held: Any, name: str) -> tuple[str, tuple[int, ...]]:
    part = held.get_slice(name)
    return part.get_dtype(), tuple(part.get_shape())


def _shapes(
    path: Path,
    metadata: Mapping[str, str],
    found: Mapping[str, tuple[str, tuple[int, ...]]],
    card: ModelCard,
) -> dict[Modality, BlockShape | None]:
    try:
        heads = {str(m): int(n) for m, n in json.loads(metadata[_METADATA])["heads"].items()}
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise ClibdError(f"{path} does not tell its attention heads", INSTALL_ANEW) from error
    shapes: dict[Modality, BlockShape | None] = {}
    for modality in card.modalities:
        if not is_transformer(getattr(card, modality)):
            shapes[modality] = None
            continue
        width, count = getattr(card, modality).width, heads.get(modality, 0)
        if count < 1 or width % count:
            raise ClibdError(
                f"{path} gives its {modality} tower {count} heads for a width of {width}",
                INSTALL_ANEW,
            )
        _, up = found.get(f"{modality}.blocks.0.up.weight", ("", (0,)))
        shapes[modality] = BlockShape(count, up[0] if up else 0)
    return shapes


def _check(
    path: Path,
    found: Mapping[str, tuple[str, tuple[int, ...]]],
    card: ModelCard,
    shapes: Mapping[Modality, BlockShape | None],
) -> None:
    wanted: dict[str, tuple[int, ...]] = {}
    for modality in MODALITIES:
        if modality in shapes:
            sizes = tensor_shapes(getattr(card, modality), shapes[modality])
            wanted |= {f"{modality}.{name}": size for name, size in sizes.items()}
    fits = {
        name for name, (kind, size) in found.items() if kind in _FLOATS and wanted.get(name) == size
    }
    wrong = sorted((found.keys() | wanted.keys()) - fits)
    if wrong:
        raise ClibdError(
            f"{path} does not hold the model that its card describes; "
            f"{len(wrong)} tensors differ, the first is {wrong[0]}",
            INSTALL_ANEW,
        )


def _tower_tensors(held: Any, modality: Modality, found: Mapping[str, object]) -> dict[str, Tensor]:
    prefix = f"{modality}."
    return {
        name.removeprefix(prefix): held.get_tensor(name).float()
        for name in found
        if name.startswith(prefix)
    }
