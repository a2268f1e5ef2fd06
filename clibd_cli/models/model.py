"""An installed model: photos, barcodes or words in, unit vectors out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.progress import SILENT
from clibd_cli.core.records import Modality
from clibd_cli.models.cards import ModelCard, TextTower
from clibd_cli.models.device import (
    Precision,
    choose_device,
    choose_precision,
    default_batch_size,
    one_thread,
    torch_dtype,
)
from clibd_cli.models.efficientnet import ConvImageEncoder
from clibd_cli.models.efficientnet_fused import FusedConvImageEncoder, can_fuse
from clibd_cli.models.explain import PHOTOS_AT_ONCE, heat_of
from clibd_cli.models.inputs import encoder_inputs
from clibd_cli.models.memory import FittingBatches, is_out_of_memory
from clibd_cli.models.preprocess import prepare_photo, seen_part
from clibd_cli.models.registry import VOCAB_FILE, WEIGHTS_FILE
from clibd_cli.models.towers import build_encoder, is_large
from clibd_cli.models.verify import verify_model
from clibd_cli.models.weights import read_weights
from clibd_cli.models.wordpiece import WordPieces, read_vocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image


def load_model(
    folder: Path,
    device: str = "auto",
    precision: str = "auto",
    modalities: Iterable[Modality] | None = None,
    warn: Callable[[str], None] = SILENT.warn,
) -> ClibdModel:
    """Load a model folder (`card.json`, `model.safetensors`, `vocab.txt` for a text tower).

    Args:
        device: `auto`, `cpu`, `cuda` or `mps`.
        precision: `auto`, `fp32`, `bf16` or `fp16`.
        modalities: towers to load; None loads all that the model has.
        warn: told where the memory is too small for the usual batches.

    Raises:
        ClibdError: where the folder is no model or its files are not those that the card was
            written for (`verify_model`), or a tower asked for is not there.
    """
    card = verify_model(folder)
    asked = card.modalities if modalities is None else tuple(dict.fromkeys(modalities))
    for modality in asked:
        _require(card, modality)
    place = choose_device(device)
    chosen = choose_precision(precision, place)
    words = None
    if "text" in asked and isinstance(card.text, TextTower):
        words = WordPieces(read_vocabulary(folder / VOCAB_FILE), card.text.max_tokens)
    encoders: dict[Modality, nn.Module] = {}
    with one_thread():
        for modality, (shape, tensors) in read_weights(folder / WEIGHTS_FILE, card, asked).items():
            with torch.device("meta"):
                encoder = build_encoder(getattr(card, modality), shape)
            encoder.load_state_dict(tensors, strict=True, assign=True)
            encoders[modality] = _moved(encoder, place, torch_dtype(chosen), card.name)
        return ClibdModel(card, encoders, words, place, chosen, warn)


class ClibdModel:
    """The towers of one model on one device.

    Attributes:
        card: what the model is.
        device, precision: where and how it computes.
    """

    def __init__(
        self,
        card: ModelCard,
        encoders: dict[Modality, nn.Module],
        words: WordPieces | None,
        device: torch.device,
        precision: Precision,
        warn: Callable[[str], None] = SILENT.warn,
    ) -> None:
        self.card = card
        self.device = device
        self.precision = precision
        self._encoders = encoders
        self._fused = {
            modality: FusedConvImageEncoder(encoder)
            for modality, encoder in encoders.items()
            if isinstance(encoder, ConvImageEncoder) and device.type == "cpu" and can_fuse()
        }
        self._words = words
        self._batches = FittingBatches(device, warn)

    @property
    def dim(self) -> int:
        """Length of every vector."""
        return self.card.dim

    def batch_size(self, modality: Modality) -> int:
        """How many items one forward pass takes by default."""
        return default_batch_size(modality, self.device, is_large(getattr(self.card, modality)))

    @property
    def fingerprint(self) -> str:
        """Identifies weights, preparation and pooling; vectors may only meet where it is equal."""
        return self.card.fingerprint or ""

    @property
    def photo_side(self) -> int:
        """Pixels of a photo's shorter side that are enough for `prepare_photo`.

        Twice of what it is resized to. A JPEG reader's own scaling blurs: from photos of no more
        than what is needed, vectors got within cosine 0.998 of those of all pixels, and 5 % of
        BIOSCAN's photos another nearest photo; from twice that, within 0.9998.
        """
        _require(self.card, "image")
        assert self.card.image is not None
        return 2 * self.card.image.resize

    def prepare_photo(self, image: Image.Image) -> Tensor:
        """Pixels `[3, crop, crop]` for `encode("image", …)`; may be called in worker threads."""
        _require(self.card, "image")
        assert self.card.image is not None
        return prepare_photo(image, self.card.image)

    def encode(
        self, modality: Modality, items: Sequence[Any], batch_size: int | None = None
    ) -> NDArray[np.float32]:
        """Unit vectors `[len(items), dim]`.

        Args:
            items: prepared photos (`prepare_photo`), cleaned barcodes, or taxonomic words.
            batch_size: items in one forward pass; None takes what suits the device. Where the
                memory does not hold them, it goes on with half as many.

        Raises:
            ClibdError: where the model has no such tower, a vector is not finite, or the memory
                does not hold a single item.
        """
        return self.encode_with_strength(modality, items, batch_size)[0]

    def encode_with_strength(
        self, modality: Modality, items: Sequence[Any], batch_size: int | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Unit vectors `[len(items), dim]`, and how long each was before `[len(items)]`.

        The length grows with what the tower recognises in a photo, so it is low for much that is
        new to it, wherever the vector points (Vaze et al., ICLR 2022, on logits as novelty scores);
        of a tower that has learnt what is familiar to it, it is that (`models.familiarity`).

        Raises:
            ClibdError: as `encode`.
        """
        self._encoder(modality)
        size = batch_size or self.batch_size(modality)
        parts = self._batches.run(modality, items, size, partial(self._encode_batch, modality))
        if not parts:
            return np.empty((0, self.dim), np.float32), np.empty(0, np.float32)
        vectors, strengths = zip(*parts, strict=True)
        return np.concatenate(vectors), np.concatenate(strengths)

    def seen_part(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        """Which part of a photo of `size` the image tower reads (see `preprocess.seen_part`)."""
        _require(self.card, "image")
        assert self.card.image is not None
        return seen_part(size, self.card.image)

    def explain_photos(
        self, photos: Sequence[Tensor], targets: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Where the image tower looked: a map of 0 to 1 for each photo, `[n, rows, columns]`.

        Args:
            photos: prepared (`prepare_photo`); a map covers the part that `seen_part` tells.
            targets: `[n, dim]`, what each was compared with, such as its nearest reference; a row
                of zeros stands for the photo's own vector. Towers with attention need none.
        """
        encoder = self._encoder("image")
        parts = []
        for start in range(0, len(photos), PHOTOS_AT_ONCE):
            several = slice(start, start + PHOTOS_AT_ONCE)
            (pixels,) = self._inputs("image", photos[several])
            towards = torch.from_numpy(np.array(targets[several], np.float32)).to(self.device)
            parts.append(heat_of(encoder, pixels, towards).cpu().numpy())
        return np.concatenate(parts) if parts else np.empty((0, 1, 1), np.float32)

    def _encoder(self, modality: Modality) -> nn.Module:
        _require(self.card, modality)
        if modality not in self._encoders:
            raise ClibdError(f"the {modality} tower was not loaded", "Load the model with it.")
        return self._encoders[modality]

    def _inputs(self, modality: Modality, items: Sequence[Any]) -> list[Tensor]:
        tower, dtype = getattr(self.card, modality), torch_dtype(self.precision)
        return [
            tensor.to(self.device, non_blocking=True)
            for tensor in encoder_inputs(tower, items, self._words, dtype)
        ]

    def _encode_batch(
        self, modality: Modality, items: Sequence[Any]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        with torch.inference_mode():
            encoder = self._fused.get(modality) or self._encoders[modality]
            raw = encoder(*self._inputs(modality, items))
            strengths = raw.norm(dim=-1).cpu().numpy()
            vectors = functional.normalize(raw, dim=-1).cpu().numpy()
        lengths = np.linalg.norm(vectors, axis=1)
        # Not finite, or zero: neither has a direction. NaN fails the comparison too.
        if not bool((np.abs(lengths - 1) < 1e-3).all()):
            raise ClibdError(
                f"the {modality} tower of {self.card.name} gave vectors that are not finite",
                f"It ran in {self.precision}: try --precision fp32.",
            )
        return vectors, strengths


def _moved(encoder: nn.Module, place: torch.device, dtype: torch.dtype, name: str) -> nn.Module:
    try:
        return encoder.to(place, dtype).eval().requires_grad_(False)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    raise ClibdError(
        f"the model {name} does not fit into the memory ({place.type})",
        "End other programs that fill it, choose --device cpu, or a smaller model "
        "(`clibd models list`).",
    )


def _require(card: ModelCard, modality: Modality) -> None:
    if modality not in card.modalities:
        has = " and ".join(card.modalities)
        raise ClibdError(
            f"the model {card.name} has no {modality} tower, only {has}",
            "Use another model (`clibd models list`), or leave these inputs out.",
        )
