"""`index.json`: what an index is, read and checked before any of its other files is opened."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clibd_cli.core.digest import sha256_file
from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import MODALITIES, Modality
from clibd_cli.core.seal import sealed, unsealed
from clibd_cli.core.typed_json import BAD_JSON, read_as
from clibd_cli.core.version import __version__

FORMAT_VERSION = 2
"""Version 1, which is still read, had no checksum of `index.json` itself."""

HEADER = "index.json"
_FILE_NAME = re.compile(r"[\w.-]+")
_MOST = 1 << 40
KEYS = "keys.parquet"


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of one modality.

    Attributes:
        kind: `exact` or `hnsw`.
        vectors, specimens: how many unique vectors stand for how many reference specimens.
        ef: width of the HNSW search, None for exact.
        recall_at_1: against exact search over `recall_sample` keys; 1.0 for exact.
    """

    kind: str
    vectors: int
    specimens: int
    ef: int | None = None
    recall_at_1: float = 1.0
    recall_sample: int = 0


@dataclass(frozen=True, slots=True)
class IndexHeader:
    """The facts of an index folder.

    Attributes:
        M, ef_construction, ef, seed, recall_at_1: of the HNSW graphs (the widest `ef` and the
            lowest recall where there are several); None, or 1.0, where all keys are exact.
        sha256: of every other file in the folder.
        sources: the stores that it was built from, as given.
        representatives: by modality, how many vectors stand for a group of specimens at most,
            where the index holds no others (see `representatives`); None where it holds all.
        represented: the specimens that they were chosen from.
    """

    model: str
    model_fingerprint: str
    dim: int
    dtype: str
    counts: dict[str, int]
    keys: dict[Modality, KeySet]
    M: int | None
    ef_construction: int | None
    ef: int | None
    seed: int
    recall_at_1: float
    sha256: dict[str, str]
    sources: tuple[str, ...]
    command: str = ""
    representatives: dict[Modality, int] | None = None
    represented: int | None = None
    metric: str = "cosine"
    tool_version: str = __version__
    format_version: int = FORMAT_VERSION

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The kinds of keys that the index has."""
        return tuple(m for m in MODALITIES if m in self.keys)

    def to_json(self) -> str:
        """The header as indented JSON, with its checksum."""
        return sealed(asdict(self))


def vectors_file(modality: Modality) -> str:
    """The name of the array with a modality's unique vectors."""
    return f"vectors.{modality}.npy"


def graph_file(modality: Modality) -> str:
    """The name of a modality's HNSW graph."""
    return f"hnsw.{modality}.bin"


def is_index(folder: Path) -> bool:
    """Whether `folder` is an index."""
    return (folder / HEADER).is_file()


def read_header(folder: Path) -> IndexHeader:
    """Read `index.json`.

    Raises:
        ClibdError: where there is none, it is damaged, or it comes from a newer clibd.
    """
    path = folder / HEADER
    try:
        facts: dict[str, Any] = unsealed(path.read_text(encoding="utf-8"))
        if facts["format_version"] > FORMAT_VERSION:
            raise ClibdError(f"{folder} was written by a newer clibd", "Update clibd.")
        header: IndexHeader = read_as(IndexHeader, facts)
        if (problem := next(_problems(header), None)) is not None:
            raise ValueError(problem)
        return header
    except OSError as error:
        raise ClibdError(
            f"there is no index in {folder}", "Build one with `clibd build-index REFERENCES`."
        ) from error
    except BAD_JSON as error:
        raise ClibdError(f"{path} is damaged: {error}", "Build the index anew.") from error


def _problems(header: IndexHeader) -> Iterator[str]:
    """What cannot be, although it is of the right type."""
    if not header.keys:
        yield "it names no keys"
    if header.dtype not in ("float32", "float16"):
        yield f"its vectors are of {header.dtype}"
    widths = (header.dim, header.M, header.ef_construction, header.ef)
    of_keys = (number for k in header.keys.values() for number in (k.vectors, k.ef))
    for number in (*widths, *of_keys):
        if number is not None and not 0 < number < _MOST:
            yield f"one of its sizes is {number}"
    for name in header.sha256:
        if name in (".", "..") or not _FILE_NAME.fullmatch(name):
            yield f"{name!r} is no file beside it"


def check_file(folder: Path, header: IndexHeader, name: str) -> Path:
    """The path of one of the index's files, once its SHA-256 agrees with the header.

    Raises:
        ClibdError: where the file is missing or was changed.
    """
    path = folder / name
    if name not in header.sha256 or not path.is_file():
        raise ClibdError(f"{path} is missing", "Build the index anew.")
    if sha256_file(path) != header.sha256[name]:
        raise ClibdError(
            f"{path} is damaged: its SHA-256 is not the one in {HEADER}", "Build the index anew."
        )
    return path
