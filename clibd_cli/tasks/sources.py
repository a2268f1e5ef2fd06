"""Where references come from: stores as they are, and raw references that are embedded first.

Shared by the verbs that take references: `build-index` and `audit`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.tasks.embed import SKIPPED, EmbedSummary, default_store
from clibd_cli.tasks.inputs import Inputs
from clibd_cli.vectors.header import read_header
from clibd_cli.vectors.parts import common_facts, find_stores, is_store, part_paths

EmbedInto = Callable[[Inputs, Path], EmbedSummary]
"""Embeds inputs into a store."""


@dataclass(frozen=True, slots=True)
class PlannedSource:
    """What will be done with one of the sources.

    Attributes:
        stores: all stores that it contributes, the new one included.
        new_store: where its raw references will be embedded; None where it has none.
        raw: those raw references, with the tables of labels among them.
        ignored: files beside them that are of no use.
    """

    source: Path
    stores: tuple[Path, ...]
    new_store: Path | None = None
    raw: Inputs = field(default_factory=Inputs)
    ignored: tuple[Path, ...] = ()


def plan_sources(sources: Sequence[str], store_root: Path) -> list[PlannedSource]:
    """Decide, before anything is written, which sources are stores and which must be embedded.

    A folder may hold both: its stores are used, and its raw references are embedded into a store
    in `store_root`, which is never taken for one of its stores.

    Raises:
        ClibdError: where a source is neither.
    """
    plans: list[PlannedSource] = []
    taken: set[Path] = set()
    for source in map(Path, sources):
        if is_store(source):
            plans.append(PlannedSource(source, tuple(find_stores(source))))
            continue
        new_store = _free_name(store_root / default_store(str(source)), taken)
        taken.add(new_store)
        held = [s for s in find_stores(source) if s.resolve() != new_store.resolve()]
        raw, ignored = _raw_references(source)
        if raw.modalities:
            plans.append(PlannedSource(source, (new_store, *held), new_store, raw, ignored))
        elif held:
            plans.append(PlannedSource(source, tuple(held)))
        else:
            raise _no_references(source)
    return plans


def embed_raw(
    plans: Sequence[PlannedSource],
    labels: Sequence[str],
    embed_into: EmbedInto,
    progress: Progress = SILENT,
) -> list[EmbedSummary]:
    """Embed the raw references among the planned sources into their new stores.

    Args:
        embed_into: `embed` with the settings of the verb.

    Raises:
        ClibdError: where none of a source's records can be used, or its store holds others.
    """
    embedded: list[EmbedSummary] = []
    for planned in plans:
        if planned.new_store is None:
            continue
        for path in planned.ignored:
            progress.warn(f"{path} is neither barcodes nor labels: not used")
        raw = replace(planned.raw, labels=[*labels, *planned.raw.labels])
        done = embed_into(raw, planned.new_store)
        _refuse_useless(done, str(planned.source))
        embedded.append(done)
    return embedded


def refuse_labels_of_stores(labels: Sequence[str], plans: Sequence[PlannedSource]) -> None:
    """Labels are joined to references when these are embedded; a store has its own."""
    if labels and any(planned.new_store is None for planned in plans):
        raise UsageError(
            "--labels are for raw references, and one of the sources is a store",
            "Give them to `clibd embed`, which makes the store.",
        )


def model_at_hand(base: Path | None, plans: Sequence[PlannedSource]) -> str | None:
    """The model that the index to add to, or the stores among the sources, were made with."""
    if base is not None:
        return read_header(base).model
    ready = [store for planned in plans for store in planned.stores if part_paths(store)]
    return common_facts(ready).model if ready else None


def _free_name(store: Path, taken: set[Path]) -> Path:
    """`s.embeddings`, or `s-2.embeddings` where another source of this run has that."""
    name, n = store, 2
    while name in taken:
        name = store.with_name(f"{store.stem}-{n}{store.suffix}")
        n += 1
    return name


def _raw_references(source: Path) -> tuple[Inputs, tuple[Path, ...]]:
    """What a source holds besides stores, and the files in it that are of no use."""
    from clibd_cli.io.references import scan_references

    if not source.is_dir():
        return Inputs(dna=[str(source)] if source.is_file() else []), ()
    found = scan_references(source)
    raw = Inputs(
        dna=[str(path) for path in found.barcode_files],
        photos=[] if found.photo_root is None else [str(found.photo_root)],
        labels=[str(path) for path in found.label_tables],
    )
    return raw, tuple(found.ignored)


def _no_references(source: Path) -> ClibdError:
    if not source.exists():
        return ClibdError(f"{source} is neither a file nor a folder", "Check the spelling.")
    return ClibdError(
        f"{source} holds no embeddings, no photos and no barcodes",
        "A barcode file is FASTA or a table with a sequence column.",
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
            f"{done.store} holds {done.unvisited} specimens that are not in {source}: they were "
            "removed, or come from another folder of that name",
            "For another folder, make a store with `clibd embed --out` and index that; "
            "--overwrite empties the store and embeds the references anew.",
        )
