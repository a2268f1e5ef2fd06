"""`clibd build-index`: references of any kind to an index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.tasks.embed import SKIPPED, EmbedSummary, default_store, embed
from clibd_cli.tasks.inputs import Inputs
from clibd_cli.vectors.builder import BuildPlan
from clibd_cli.vectors.builder import build_index as build_from_stores
from clibd_cli.vectors.header import IndexHeader, is_index, read_header
from clibd_cli.vectors.hnsw import HnswSettings
from clibd_cli.vectors.parts import find_stores

DEFAULT_INDEX = Path("clibd-index")


@dataclass(frozen=True, slots=True)
class IndexSummary:
    """What a `build-index` did.

    Attributes:
        repeated: reference rows that were there already.
        embedded: one summary for each source of raw references.
    """

    index: str
    header: IndexHeader
    repeated: int
    embedded: tuple[EmbedSummary, ...]


def build_index(
    sources: Sequence[str],
    out: str | Path | None = None,
    *,
    kind: str = "auto",
    m: int = 24,
    ef_construction: int = 200,
    ef: int = 64,
    seed: int = 0,
    threads: int = 1,
    add: bool = False,
    overwrite: bool = False,
    labels: Sequence[str] = (),
    model: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    batch_size: int | None = None,
    workers: int | None = None,
    store_root: str | Path | None = None,
    command: str = "",
    progress: Progress = SILENT,
) -> IndexSummary:
    """Build the index `out` from embedding stores, folders of them, and raw references.

    Raw references (a folder of photos and barcode files, or a barcode file) are embedded first,
    into a store in the working folder, which a second run goes on from.

    Args:
        kind: `exact`, `hnsw`, or `auto`: HNSW from 50,000 unique vectors of a modality on.
        m, ef_construction, ef: of the HNSW graphs; `ef` is raised until recall@1 is 0.999.
        threads: for building HNSW; with more than one the bytes differ from run to run.
        add: keep the references that `out` has, and add these.
        overwrite: replace an index of other references, and embed raw references anew.
        store_root: where the stores of raw references go; the working folder if None.

    Raises:
        ClibdError: where a source is neither, models differ, or `out` is in the way.
    """
    target = Path(out or DEFAULT_INDEX)
    stores_of = {source: _stores(source, store_root) for source in sources}
    wanted = [store for stores in stores_of.values() for store in stores]
    _refuse_to_lose(target, wanted, add, overwrite)
    embedded: list[EmbedSummary] = []
    for source, (store, *_) in stores_of.items():
        if _is_raw(source):
            done = embed(
                raw_inputs(Path(source), labels, progress),
                store,
                model=model or (read_header(target).model if add else None),
                device=device,
                precision=precision,
                batch_size=batch_size,
                workers=workers,
                overwrite=overwrite,
                command=command,
                progress=progress,
            )
            _refuse_useless(done, source)
            embedded.append(done)
    plan = BuildPlan(kind, HnswSettings(m, ef_construction, ef, seed), threads, command)
    base = target if add else None
    built = build_from_stores(wanted, target, plan, base, progress)
    return IndexSummary(str(target), built.header, built.repeated, tuple(embedded))


def raw_inputs(source: Path, labels: Sequence[str], progress: Progress) -> Inputs:
    """What a source of raw references holds.

    Raises:
        ClibdError: where there is nothing to use in it.
    """
    from clibd_cli.io.references import scan_references

    if source.is_file():
        return Inputs(dna=[str(source)], labels=labels)
    if not source.is_dir():
        raise ClibdError(f"{source} is neither a file nor a folder", "Check the spelling.")
    found = scan_references(source)
    if not found.barcode_files and found.photo_root is None:
        raise ClibdError(
            f"{source} holds no embeddings, no photos and no barcodes",
            "A barcode file is FASTA or a table with a sequence column.",
        )
    for path in found.ignored:
        progress.warn(f"{path} is neither barcodes nor labels: not used")
    return Inputs(
        dna=[str(path) for path in found.barcode_files],
        photos=[] if found.photo_root is None else [str(found.photo_root)],
        labels=[*labels, *map(str, found.label_tables)],
    )


def _is_raw(source: str) -> bool:
    return not (Path(source).is_dir() and find_stores(Path(source)))


def _stores(source: str, store_root: str | Path | None) -> list[Path]:
    """The stores that a source is, holds, or will be embedded into."""
    if _is_raw(source):
        return [Path(store_root or "") / default_store(source)]
    return find_stores(Path(source))


def _refuse_to_lose(target: Path, stores: Sequence[Path], add: bool, overwrite: bool) -> None:
    """An index of other references is replaced only on request."""
    if add and overwrite:
        raise UsageError("--add and --overwrite exclude each other", "Choose one.")
    if add:
        read_header(target)
    elif not is_index(target):
        if target.is_file() or (target.is_dir() and any(target.iterdir())):
            raise ClibdError(f"{target} is no index, but it is in the way", "Give another --out.")
    elif not overwrite and set(read_header(target).sources) != set(map(str, stores)):
        raise ClibdError(
            f"{target} is an index of other references",
            "--add adds these references to it, --overwrite replaces it, --out goes elsewhere.",
        )


def _refuse_useless(done: EmbedSummary, source: str) -> None:
    """An index without references, or with some that are gone, would silently mislead."""
    if not done.n:
        raise ClibdError(
            f"none of the {done.skipped:,} records in {source} can be used",
            f"The reasons are in {Path(done.store) / SKIPPED}.",
        )
    if done.unvisited:
        raise ClibdError(
            f"{done.store} holds {done.unvisited} specimens that are no longer in {source}",
            "--overwrite embeds the references anew.",
        )
