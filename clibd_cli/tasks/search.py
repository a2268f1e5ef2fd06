"""`clibd search`: the nearest references of each query, with their similarity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.core.records import Modality, Skip
from clibd_cli.tasks.inputs import Inputs, check_inputs
from clibd_cli.tasks.library import choose_index
from clibd_cli.tasks.queries import Found, open_searcher, split_stores


def search(
    inputs: Inputs,
    index: str | Path | None = None,
    *,
    keys: Sequence[Modality] | None = None,
    k: int = 10,
    device: str = "auto",
    precision: str = "auto",
    batch_size: int | None = None,
    workers: int | None = None,
    progress: Progress = SILENT,
) -> Iterator[Found | Skip]:
    """The `k` nearest keys of each query, as they are found; skips where inputs are unusable.

    Args:
        index: its folder; None finds one as the command line does (see `library.choose_index`).
        keys: the kinds of references to search; all that the index has if None.

    Raises:
        ClibdError: where an input, the index or its model cannot be used at all.
    """
    check_inputs(inputs)
    searcher = open_searcher(
        choose_index(index).folder,
        keys,
        k,
        device=device,
        precision=precision,
        batch_size=batch_size,
        workers=workers,
        progress=progress,
    )
    stores, queries = split_stores(inputs)
    for modality in queries.modalities:
        yield from searcher.embed_and_search(queries, modality)
    for store in stores:
        yield from searcher.search_stores(store)
