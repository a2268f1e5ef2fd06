"""Whether a model's folder still is what was installed.

A fingerprint says which vectors may meet, so it must be true: the files are compared with the
digests on the card, and the card with its own fingerprint, before any vector is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from clibd_cli.core.digest import sha256_file
from clibd_cli.core.errors import ClibdError
from clibd_cli.models.cards import (
    INSTALL_ANEW,
    USES_HEAD,
    AnyImageTower,
    ConvImageTower,
    DnaTower,
    ModelCard,
    TextTower,
)
from clibd_cli.models.experience import CALIBRATION_FILE, SEEN_FILE
from clibd_cli.models.kmers import MAX_K, token_count
from clibd_cli.models.registry import CARD_FILE, VOCAB_FILE, WEIGHTS_FILE, read_card

_MOST = 1 << 20
_LIMITS = {"depth": 1000, "k": MAX_K, "crop": 8192, "resize": 8192}
"""Beyond these, a number on a card is no size but a slip or an attack."""
_LEAST = {"gap_reach": 0, "familiar": 0}
_LEAST_TOKENS = 3  # [CLS], one word piece, [SEP]


def verify_model(folder: Path) -> ModelCard:
    """The card of a model's folder, once everything in the folder is what the card describes.

    Reads every byte of the weights (a second or so for a gigabyte); needs no torch.

    Raises:
        ClibdError: where the card cannot be read or makes no sense, was edited, or where weights,
            vocabulary or what the model brings along of its training are missing or others than
            those that were installed.
    """
    card = read_card(folder)
    problem = problem_of(card)
    if problem is not None:
        raise ClibdError(f"{folder / CARD_FILE} makes no sense: {problem}", INSTALL_ANEW)
    if card.with_fingerprint().fingerprint != card.fingerprint:
        raise ClibdError(
            f"{folder / CARD_FILE} is not what its fingerprint describes: it was changed after "
            "the model was installed",
            INSTALL_ANEW,
        )
    _compare(folder / WEIGHTS_FILE, card.weights_sha256)
    if isinstance(card.text, TextTower):
        _compare(folder / VOCAB_FILE, card.vocab_sha256)
    brought = {SEEN_FILE: card.seen_sha256, CALIBRATION_FILE: card.calibration_sha256}
    for name, digest in brought.items():
        if digest is not None:
            _compare(folder / name, digest)
    return card


def _compare(path: Path, digest: str | None) -> None:
    try:
        found = sha256_file(path)
    except OSError as error:
        raise ClibdError(
            f"{path} cannot be read: {error.strerror or error}", INSTALL_ANEW
        ) from error
    if found != digest:
        raise ClibdError(
            f"{path} is not what its card describes: its SHA-256 differs", INSTALL_ANEW
        )


def problem_of(card: ModelCard) -> str | None:
    """What on a card cannot be, field by field or together; None where it makes sense."""
    return next(_problems(card), None)


def _problems(card: ModelCard) -> Iterator[str]:
    if not card.modalities:
        yield "it has no tower"
    for modality in card.modalities:
        tower = getattr(card, modality)
        for name, value in asdict(tower).items():
            if type(value) is int and not _LEAST.get(name, 1) <= value <= _LIMITS.get(name, _MOST):
                yield f"{modality}.{name} is {value}"
        if tower.output_dim != card.dim:
            yield f"dim is {card.dim}, but {modality}.output_dim {tower.output_dim}"
    if card.image is not None:
        yield from _image_problems(card.image)
    if isinstance(card.dna, DnaTower):
        yield from _dna_problems(card.dna)
    if isinstance(card.text, TextTower):
        yield from _text_problems(card.text)


def _image_problems(tower: AnyImageTower) -> Iterator[str]:
    patch = 1 if isinstance(tower, ConvImageTower) else tower.patch
    if tower.crop % patch or tower.resize < tower.crop:
        yield f"photos of {tower.resize} pixels, cut to {tower.crop}, in patches of {patch}"
    if (tower.mean is None) != (tower.std is None) or min(tower.std or (1,)) <= 0:
        yield f"photos of mean {tower.mean} and deviation {tower.std}"
    if isinstance(tower, ConvImageTower) and tower.familiar == 1:
        yield "image.familiar is 1, and one species is told from no other"


def _dna_problems(tower: DnaTower) -> Iterator[str]:
    if tower.max_bases < tower.k or token_count(tower) > tower.max_positions:
        yield f"barcodes of {tower.max_bases} bases in {tower.max_positions} positions"
    if tower.output_dim != (tower.head_dim if USES_HEAD[tower.pooling] else tower.width):
        yield f"dna.pooling {tower.pooling} does not give {tower.output_dim} outputs"
    if tower.pooling == "cls_token" and not tower.prefix_mask:
        yield "dna.pooling is cls_token, but no token stands in front"


def _text_problems(tower: TextTower) -> Iterator[str]:
    if not _LEAST_TOKENS <= tower.max_tokens <= tower.max_positions:
        yield f"names of {tower.max_tokens} tokens in {tower.max_positions} positions"
