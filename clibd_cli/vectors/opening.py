"""Opening the files of an index, each checked against `index.json` first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import Modality
from clibd_cli.vectors.header import IndexHeader, check_file, graph_file, vectors_file
from clibd_cli.vectors.hnsw import HnswIndex, HnswSettings

if TYPE_CHECKING:
    import numpy as np


def open_vectors(folder: Path, header: IndexHeader, modality: Modality) -> np.ndarray:
    """The unique vectors [n, dim] of a modality, memory-mapped.

    Raises:
        ClibdError: where the file is missing, damaged or of another shape than the header says.
    """
    import numpy as np

    path = check_file(folder, header, vectors_file(modality))
    try:
        vectors: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # numpy reads the head of the file as Python words
        raise ClibdError(f"{path} is damaged: {error}", "Build the index anew.") from error
    shape = (header.keys[modality].vectors, header.dim)
    if vectors.shape != shape or vectors.dtype != np.dtype(header.dtype):
        raise ClibdError(
            f"{path} holds {vectors.dtype} of the shape {vectors.shape}, not {header.dtype} of "
            f"{shape}",
            "Build the index anew.",
        )
    return vectors


def open_graph(folder: Path, header: IndexHeader, modality: Modality) -> HnswIndex:
    """The HNSW graph of a modality, with the settings it was built with.

    Raises:
        ClibdError: where the file is missing or damaged, or hnswlib is not installed.
    """
    path = check_file(folder, header, graph_file(modality))
    keys = header.keys[modality]
    settings = HnswSettings(header.M or 0, header.ef_construction or 0, keys.ef or 0, header.seed)
    return HnswIndex.load(path, header.dim, keys.vectors, settings)
