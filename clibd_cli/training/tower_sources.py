"""Where a tower begins: in an installed model, in a checkpoint, or from nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from clibd_cli.core.digest import sha256_file
from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.records import Modality
from clibd_cli.models.cards import AnyTower, ConvImageTower, TextTower
from clibd_cli.models.checkpoint import RawCheckpoint, read_tensors
from clibd_cli.models.convert import Converted, convert
from clibd_cli.models.efficientnet import from_imagenet, is_imagenet
from clibd_cli.models.registry import VOCAB_FILE, WEIGHTS_FILE, find_installed
from clibd_cli.models.towers import BlockShape
from clibd_cli.models.verify import verify_model
from clibd_cli.models.weights import read_weights
from clibd_cli.models.wordpiece import read_vocabulary
from clibd_cli.training.pretrained import PREFIX, pretrained_file
from clibd_cli.training.tower_new import conv_tower, new_shape, new_tower

MODEL, NEW = "model:", "new:"
_VIT_PREFIX = "image_encoder.base_image_encoder."


@dataclass(frozen=True, slots=True)
class TowerSource:
    """A tower before training.

    Attributes:
        tower: its description; outputs as wide as the shared space.
        shape: of the blocks of a transformer; None for other towers.
        tensors: its weights, None where all are to be drawn, a part where the rest is.
        vocab: the WordPiece vocabulary of a BERT for names.
        origin: in words, for the card.
        is_new: whether its map into the shared space, at least, has learned nothing yet.
    """

    tower: AnyTower
    shape: BlockShape | None
    tensors: dict[str, Tensor] | None
    origin: str
    vocab: Path | None = None
    is_new: bool = False

    def start(self) -> str:
        """What tells the tower's first weights from others: their digest, not where they are.

        Weights that are drawn follow from the recipe and the training data; their bits may differ
        between machines, so that they are told by the kind of the tower alone.
        """
        told = self.origin if self.tensors is None else _digest(self.tensors)[:16]
        return told if self.vocab is None else f"{told}, vocab {sha256_file(self.vocab)[:16]}"


class TowerFinder:
    """Finds the towers that a recipe names; reads each checkpoint once.

    Args:
        home: the folder of the installed models.
        vocab: the vocabulary that the recipe gives.
        image_size: pixels of the photos that a new image tower reads.
    """

    def __init__(self, home: Path, vocab: Path | None, image_size: int) -> None:
        self._home = home
        self._vocab = vocab
        self._image_size = image_size
        self._read: dict[Path, RawCheckpoint] = {}
        self._converted: dict[Path, Converted] = {}

    def modalities(self, init_model: str) -> tuple[Modality, ...]:
        """The kinds that `init_model`, a model or a checkpoint, has a tower for."""
        file = self._file(init_model)
        if file is None:
            return verify_model(self._folder(init_model)).modalities
        return cast("tuple[Modality, ...]", tuple(self._convert(file).heads))

    def chooses_width(self, text: str) -> bool:
        """Whether the tower that `text` names has the outputs that it is asked for."""
        if text.startswith(NEW):
            return True
        file = self._file(text)
        return file is not None and is_imagenet(self._checkpoint(file).tensors)

    def find(self, modality: Modality, text: str, dim: int) -> TowerSource:
        """The tower of `modality` that `text` names: `model:NAME`, `new:KIND`, a file or a name.

        Args:
            dim: outputs of towers that are new, or whose last map is (`chooses_width`).

        Raises:
            ClibdError: where it cannot be had, or there is no such tower in it.
        """
        if text.startswith(NEW):
            return self._new(modality, text.removeprefix(NEW), dim)
        file = self._file(text)
        if file is None:
            return self._of_model(modality, self._folder(text))
        raw = self._checkpoint(file)
        if is_imagenet(raw.tensors):
            return self._of_imagenet(modality, raw, dim)
        return self._of_checkpoint(modality, file)

    def _new(self, modality: Modality, kind: str, dim: int) -> TowerSource:
        tower = new_tower(kind, modality, dim, self._vocab, self._image_size)
        vocab = self._vocab if isinstance(tower, TextTower) else None
        return TowerSource(tower, new_shape(tower), None, f"new ({kind})", vocab, is_new=True)

    def _of_model(self, modality: Modality, folder: Path) -> TowerSource:
        card = verify_model(folder)
        if modality not in card.modalities:
            raise _lacks(f"the model {card.name}", modality, card.modalities)
        shape, tensors = read_weights(folder / WEIGHTS_FILE, card, (modality,))[modality]
        tower: AnyTower = getattr(card, modality)
        vocab = folder / VOCAB_FILE if isinstance(tower, TextTower) else None
        origin = f"{card.name} ({(card.fingerprint or '')[:12]})"
        return TowerSource(tower, shape, tensors, origin, vocab)

    def _of_checkpoint(self, modality: Modality, file: Path) -> TowerSource:
        converted = self._convert(file)
        tower: Any = getattr(converted, modality)
        if tower is None:
            raise _lacks(str(file), modality, tuple(converted.heads))
        prefix = f"{modality}."
        tensors = {
            name.removeprefix(prefix): tensor
            for name, tensor in converted.tensors.items()
            if name.startswith(prefix)
        }
        hidden = len(tensors["blocks.0.up.weight"])
        shape = BlockShape(converted.heads[modality], hidden)
        vocab = self._vocabulary_for(tower, file) if isinstance(tower, TextTower) else None
        return TowerSource(tower, shape, tensors, file.name, vocab)

    def _of_imagenet(self, modality: Modality, raw: RawCheckpoint, dim: int) -> TowerSource:
        """EfficientNet-Lite0 from ImageNet, with a new map into the shared space."""
        if modality != "image":
            raise _lacks(raw.source, modality, ("image",))
        tensors = from_imagenet(raw.tensors, raw.source)
        tower = conv_tower(dim, self._image_size)
        return TowerSource(tower, None, tensors, raw.source, is_new=True)

    def _vocabulary_for(self, tower: TextTower, file: Path) -> Path:
        if self._vocab is None:
            raise UsageError(
                f"{file} has a text tower, but not its vocabulary (of {tower.vocab_size:,} tokens)",
                "Give vocab: the vocab.txt of its tokeniser (bert-base-uncased has 30,522).",
            )
        lines = len(read_vocabulary(self._vocab))
        if lines != tower.vocab_size:
            raise ClibdError(
                f"{self._vocab} has {lines:,} tokens, but the text tower of {file} was trained "
                f"with {tower.vocab_size:,}",
                "Give the vocab.txt that belongs to the checkpoint.",
            )
        return self._vocab

    def _file(self, text: str) -> Path | None:
        """The checkpoint that `text` names, or None where it names a model."""
        if text.startswith(MODEL):
            return None
        if text.startswith(PREFIX):
            return pretrained_file(text.removeprefix(PREFIX))
        path = Path(text).expanduser()
        return path if path.is_file() else None

    def _folder(self, text: str) -> Path:
        name = text.removeprefix(MODEL)
        is_path = Path(name).suffix != "" or len(Path(name).parts) > 1
        if is_path and not text.startswith(MODEL) and not Path(name).exists():
            raise ClibdError(f"the checkpoint {name} does not exist", "Check its path.")
        return find_installed(name, self._home)

    def _checkpoint(self, file: Path) -> RawCheckpoint:
        if file not in self._read:
            self._read[file] = _with_tower_names(read_tensors(file))
        return self._read[file]

    def _convert(self, file: Path) -> Converted:
        if file not in self._converted:
            self._converted[file] = convert(self._checkpoint(file))
        return self._converted[file]


def without_familiarity(source: TowerSource) -> TowerSource:
    """A tower that will learn: what is familiar to it is learnt anew when it is done."""
    if not isinstance(source.tower, ConvImageTower) or not source.tower.familiar:
        return source
    tensors = source.tensors or {}
    kept = {name: t for name, t in tensors.items() if not name.startswith("familiarity.")}
    return replace(source, tower=replace(source.tower, familiar=0), tensors=kept)


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _with_tower_names(raw: RawCheckpoint) -> RawCheckpoint:
    """The names that CLIBD gives them, for the tensors of a vision transformer as timm saves it."""
    if not {"cls_token", "pos_embed", "patch_embed.proj.weight"} <= raw.tensors.keys():
        return raw
    return replace(raw, tensors={_VIT_PREFIX + name: t for name, t in raw.tensors.items()})


def _lacks(what: str, modality: str, has: tuple[str, ...]) -> ClibdError:
    return ClibdError(
        f"{what} has no {modality} tower, only {' and '.join(has)}",
        f"Name another one as {modality}_tower, or leave it out.",
    )
