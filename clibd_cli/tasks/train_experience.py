"""What a trained model brings along: which photos it has seen, and how it fares with others.

An index of the photos that taught a model cannot tell from itself how far names of others can be
trusted: those that it was taught lie closer together. What a split keeps back can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from clibd_cli.calibration.curves import PER_SPECIES, Calibration, to_json
from clibd_cli.calibration.fitting import LEAST, Left
from clibd_cli.core.atomic import write_text
from clibd_cli.core.progress import Progress
from clibd_cli.models.experience import CALIBRATION_FILE, which_seen, write_seen
from clibd_cli.models.registry import read_card
from clibd_cli.tasks.held_out import are_enough, calibrate_photos, kinds_of
from clibd_cli.training.example import Example, Examples


@dataclass(frozen=True, slots=True)
class Experience:
    """What a model tells of its training.

    Attributes:
        photos_seen: distinct photos that it was trained on, with those of the model it began in.
        inherited: how many of them only that one was trained on.
        held_out: photos that were kept back from both, by what the taught photos lack of them: the
            `specimen` alone, its `species`, its `genus`. Of a species, some count.
        calibrations: how many kinds of references it can tell for how likely names of photos are
            right.
        uncalibrated: why for none; empty where there are some, or nothing to calibrate.
    """

    photos_seen: int = 0
    inherited: int = 0
    held_out: dict[Left, int] = field(default_factory=dict)
    calibrations: int = 0
    uncalibrated: str = ""


def bring_along(
    model: Path,
    examples: Examples,
    begun_in: Path | None,
    device: str,
    workers: int | None,
    progress: Progress,
) -> Experience:
    """Write into the folder `model` what it has seen, and what photos say that it has not seen.

    Whatever goes wrong with these, the model is as good without: the user is warned.

    Args:
        begun_in: the folder of the model that the image tower began in.
        device: where the photos are encoded.
    """
    if read_card(model).image is None:
        return Experience()
    own = {example.photo_sha256 for example in examples.train if example.photo_sha256}
    total = write_seen(model, own, begun_in)
    done = Experience(total, total - len(own))
    if not own:
        return done
    known = [e for e in (*examples.queries, *examples.keys) if e.photo and e.lineage.species]
    held = _not_seen(model, known)
    done = replace(done, held_out=kinds_of(held, _with_photo(examples.train)))
    if not are_enough(held, examples.train):
        return replace(done, uncalibrated=_too_few(known, held, done.held_out))
    try:
        found = _calibrated(model, examples, held, device, workers, progress)
    except Exception as error:  # whatever it is: hours of training are not lost to it
        why = f"the photos that were kept back cannot be asked: {error}"
        progress.warn(why)
        return replace(done, uncalibrated=why)
    if not found:
        return replace(done, uncalibrated=_too_few(known, held, done.held_out))
    write_text(model / CALIBRATION_FILE, to_json(found))
    return replace(done, calibrations=len(found))


def _calibrated(
    model: Path,
    examples: Examples,
    held: Sequence[Example],
    device: str,
    workers: int | None,
    progress: Progress,
) -> list[Calibration]:
    from clibd_cli.models.model import load_model

    # As stores are made with it: its weights may be kept as float16.
    loaded = load_model(model, device)
    return calibrate_photos(loaded, examples.train, held, model, workers, progress)


def _with_photo(examples: Sequence[Example]) -> list[Example]:
    return [example for example in examples if example.photo]


def _not_seen(model: Path, examples: Sequence[Example]) -> list[Example]:
    """Of each content one example, where the model was not trained on it."""
    distinct = {digest: example for example in examples if (digest := example.photo_sha256)}
    seen = which_seen(model, list(distinct))
    return [e for e, known in zip(distinct.values(), seen.tolist(), strict=True) if not known]


def _too_few(known: Sequence[Example], held: Sequence[Example], kinds: dict[Left, int]) -> str:
    if not known:
        return "no photo with a species was kept back from training (see --split)"
    if not held:
        return "all photos that were kept back are among those that the model was trained on"
    return (
        f"of {len(held):,} photos that were kept back, {kinds['specimen']:,} are of taught species "
        f"and {kinds['species']:,} of new species in taught genera ({PER_SPECIES} of a species "
        f"count); of each {LEAST} are needed"
    )
