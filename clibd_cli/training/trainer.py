"""The training loop: steps, validations and checkpoints, on one process or several.

All that is random follows from the seed and the number of the step. So a run that was stopped, by
Ctrl-C, a crash or `stop_at`, goes on to the same weights as one that was not, also from the middle
of an epoch (on the same device, with the same number of processes).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.core.records import Modality
from clibd_cli.models.device import choose_precision, default_batch_size, torch_dtype
from clibd_cli.training import run_checks
from clibd_cli.training.casting import Towers, encode_unit
from clibd_cli.training.collaborators import Batch, Feed, Plan, TrainResult, Validate, closed
from clibd_cli.training.interrupts import uninterrupted
from clibd_cli.training.journal import Journal
from clibd_cli.training.losses import BatchTargets, Objective
from clibd_cli.training.memory import peak_memory_mb
from clibd_cli.training.optimiser import OneCycleAdamW
from clibd_cli.training.processes import Processes
from clibd_cli.training.run_state import RunFiles, Standing, Weights, identity_of
from clibd_cli.training.settings_fields import TrainSettings
from clibd_cli.training.starting import Readable, Start, read_start
from clibd_cli.training.step import StepLoss, StepOptions, compute_gradients, seeded
from clibd_cli.training.targets import make_targets
from clibd_cli.training.timetable import Timetable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def train(
    settings: TrainSettings,
    examples: Sequence[Readable],
    plan: Plan,
    towers: Towers,
    feed: Feed,
    validate: Validate | None,
    *,
    folder: Path,
    journal: Journal,
    processes: Processes | None = None,
    progress: Progress = SILENT,
    asked: str = "",
) -> TrainResult:
    """Train `towers` in place, or go on where the checkpoint in `folder` ends.

    Args:
        examples: those that are taught, which the rows of the batches count.
        feed: called once, with the first and the last step of this call.
        validate: called by the first process alone.
        folder: for the checkpoints; with several processes, one that all of them can read.
        asked: what tells the data that `validate` measures on from others (`targets.digest_of`).

    Raises:
        ClibdError: where a checkpoint is of another run, or of one that has ended and would be
            judged anew, the loss is not finite, or a metric is not among those measured.
        KeyboardInterrupt: at Ctrl-C. As after any error but a loss that is not finite, the
            checkpoint is then that of the last finished step.
    """
    together = processes or Processes()
    with seeded(f"{settings.seed} objective", together.device):
        validates = validate is not None and settings.validate_every > 0
        run_checks.check_run(settings, towers, validates)
        run = _Run(settings, examples, plan, towers, folder, journal, together, progress, asked)
        return run.go(feed, validate if validates else None)


class _Run:
    """A run and everything that it holds."""

    def __init__(
        self,
        settings: TrainSettings,
        examples: Sequence[Readable],
        plan: Plan,
        towers: Towers,
        folder: Path,
        journal: Journal,
        processes: Processes,
        progress: Progress,
        asked: str,
    ) -> None:
        self._settings = settings
        self._asked = asked
        self._targets = make_targets(examples, settings.label)
        self._times = Timetable.of(settings, plan)
        self._processes = processes
        self._progress = progress if processes.first else SILENT
        if processes.notice:
            self._progress.warn(processes.notice)
        self._journal = journal if processes.first else Journal(None)
        self._towers = towers
        for module in towers.modules.values():
            module.to(processes.device)
            # Before the anchors are read, which must be the same on all processes.
            processes.share_from_first(module.state_dict().values())
        identity = identity_of(settings, self._targets.digest, towers.starts)
        self._files = RunFiles(folder, identity)
        self._start = self._read_start(examples)
        objective = Objective(settings, self._targets.sizes, towers.dim)
        objective.begin_at(self._start.proxies)
        objective.to(processes.device)
        self._weights = Weights(towers.modules, objective)
        self._optimiser = OneCycleAdamW(towers.modules, objective, settings, self._times.total)
        precision = choose_precision(settings.precision, processes.device)
        self._options = StepOptions(
            settings.micro_batch, settings.gradient_caching, torch_dtype(precision), settings.seed
        )
        self._standing = Standing()
        self._loss: float | None = None
        self._whole = True  # no update of the weights is half done

    def go(self, feed: Feed, validate: Validate | None) -> TrainResult:
        self._resume()
        begun = self._standing.step
        try:
            self._train(feed, validate)
        except BaseException:  # Ctrl-C, or a photo that is gone: nothing that was done is lost
            if self._whole:
                self._save()
            raise
        return self._result(begun)

    def _read_start(self, examples: Sequence[Readable]) -> Start:
        """Anchors and proxies; none for a run that has no step left, whatever they would cost."""
        before = self._files.standing()
        if before is not None:
            run_checks.check_judged(before, self._settings.metric, self._asked, self._times.total)
            before.judge_by(self._settings.metric, self._settings.patience, self._asked)
            if before.stopped or before.step >= self._times.end:
                return Start()
        return read_start(self._settings, examples, self._targets, self._towers, self._progress)

    def _resume(self) -> None:
        self._standing = self._files.load(self._weights, self._optimiser) or Standing()
        if self._processes.agree([self._standing.step]) != [self._standing.step]:
            raise ClibdError(
                f"the processes see different checkpoints in {self._files.folder}",
                "Give a folder that all machines share.",
            )
        run_checks.warn_of_forgotten(
            self._standing, self._settings.metric, self._asked, self._progress
        )
        self._standing.judge_by(self._settings.metric, self._settings.patience, self._asked)
        # Bit-equal on all processes, whatever the towers were made from.
        for module in (*self._weights.towers.values(), self._weights.objective):
            self._processes.share_from_first(module.state_dict().values())
        self._journal.rewind(
            self._standing.step, self._standing.validated or self._standing.step - 1
        )

    def _train(self, feed: Feed, validate: Validate | None) -> None:
        standing = self._standing
        self._towers.set_training(True)
        self._after_step(validate, resumed=True)
        if standing.stopped or standing.step >= self._times.end:
            return
        self._begin_epoch()
        with closed(iter(feed(standing.step, self._times.end))) as batches:
            while standing.step < self._times.end and not standing.stopped:
                self._one_step(batches)
                self._after_step(validate)

    def _one_step(self, batches: Iterator[Batch]) -> None:
        started = time.perf_counter()
        batch = next(batches)
        waited = time.perf_counter() - started
        step = self._standing.step
        rows = {m: r for m, r in batch.rows.items() if m in self._towers.modules}
        found = compute_gradients(
            step,
            batch.items,
            {m: len(r) for m, r in rows.items()},
            BatchTargets.of(self._targets, rows, self._processes.device, self._start.anchors),
            self._towers,
            self._weights.objective,
            self._options,
            self._processes,
        )
        with uninterrupted():
            self._whole = False
            gradient = self._optimiser.update(step)
            self._weights.objective.bound_scales()
            numbers = (found.loss, gradient, self._weights.objective.temperature)
            run_checks.check_finite(numbers, step + 1, self._files.folder)
            self._standing.step += 1
            self._loss = found.loss
            self._whole = True
            times = (time.perf_counter() - started, waited)
            self._log_step(found, gradient, sum(map(len, rows.values())), times)
        self._progress.advance()

    def _after_step(self, validate: Validate | None, resumed: bool = False) -> None:
        """Validate, save and begin an epoch, each where it is time for it."""
        standing, times = self._standing, self._times
        validated = False
        if validate is not None and times.validates_after(standing.step, standing.validated):
            self._validate(validate)
            validated = True
        at_end = standing.step >= times.end or standing.stopped
        if validated or (not resumed and (at_end or times.saves_after(standing.step))):
            self._save()
        if not resumed and not at_end and times.ends_epoch(standing.step):
            self._begin_epoch()

    def _validate(self, validate: Validate) -> None:
        started = time.perf_counter()
        standing = self._standing
        metrics: dict[str, float] = {}
        if self._processes.first:
            self._towers.set_training(False)
            metrics = validate(self._encode)
            self._towers.set_training(True)
        with uninterrupted():
            if metrics:
                self._judge(metrics, time.perf_counter() - started)
            standing.validated = standing.step
        standing.stopped = bool(self._processes.agree([standing.stopped])[0])

    def _judge(self, metrics: dict[str, float], seconds: float) -> None:
        standing, value = self._standing, self._standing.value_of(metrics)
        is_best = standing.is_best(value)
        if is_best:  # kept before it is noted: a run that ends here validates again
            self._files.save_best(self._weights)
        standing.judge(value, metrics, self._settings.patience)
        step = standing.step
        facts: dict[str, Any] = {"step": step, "epoch": self._times.epoch_of(step)}
        facts |= {"value": value, "best": is_best, "metrics": metrics}
        self._journal.write("validation", {**facts, "seconds": round(seconds, 3)})

    def _encode(self, modality: Modality, items: Sequence[Any]) -> NDArray[np.float32]:
        batch = self._settings.micro_batch or default_batch_size(modality, self._processes.device)
        return encode_unit(self._towers, modality, items, self._options.dtype, batch)

    def _save(self) -> None:
        if self._processes.first:
            with uninterrupted():
                self._files.save(self._standing, self._weights, self._optimiser)

    def _log_step(
        self, found: StepLoss, gradient: float, rows: int, times: tuple[float, float]
    ) -> None:
        step = self._standing.step
        facts: dict[str, Any] = {"step": step, "epoch": self._times.epoch_of(step)}
        facts |= {"loss": found.loss, **found.parts}
        facts |= {
            "rates": self._optimiser.rates(step - 1),
            "temperature": self._weights.objective.temperature,
            "gradient": gradient,
            "rows": rows,
            "rows_per_second": round(rows / max(times[0], 1e-9), 2),
            "seconds": round(times[0], 4),
            "waited": round(times[1], 4),
            "memory_mb": peak_memory_mb(self._processes.device),
        }
        self._journal.write("step", facts)

    def _begin_epoch(self) -> None:
        finished, times = self._standing.step, self._times
        loss = "" if self._loss is None else f", loss {self._loss:.3f}"
        epoch = f"epoch {times.epoch_of(finished + 1)} of {times.epochs}{loss}"
        self._progress.begin(epoch, times.left_in_epoch(finished))

    def _result(self, begun: int) -> TrainResult:
        standing = self._standing
        finished = standing.stopped or standing.step >= self._times.total
        if finished and self._processes.agree([standing.best is not None])[0]:
            self._files.load_best(self._weights)
        self._towers.set_training(False)
        return TrainResult(
            step=standing.step,
            total=self._times.total,
            resumed_at=begun,
            finished=finished,
            stopped_early=standing.stopped,
            best_step=standing.best_step,
            value=standing.best,
            metrics=dict(standing.metrics),
            loss=self._loss,
            logit_scale=self._weights.objective.log_scale.item(),
        )
