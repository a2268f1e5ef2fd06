"""`clibd build-index`: references of any kind to an index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from clibd_cli.calibration.curves import LearntFrom
from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.core.records import MODALITIES, Modality
from clibd_cli.tasks.annotating import build_calibrated
from clibd_cli.tasks.calibrations import calibrations_in
from clibd_cli.tasks.embed import EmbedSummary, embed
from clibd_cli.tasks.loading import open_model_of
from clibd_cli.tasks.sources import embed_raw, model_at_hand, plan_sources, refuse_labels_of_stores
from clibd_cli.vectors.builder import BuildPlan
from clibd_cli.vectors.header import IndexHeader, is_index, read_header
from clibd_cli.vectors.hnsw import HnswSettings
from clibd_cli.vectors.parts import find_stores, is_store

DEFAULT_INDEX = Path("clibd-index")


@dataclass(frozen=True, slots=True)
class IndexSummary:
    """What a `build-index` did.

    Attributes:
        repeated: reference rows that were there already.
        embedded: one summary for each source of raw references.
        calibrated: for each kind of query whose confidence is a probability, what that was learnt
            from (`Calibration.learnt_from`).
    """

    index: str
    header: IndexHeader
    repeated: int
    embedded: tuple[EmbedSummary, ...]
    calibrated: dict[Modality, LearntFrom]


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
    vectors: str | None = None,
    representatives: int | Mapping[Modality, int] | None = None,
    add: bool = False,
    overwrite: bool = False,
    labels: Sequence[str] = (),
    calibrate_with: Sequence[str] = (),
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
        kind: `exact`, `hnsw`, or `auto`: HNSW from 100,000 unique vectors of a modality on.
        m, ef_construction, ef: of the HNSW graphs; `ef` is raised until recall@1 is 0.999.
        threads: for building HNSW; with more than one the bytes differ from run to run.
        vectors: `float32` or `float16` on the disk; that of the stores if None.
        representatives: keep so many vectors of each species in each BIN at most, and neither
            barcodes nor paths: a library that can be given away. Numbers by modality say how many
            of each kind, 1 of those not named. None keeps all references.
        add: keep the references that `out` has, and add these.
        overwrite: replace an index of other references, and embed raw references anew.
        calibrate_with: embedding stores of labelled specimens that are not among the references
            and were not used to train the model; they tell how likely names are right. Where there
            are none, references are asked as if they were unknown.
        store_root: where the stores of raw references go; the working folder if None.

    Raises:
        ClibdError: where a source is neither, models differ, or `out` is in the way.
    """
    chosen = _representatives(representatives, add)
    if vectors not in (None, "float32", "float16"):
        raise UsageError(f"--vectors {vectors} is unknown", "Choose float32 or float16.")
    target = Path(out or DEFAULT_INDEX)
    plans = plan_sources(sources, Path(store_root or ""))
    wanted = [store for planned in plans for store in planned.stores]
    _refuse_to_lose(target, wanted, add, overwrite)
    refuse_labels_of_stores(labels, plans)
    embed_into = partial(
        embed,
        model=model or model_at_hand(target if add else None, plans),
        device=device,
        precision=precision,
        batch_size=batch_size,
        workers=workers,
        overwrite=overwrite,
        command=command,
        progress=progress,
    )
    embedded = embed_raw(plans, labels, embed_into, progress)
    settings = HnswSettings(m, ef_construction, ef, seed)
    plan = BuildPlan(kind, settings, threads, command, vectors, chosen)
    base = target if add else None
    asked = [store for source in calibrate_with for store in _stores_of(source)]
    open_dna = partial(open_model_of, device=device, precision=precision, modalities=("dna",))
    built = build_calibrated(wanted, target, plan, base, asked, open_dna, progress)
    learnt = {one.query: one.learnt_from for one in calibrations_in(target, built.header)}
    return IndexSummary(str(target), built.header, built.repeated, tuple(embedded), learnt)


def _stores_of(source: str) -> list[Path]:
    """The stores in a folder of labelled specimens.

    Raises:
        ClibdError: where it has none.
    """
    if not is_store(Path(source)):
        raise ClibdError(
            f"{source} is no embedding store",
            "Make one of labelled specimens with `clibd embed`, and give that to --calibrate-with.",
        )
    return find_stores(Path(source))


def _representatives(
    wanted: int | Mapping[Modality, int] | None, add: bool
) -> dict[Modality, int] | None:
    """How many vectors a group are kept of each modality; None where all are."""
    if wanted is None:
        return None
    if add:
        raise UsageError(
            "--representatives and --add exclude each other: they are chosen among all references",
            "Build the library from all its references at once.",
        )
    numbers = {m: wanted if isinstance(wanted, int) else wanted.get(m, 1) for m in MODALITIES}
    if min(numbers.values()) < 1:
        raise UsageError("--representatives is below 1", "Keep 1 or more of each group.")
    return numbers


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
