"""Building an index folder from embedding stores, or adding to one that stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from clibd_cli.core.atomic import atomic_folder, make_folder, naming, write_text
from clibd_cli.core.digest import sha256_file
from clibd_cli.core.errors import ClibdError
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.core.records import Modality
from clibd_cli.vectors.gather import STORE_COLUMNS, Gatherer
from clibd_cli.vectors.header import (
    HEADER,
    IndexHeader,
    KeySet,
    graph_file,
    read_header,
    vectors_file,
)
from clibd_cli.vectors.hnsw import HnswIndex, HnswSettings, hnsw_available
from clibd_cli.vectors.keys import KeyCounts
from clibd_cli.vectors.opening import open_graph
from clibd_cli.vectors.parts import common_facts, count_rows, read_rows, refuse_unfinished
from clibd_cli.vectors.recall import TARGET, Recall, tune_ef
from clibd_cli.vectors.representatives import keep_representatives
from clibd_cli.vectors.schema import StoreFacts

EXACT_BELOW = 100_000
"""With fewer unique vectors of a modality, exact search is the default: it takes less time than
encoding the query, and a graph would be paid back after some 50,000 queries only."""


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """How to build.

    Attributes:
        kind: `auto` (HNSW from `EXACT_BELOW` unique vectors on), `exact` or `hnsw`.
        threads: with more than one, HNSW graphs are no longer the same bytes every time.
        dtype: `float32` or `float16` for the vectors on the disk; None keeps that of the stores.
        representatives: by modality, the vectors that stand for a group of specimens at most, all
            others are left out (see `representatives.keep_representatives`); None keeps all.
        command: what the user typed, for the record.
    """

    kind: str = "auto"
    settings: HnswSettings = field(default_factory=HnswSettings)
    threads: int = 1
    command: str = ""
    dtype: str | None = None
    representatives: Mapping[Modality, int] | None = None


Annotate = Callable[[Path], Mapping[str, str]]
"""Looks at a finished index, and says which files of text belong beside it, by name."""


@dataclass(frozen=True, slots=True)
class _Base:
    """The index that is added to."""

    folder: Path
    header: IndexHeader


@dataclass(frozen=True, slots=True)
class Built:
    """What a build made.

    Attributes:
        repeated: rows left out because the same specimen with the same content was there already.
    """

    header: IndexHeader
    repeated: int


def build_index(
    stores: Sequence[Path],
    out: Path,
    plan: BuildPlan,
    base: Path | None = None,
    annotate: Annotate | None = None,
    progress: Progress = SILENT,
) -> Built:
    """Build an index over the unique vectors of `stores`; it appears in `out` when it is whole.

    Args:
        base: an index whose references are taken over first (`out` itself, to add to it).
        annotate: what else shall lie in the folder.

    Raises:
        ClibdError: where stores and base were made with different models, or one is damaged, or
            representatives shall be added to an index.
    """
    refuse_unfinished(stores)
    facts = common_facts(stores)
    with naming(out), _locked(out), atomic_folder(out) as folder:
        old = None if base is None else _read_base(base, facts, plan)
        # The vectors of a base must stay distinct, so they keep their number format.
        facts = replace(facts, dtype=old.header.dtype if old else plan.dtype or facts.dtype)
        with Gatherer(folder, facts.dim, facts.dtype) as gatherer:
            if old is not None:
                gatherer.take_over(old.folder, old.header)
            progress.begin("reading references", count_rows(stores))
            for rows in read_rows(stores, STORE_COLUMNS):
                gatherer.add(rows)
                progress.advance(rows.num_rows)
            counts = gatherer.finish()
        if not counts.vectors:
            raise ClibdError(f"{stores[0]} has no rows, so there is nothing to index")
        represented = None
        if plan.representatives is not None:
            represented = sum(counts.specimens.values())
            counts = _represent(folder, plan.representatives, stores, progress)
        keys = {m: _index(folder, m, counts, plan, old, progress) for m in counts.vectors}
        if not counts.labelled:
            progress.warn("no reference has a name: classify will name nothing (see --labels)")
        if gatherer.relabelled:
            progress.warn(
                f"{gatherer.relabelled:,} references are there already under another name, which "
                "is kept: --overwrite builds the index anew"
            )
        header = _header(folder, facts, keys, counts.labelled, represented, plan, stores, old)
        write_text(folder / HEADER, header.to_json())
        if notes := annotate(folder) if annotate else {}:
            for name, text in notes.items():
                write_text(folder / name, text)
            sums = {name: sha256_file(folder / name) for name in notes}
            header = replace(header, sha256=dict(sorted({**header.sha256, **sums}.items())))
            write_text(folder / HEADER, header.to_json())
    return Built(header, gatherer.repeated)


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """One build of an index at a time: the second would lose what the first adds."""
    from filelock import FileLock, Timeout

    make_folder(out.parent)
    lock = FileLock(out.with_name(f".{out.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ClibdError(f"another run of clibd is building {out}", "Wait for it.") from error
    try:
        yield
    finally:
        # Removed while it is held, so that nobody else's lock is; Windows does so on release.
        with suppress(OSError):
            Path(lock.lock_file).unlink()
        lock.release()


def _represent(
    folder: Path, n: Mapping[Modality, int], stores: Sequence[Path], progress: Progress
) -> KeyCounts:
    """Reduce the index in the making to its representatives."""
    progress.begin("choosing representatives", None)
    counts = keep_representatives(folder, n)
    if not counts.vectors:
        raise ClibdError(
            f"nothing in {stores[0]} has a name or a BIN, so there is nothing to represent",
            "Give the references names with --labels.",
        )
    return counts


def _read_base(base: Path, facts: StoreFacts, plan: BuildPlan) -> _Base:
    header = read_header(base)
    if plan.representatives is not None or plan.dtype not in (None, header.dtype):
        raise ClibdError(
            f"{base} keeps all its references, as {header.dtype}, when others are added",
            "Build an index anew to choose among all references, or to store them otherwise.",
        )
    if header.model_fingerprint != facts.fingerprint:
        raise ClibdError(
            f"{base} was made with {header.model} ({header.model_fingerprint[:12]}), the new "
            f"references with {facts.model} ({facts.fingerprint[:12]}): they cannot mix",
            f"Embed the new references with --model {header.model}.",
        )
    return _Base(base, header)


def _index(
    folder: Path,
    modality: Modality,
    counts: KeyCounts,
    plan: BuildPlan,
    old: _Base | None,
    progress: Progress,
) -> KeySet:
    """Make a modality searchable, and say how well."""
    vectors, specimens = counts.vectors[modality], counts.specimens[modality]
    before = old.header.keys.get(modality) if old else None
    if _kind(plan, vectors, before, progress) == "exact":
        return KeySet("exact", vectors, specimens)
    graph, recall = _build_graph(folder, modality, plan, old, progress)
    if recall.at_1 < TARGET:
        progress.warn(
            f"recall@1 of the {modality} keys is {recall.at_1:.4f} at ef {graph.settings.ef}, "
            f"below {TARGET}: some nearest keys will be missed; --exact misses none"
        )
    graph.save(folder / graph_file(modality))
    return KeySet("hnsw", vectors, specimens, graph.settings.ef, recall.at_1, recall.sample)


def _kind(plan: BuildPlan, vectors: int, before: KeySet | None, progress: Progress) -> str:
    if plan.kind != "auto":
        return plan.kind
    if vectors < EXACT_BELOW and (before is None or before.kind == "exact"):
        return "exact"
    if not hnsw_available():
        progress.warn(
            f"{vectors:,} keys would be searched faster with HNSW, but hnswlib is not installed "
            '(`pip install "clibd[hnsw]"`): the index is exact'
        )
        return "exact"
    return "hnsw"


def _build_graph(
    folder: Path, modality: Modality, plan: BuildPlan, old: _Base | None, progress: Progress
) -> tuple[HnswIndex, Recall]:
    """A graph over all keys, grown from that of the old index where there is one."""
    import numpy as np

    keys = np.load(folder / vectors_file(modality), mmap_mode="r", allow_pickle=False)
    before = old.header.keys.get(modality) if old else None
    if old and before and before.kind == "hnsw":
        graph = open_graph(old.folder, old.header, modality)
    else:
        graph = HnswIndex.empty(keys.shape[1], _settings(plan, old))
    progress.begin(f"linking {modality} keys", len(keys) - len(graph))
    graph.extend(keys[len(graph) :], plan.threads, progress.advance)
    return tune_ef(graph, keys, plan.settings.seed, progress.warn)


def _settings(plan: BuildPlan, old: _Base | None) -> HnswSettings:
    """All graphs of one index share M and ef_construction."""
    if old is None or old.header.M is None or old.header.ef_construction is None:
        return plan.settings
    return replace(plan.settings, m=old.header.M, ef_construction=old.header.ef_construction)


def _header(
    folder: Path,
    facts: StoreFacts,
    keys: dict[Modality, KeySet],
    labelled: int,
    represented: int | None,
    plan: BuildPlan,
    stores: Sequence[Path],
    old: _Base | None,
) -> IndexHeader:
    graphs = [k for k in keys.values() if k.kind == "hnsw"]
    settings = _settings(plan, old) if graphs else None
    return IndexHeader(
        model=facts.model,
        model_fingerprint=facts.fingerprint,
        dim=facts.dim,
        dtype=facts.dtype,
        counts={
            "vectors": sum(k.vectors for k in keys.values()),
            "specimens": sum(k.specimens for k in keys.values()),
            "labelled": labelled,
        },
        keys=keys,
        M=settings.m if settings else None,
        ef_construction=settings.ef_construction if settings else None,
        ef=max((k.ef or 0 for k in graphs), default=None),
        seed=plan.settings.seed,
        recall_at_1=min((k.recall_at_1 for k in graphs), default=1.0),
        sha256={path.name: sha256_file(path) for path in sorted(folder.iterdir())},
        sources=(*(old.header.sources if old else ()), *map(str, stores)),
        command=plan.command,
        representatives=_of(plan.representatives, keys),
        represented=represented,
    )


def _of(
    numbers: Mapping[Modality, int] | None, keys: Mapping[Modality, KeySet]
) -> dict[Modality, int] | None:
    """The numbers of the modalities that there are keys of."""
    return None if numbers is None else {modality: numbers[modality] for modality in keys}
