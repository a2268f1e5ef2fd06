"""What is written beside the vectors of an index when it is built: what it learnt of itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from clibd_cli.calibration.curves import FILE, Calibration, from_json, to_json
from clibd_cli.core.errors import ClibdError
from clibd_cli.core.progress import Progress
from clibd_cli.core.records import Modality
from clibd_cli.core.typed_json import BAD_JSON
from clibd_cli.models.experience import CALIBRATION_FILE, share_seen
from clibd_cli.tasks.calibrating import calibrate_index
from clibd_cli.tasks.loading import folder_of
from clibd_cli.tasks.strands import learn_strand
from clibd_cli.vectors.builder import BuildPlan, Built, build_index
from clibd_cli.vectors.header import KEYS, read_header
from clibd_cli.vectors.keys import read_keys

if TYPE_CHECKING:
    import numpy as np

    from clibd_cli.models.model import ClibdModel
    from clibd_cli.tasks.asking import Encode

    OpenModel = Callable[[str, str], ClibdModel]

_MOSTLY = 0.5
"""The share of photos known from the training from which the model's own calibration holds."""


def build_calibrated(
    stores: Sequence[Path],
    target: Path,
    plan: BuildPlan,
    base: Path | None,
    calibrate_with: Sequence[Path],
    open_model: OpenModel,
    progress: Progress,
) -> Built:
    """Build an index that knows how far its names can be trusted.

    Args:
        calibrate_with: stores of labelled specimens that are not among the references; where there
            are none, the references are asked themselves.
        open_model: that the stores were embedded with, by name and fingerprint; for pieces of
            barcodes.
    """
    with TemporaryDirectory() as scratch:
        whole = replace(plan, kind="exact", representatives=None)
        everything = held = None
        if plan.representatives is not None:  # which hold no barcodes, and few specimens to ask
            everything = Path(scratch) / "everything"
            build_index(stores, everything, whole, progress=progress)
        if calibrate_with:
            held = Path(scratch) / "held"
            build_index(list(calibrate_with), held, whole, progress=progress)

        def annotate(folder: Path) -> dict[str, str]:
            strand = learn_strand(everything or folder)
            encode = _barcode_encoder(everything or folder, open_model)
            found: list[Calibration] = []
            if held is not None:
                found = calibrate_index(
                    folder, held, held_out=True, encode=encode, progress=progress
                )
            known = {one.query for one in found}
            found += _own_calibrations(folder, everything, known, encode, progress)
            return {**strand, **({FILE: to_json(found)} if found else {})}

        return build_index(stores, target, plan, base, annotate, progress)


def _barcode_encoder(folder: Path, open_model: OpenModel) -> Encode | None:
    """What embeds barcodes as those of an index were; None where it has none, or no such model.

    The model is opened when the first barcodes come.
    """
    header = read_header(folder)
    if "dna" not in header.modalities:
        return None
    try:
        folder_of(header.model, header.model_fingerprint)
    except ClibdError:  # an index can be built from stores without their model
        return None

    def encode(barcodes: Sequence[str]) -> np.ndarray:
        return open_model(header.model, header.model_fingerprint).encode("dna", barcodes)

    return encode


def _own_calibrations(
    folder: Path,
    everything: Path | None,
    known: Collection[str],
    encode: Encode | None,
    progress: Progress,
) -> list[Calibration]:
    """What the references themselves tell of the kinds of queries that nothing is known of yet."""
    modalities = read_header(everything or folder).modalities
    missing = [modality for modality in modalities if modality not in known]
    if not missing:
        return []
    found = calibrate_index(folder, everything, queries=missing, encode=encode, progress=progress)
    if "image" not in missing:
        return found
    return _by_experience(found, folder, everything or folder, progress)


def _by_experience(
    found: list[Calibration], folder: Path, everything: Path, progress: Progress
) -> list[Calibration]:
    """The calibrations, but the model's own for photos that it was trained on.

    How far new species lie depends on how many there are to be near to: there, the references say
    it, where that is farther.

    Args:
        everything: the index that has all references, and their digests.
    """
    header = read_header(folder)
    try:
        model = folder_of(header.model, header.model_fingerprint)
    except ClibdError:  # an index can be built from stores without their model
        return found
    if share_seen(model, _digests(everything, "image")) < _MOSTLY:
        return found
    others = [one for one in found if one.query != "image"]
    path = model / CALIBRATION_FILE
    if not path.is_file():
        progress.warn(
            "the model was trained on most of these photos, so they seem easier to name than "
            "others will be: photos are not calibrated (--calibrate-with, or training with --split "
            "and photos that are kept back, changes that)"
        )
        return others
    try:
        known = from_json(path.read_text(encoding="utf-8"))
    except (OSError, *BAD_JSON) as error:
        raise ClibdError(f"{path} is damaged: {error}", "Install the model anew.") from error
    few = header.representatives is not None
    far = {one.keys: one.far for one in found if one.query == "image"}
    fitting = [
        replace(one, learnt_from="model", far=min(one.far, far.get(one.keys, one.far)))
        for one in known
        if one.representatives == few and set(one.keys) <= set(header.modalities)
    ]
    return [*others, *fitting]


def _digests(folder: Path, modality: Modality) -> list[str]:
    import pyarrow.compute as pc

    keys = read_keys(folder / KEYS, ["modality", "content_sha256"])
    kept = keys.filter(pc.equal(keys.column("modality"), modality))
    digests: list[str] = kept.column("content_sha256").to_pylist()
    return digests
