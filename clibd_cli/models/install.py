"""Checkpoints into model folders: read, convert, and put in place as a whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.core.atomic import atomic_folder, atomic_path, write_text
from clibd_cli.core.digest import sha256_file
from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.models.cards import DnaPooling, ModelCard, TextTower
from clibd_cli.models.registry import CARD_FILE, MODEL_NAME, VOCAB_FILE, WEIGHTS_FILE

if TYPE_CHECKING:
    from clibd_cli.models.convert import Converted

VocabularyFor = Callable[[int], Path | None]
"""Finds the vocabulary of a text tower of so many tokens, or None."""

_WINDOWS_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def install_checkpoint(
    source: Path,
    name: str,
    home: Path,
    *,
    dna_pooling: DnaPooling | None = None,
    vocab: Path | VocabularyFor | None = None,
    base: ModelCard | None = None,
    overwrite: bool = False,
) -> ModelCard:
    """Convert the checkpoint `source` into the model folder `home/name`.

    Args:
        dna_pooling: see `convert`; None takes what the layout needs.
        vocab: `vocab.txt` of the text tower, or what finds it; ignored where there is no tower.
        base: the published card of this checkpoint, whose title, licence and origin are kept.
        overwrite: replace a model of the same name.

    Returns:
        The card as installed, with its fingerprint. The same file, pooling and vocabulary give
        the same fingerprint every time.

    Raises:
        ClibdError: where the checkpoint cannot be read or understood, the vocabulary is missing
            or of another length, the name is taken, or the folder cannot be written.
        UsageError: for a name that could not be a folder everywhere.
    """
    check_name(name)
    if (home / name).exists() and not overwrite:
        raise ClibdError(
            f"there is already a model {name}", "Choose another --name, or use --overwrite."
        )
    from clibd_cli.models.checkpoint import read_tensors
    from clibd_cli.models.convert import convert

    converted = convert(read_tensors(source), dna_pooling)
    words = _vocabulary(converted, vocab, source.name)
    card = _card(converted, name, source, base)
    with new_model_folder(home / name) as folder:
        return write_model(folder, card, converted, words)


@contextmanager
def new_model_folder(final: Path) -> Iterator[Path]:
    """`atomic_folder` for a model.

    Raises:
        ClibdError: where something in it cannot be written: the disk is full, rights are missing.
    """
    from safetensors import SafetensorError

    try:
        with atomic_folder(final) as folder:
            yield folder
    except (OSError, SafetensorError) as error:
        raise ClibdError(
            f"{final} cannot be written: {getattr(error, 'strerror', None) or error}",
            "Make room there and look at its rights, or set CLIBD_HOME to another folder.",
        ) from error


def check_name(name: str) -> None:
    """Raise a UsageError where `name` cannot name a model: it is a folder name on any system."""
    if not MODEL_NAME.fullmatch(name) or name.endswith(".") or _WINDOWS_DEVICE.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a model",
            "Use up to 64 letters, digits, dots, dashes and underscores, such as my-model-2.",
        )


def write_model(
    folder: Path, card: ModelCard, converted: Converted, vocab: Path | None
) -> ModelCard:
    """Write `model.safetensors`, `vocab.txt` and, last, `card.json` with digests into `folder`.

    Args:
        vocab: of the text tower; None where there is none.
    """
    from clibd_cli.models.weights import write_weights

    weights = folder / WEIGHTS_FILE
    write_weights(weights, converted.tensors, converted.heads)
    vocab_sha256 = None
    if vocab is not None:
        with atomic_path(folder / VOCAB_FILE) as partial:
            shutil.copyfile(vocab, partial)
        vocab_sha256 = sha256_file(folder / VOCAB_FILE)
    card = replace(
        card,
        size_bytes=weights.stat().st_size,
        weights_sha256=sha256_file(weights),
        vocab_sha256=vocab_sha256,
    ).with_fingerprint()
    write_text(folder / CARD_FILE, card.to_json())
    return card


def _vocabulary(
    converted: Converted, vocab: Path | VocabularyFor | None, source: str
) -> Path | None:
    """The vocabulary of the text tower, which must have its length; None where there is none."""
    from clibd_cli.models.wordpiece import read_vocabulary

    if not isinstance(converted.text, TextTower):
        return None
    rows = converted.text.vocab_size
    vocab = vocab(rows) if callable(vocab) else vocab
    if vocab is None:
        raise ClibdError(
            f"{source} has a text tower, but not its vocabulary (of {rows:,} tokens)",
            "Give --vocab FILE: the vocab.txt of its tokeniser (bert-base-uncased has 30,522).",
        )
    lines = len(read_vocabulary(vocab))
    if lines != rows:
        raise ClibdError(
            f"{vocab} has {lines:,} tokens, but the text tower was trained with {rows:,}",
            "Give --vocab FILE with the vocab.txt that belongs to the checkpoint.",
        )
    return vocab


def _card(converted: Converted, name: str, source: Path, base: ModelCard | None) -> ModelCard:
    file = os.fsencode(source.name).decode("utf-8", "replace")
    start = base or ModelCard(
        name=name, title=name, source=f"{file}, SHA-256 {sha256_file(source)}"
    )
    return replace(
        start,
        name=name,
        dim=converted.dim,
        image=converted.image,
        dna=converted.dna,
        text=converted.text,
        logit_scale=converted.logit_scale,
    )
