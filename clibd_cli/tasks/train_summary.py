"""What a training run tells when it ends, on the screen, as JSON and in its run log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clibd_cli.tasks.train_course import Course
from clibd_cli.tasks.train_folder import LOG

if TYPE_CHECKING:
    from clibd_cli.tasks.train_experience import Experience
    from clibd_cli.training.collaborators import TrainResult
    from clibd_cli.training.example import Examples
    from clibd_cli.training.processes import Processes
    from clibd_cli.training.tower_start import TrainTowers


@dataclass(frozen=True, slots=True)
class TrainSummary:
    """What a `train` did.

    Attributes:
        model, fingerprint: the installed model; None where the run is not finished, and on all
            processes but the first.
        default, default_before: the model that commands use now, and the one that they used before
            this one was installed; None where there is none, or the run is not finished.
        folder, log, curves: of the run; `curves` is None without matplotlib.
        step, total: steps finished, and those of the whole run.
        resumed_at: steps that earlier calls had finished.
        finished: False where `stop_at` ended the run.
        stopped_early: whether `patience` ended it.
        best_step, value, metrics: of the validation whose weights the model has; 0, None and empty
            without one.
        loss: of the last step, None where there was none in this call.
        examples, queries, keys, skipped: specimens that taught, asked, were searched, and could
            not be used.
        modalities: of the model.
        trained_parameters, parameters: of the towers: those that change, and all.
        rate: rows a second, in steps.
        memory_mb: the most memory that the process, or its GPU, took.
        experience: what the installed model brings along; None as `model`.
    """

    model: str | None
    fingerprint: str | None
    default: str | None
    default_before: str | None
    folder: str
    log: str
    curves: str | None
    step: int
    total: int
    resumed_at: int
    finished: bool
    stopped_early: bool
    best_step: int
    value: float | None
    metrics: dict[str, float]
    loss: float | None
    examples: int
    queries: int
    keys: int
    skipped: int
    modalities: list[str]
    trained_parameters: int
    parameters: int
    dim: int
    device: str
    processes: int
    rate: float
    memory_mb: float
    seconds: float
    experience: Experience | None = None


def summarise(
    folder: Path,
    result: TrainResult,
    examples: Examples,
    towers: TrainTowers,
    course: Course,
    processes: Processes,
) -> TrainSummary:
    """The summary of a call, as far as it is known when training ends."""
    weights = [w for module in towers.modules.values() for w in module.parameters()]
    return TrainSummary(
        model=None,
        fingerprint=None,
        default=None,
        default_before=None,
        folder=str(folder),
        log=str(folder / LOG),
        curves=None,
        step=result.step,
        total=result.total,
        resumed_at=result.resumed_at,
        finished=result.finished,
        stopped_early=result.stopped_early,
        best_step=result.best_step,
        value=result.value,
        metrics=result.metrics,
        loss=result.loss,
        examples=len(examples.train),
        queries=len(examples.queries),
        keys=len(examples.keys),
        skipped=len(examples.skips),
        modalities=list(towers.modules),
        trained_parameters=sum(w.numel() for w in weights if w.requires_grad),
        parameters=sum(w.numel() for w in weights),
        dim=towers.dim,
        device=str(processes.device),
        processes=processes.world,
        rate=course.rate,
        memory_mb=course.memory_mb,
        seconds=0.0,
    )
