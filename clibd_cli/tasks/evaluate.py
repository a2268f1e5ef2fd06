"""`clibd evaluate`: any model or table of names, measured by the paper's protocol."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.core.records import MODALITIES, Modality
from clibd_cli.tasks.evaluation import Comparison, Evaluation, compare
from clibd_cli.tasks.evaluation_features import KEY_FEATURES, QUERY_FEATURES, Feature, Specimens
from clibd_cli.tasks.evaluation_stores import (
    Side,
    judge_features,
    read_specimens_of,
    sample_space,
    take_sides,
)
from clibd_cli.tasks.evaluation_tables import Part, judge_tables

if TYPE_CHECKING:
    from clibd_cli.io.roles import RoleTable
    from clibd_cli.tasks.inputs import Inputs


def evaluate_tables(
    predictions: str | Path,
    truth: str | Path,
    *,
    split: str | Path | None = None,
    part: Part | None = None,
) -> Evaluation:
    """Measure a table of predicted names against a table of true ones.

    Both have the columns `specimen_id, order, family, genus, species`, as `clibd classify` writes
    them; `io.predictions` tells how further candidates are given. Names must be equal after
    `core.lineage` has cleaned them. A blank or missing prediction is wrong; a specimen without a
    true name at a rank does not count there.

    Args:
        split: a table with `specimen_id`, `split` and `seen`, as `clibd split` writes it: only
            queries count, seen and unseen ones apart.
        part: `test`, `val` or `all`; by default test queries, or validation where there are none.

    Raises:
        ClibdError: where a table cannot be used, or they have nothing in common.
    """
    from clibd_cli.io.predictions import read_predictions, read_truth

    roles = _read_roles(split)
    judged, counts = judge_tables(read_predictions(predictions), read_truth(truth), roles, part)
    facts = _facts(predictions=[predictions], truth=[truth], split=[split] if split else [])
    return Evaluation((compare(judged),), facts, counts)


def evaluate_stores(
    queries: Sequence[str | Path],
    keys: Sequence[str | Path] | None = None,
    query_features: Sequence[str] | None = None,
    key_features: Sequence[str] | None = None,
    *,
    split: str | Path | None = None,
    part: Part | None = None,
    progress: Progress = SILENT,
) -> Evaluation:
    """Measure a model by the embeddings of labelled specimens.

    Each query is named by its nearest keys (exact cosine search); its own vectors are never among
    them. Features that the specimens have are compared in every combination of equal width.

    Args:
        queries, keys: embedding stores or folders of them; without `keys`, the same ones.
        query_features: of `QUERY_FEATURES`; all that exist if None.
        key_features: of `KEY_FEATURES`; all that exist if None.
        split, part: as in `evaluate_tables`; the split also says who is a key.

    Raises:
        ClibdError: where a store cannot be read, models differ, or there is nothing to compare.
    """
    features = (query_features, key_features)
    return _measure(queries, keys, MODALITIES, features, split, part, progress)


def evaluate_inputs(
    inputs: Inputs,
    query_features: Sequence[str] | None = None,
    key_features: Sequence[str] | None = None,
    *,
    split: str | Path | None = None,
    part: Part | None = None,
    model: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    batch_size: int | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    command: str = "",
    progress: Progress = SILENT,
) -> Evaluation:
    """Embed labelled photos, barcodes and names, then measure them as `evaluate_stores` does.

    The embeddings go to the store that `embed` would make; a second run goes on from it.

    Raises:
        ClibdError: where inputs cannot be used, or the store holds specimens that are not in them.
    """
    from clibd_cli.tasks.embed import default_store, embed

    store = default_store(inputs.first)
    done = embed(
        inputs,
        store,
        model=model,
        device=device,
        precision=precision,
        batch_size=batch_size,
        workers=workers,
        overwrite=overwrite,
        command=command,
        progress=progress,
    )
    if done.unvisited:
        raise ClibdError(
            f"{store} holds {done.unvisited:,} specimens that are not among these inputs",
            "--overwrite embeds them anew.",
        )
    # An earlier run may have left other kinds of vectors in the store: they are not asked for.
    features = (query_features, key_features)
    return _measure([store], None, inputs.modalities, features, split, part, progress)


def _measure(
    queries: Sequence[str | Path],
    keys: Sequence[str | Path] | None,
    modalities: Sequence[Modality],
    features: tuple[Sequence[str] | None, Sequence[str] | None],
    split: str | Path | None,
    part: Part | None,
    progress: Progress,
) -> Evaluation:
    from clibd_cli.vectors.parts import common_facts

    asking = _stores(queries)
    asked = asking if keys is None else _stores(keys)
    roles = _read_roles(split)
    facts = common_facts([*asking, *asked])
    progress.begin("reading embeddings", None)
    query_specimens = read_specimens_of(asking, facts, modalities)
    key_specimens = (
        query_specimens if asked == asking else read_specimens_of(asked, facts, modalities)
    )
    sides = take_sides(query_specimens, key_specimens, roles, part)
    comparisons = _compare_all(*sides, *features, progress)
    shown = {"model": facts.model, "fingerprint": facts.fingerprint}
    shown |= _facts(queries=queries, keys=keys or queries, split=[split] if split else [])
    counts = _counts(sides[0], query_specimens, key_specimens)
    return Evaluation(comparisons, shown, counts, sample_space(sides[0]))


def _compare_all(
    queries: Side,
    keys: Side,
    names: dict[str, list[str]],
    query_features: Sequence[str] | None,
    key_features: Sequence[str] | None,
    progress: Progress,
) -> tuple[Comparison, ...]:
    asking = _features(queries, query_features, QUERY_FEATURES, "query")
    asked = _features(keys, key_features, KEY_FEATURES, "key")
    pairs = [
        (query, key)
        for query in asking
        for key in asked
        if asking[query].vectors.shape[1] == asked[key].vectors.shape[1]
    ]
    if not pairs:
        raise ClibdError(
            f"{', '.join(asking)} queries cannot be compared with {', '.join(asked)} keys",
            "`concat` is twice as wide as the others: it goes with itself only.",
        )
    progress.begin("searching", sum(len(asking[query].vectors) for query, _ in pairs))
    return tuple(
        compare(
            judge_features(queries, asking[query], keys, asked[key], names, progress),
            query,
            key,
            len(asked[key].vectors),
        )
        for query, key in pairs
    )


def _features(
    side: Side, wanted: Sequence[str] | None, known: Sequence[str], what: str
) -> dict[str, Feature]:
    """The wanted features, or all that exist."""
    unknown = [name for name in wanted or () if name not in known]
    if unknown:
        raise UsageError(f"{unknown[0]!r} is no {what} feature", f"Choose from {', '.join(known)}.")
    found = side.features([name for name in known if wanted is None or name in wanted])
    missing = [name for name in wanted or () if name not in found]
    if missing or not found:
        raise ClibdError(
            f"the {what} specimens have no feature {', '.join(missing) or 'at all'}, only "
            f"{', '.join(side.features(known)) or 'none'}",
            "`mean` and `concat` need a photo and a barcode with the same specimen id.",
        )
    return found


def _stores(folders: Sequence[str | Path]) -> list[Path]:
    from clibd_cli.vectors.parts import find_stores

    found: list[Path] = []
    for folder in map(Path, folders):
        stores = find_stores(folder) if folder.is_dir() else []
        if not stores:
            raise ClibdError(f"{folder} is no embedding store", "Make one with `clibd embed`.")
        found.extend(stores)
    return found


def _read_roles(split: str | Path | None) -> RoleTable | None:
    from clibd_cli.io.roles import read_roles

    return None if split is None else read_roles(split)


def _facts(**sources: Sequence[str | Path]) -> dict[str, str]:
    """What was read, in printable words; what was not given is left out."""
    from clibd_cli.io.names import printable

    return {what: ", ".join(map(printable, names)) for what, names in sources.items() if names}


def _counts(queries: Side, asking: Specimens, asked: Specimens) -> dict[str, int]:
    repeated = asking.repeated + (0 if asked is asking else asked.repeated)
    counts = {"repeated": repeated}
    if queries.seen is not None:
        counts["neither_seen_nor_unseen"] = int((queries.seen[queries.chosen] < 0).sum())
    return {name: count for name, count in counts.items() if count}
