"""The files that make a model: a checkpoint and its vocabulary, from the disk or from the hub."""

from __future__ import annotations

import os
from pathlib import Path

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.progress import Progress
from clibd_cli.models.cards import HubFile
from clibd_cli.models.hub import fetch, is_hub_source, parse_hub_source, pinned
from clibd_cli.models.install import VocabularyFor
from clibd_cli.models.published import BERT_UNCASED_SIZE, BERT_UNCASED_VOCAB


def checkpoint_file(
    source: str, name: str, progress: Progress, *, bar: bool
) -> tuple[Path, HubFile | None]:
    """The checkpoint that `source` names, and where on the hub it came from, if it did.

    Raises:
        ClibdError: where it cannot be had.
    """
    return _file(source, "checkpoint", name, progress, bar=bar)


def vocabulary_file(
    given: str | Path | None, name: str, progress: Progress, *, bar: bool
) -> Path | VocabularyFor:
    """The vocabulary as given, else what finds BERT's for a text tower that has its size.

    Raises:
        ClibdError: where it cannot be had.
    """
    if given is not None:
        return _file(str(given), "vocabulary", name, progress, bar=bar)[0]

    def find(rows: int) -> Path | None:
        return _bert_vocabulary(name, progress, bar=bar) if rows == BERT_UNCASED_SIZE else None

    return find


def _bert_vocabulary(name: str, progress: Progress, *, bar: bool) -> Path:
    try:
        return fetch(BERT_UNCASED_VOCAB, name, progress, bar=bar).path
    except ClibdError as error:
        raise ClibdError(
            f"the checkpoint has a text tower, and its vocabulary is not at hand: {error.message}",
            "Give --vocab FILE: the vocab.txt of bert-base-uncased (30,522 lines).",
        ) from error


def _file(
    source: str, what: str, name: str, progress: Progress, *, bar: bool
) -> tuple[Path, HubFile | None]:
    if is_hub_source(source):
        file = parse_hub_source(source)
        fetched = fetch(file, name, progress, bar=bar)
        return fetched.path, pinned(file, fetched)
    path = Path(source).expanduser()
    if not path.is_file():
        shown = os.fsencode(source).decode("utf-8", "replace")
        problem = "is a folder" if path.is_dir() else "does not exist"
        raise ClibdError(f"the {what} {shown} {problem}", f"Name the file of the {what}.")
    return path, None
