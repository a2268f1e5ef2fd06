"""`clibd train`: a model from a recipe, put up like any other."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.models.home import locate_home
from clibd_cli.tasks.train_course import Course, ToldJournal
from clibd_cli.tasks.train_folder import CURVES, LOG, SKIPPED, RunFolder
from clibd_cli.training.settings_fields import TrainSettings

if TYPE_CHECKING:
    from clibd_cli.models.cards import ModelCard
    from clibd_cli.training.collaborators import TrainResult, Validate
    from clibd_cli.training.example import Examples
    from clibd_cli.training.processes import Processes
    from clibd_cli.training.tower_start import TrainTowers

Watch = Callable[[Mapping[str, Any]], None]
"""Told each line of the run's log, with `total`: the steps of the whole run."""


@dataclass(frozen=True, slots=True)
class TrainSummary:
    """What a `train` did.

    Attributes:
        model, fingerprint: the installed model; None where the run is not finished, and on all
            processes but the first.
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
    """

    model: str | None
    fingerprint: str | None
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


def train(
    settings: TrainSettings,
    *,
    overwrite: bool = False,
    home: Path | None = None,
    command: str = "",
    progress: Progress = SILENT,
    watch: Watch | None = None,
) -> TrainSummary:
    """Train a model as `settings` say, and install it as the default one.

    Where the run's folder has a checkpoint of the same settings and data, the run goes on there,
    and ends with the same weights as one that was never interrupted. Under torchrun all processes
    call this; the first one writes and reports.

    Args:
        overwrite: begin anew, and replace a model of that name.
        home: the folder of all models; None takes the usual one.
        watch: see `Watch`.

    Raises:
        ClibdError: where data, towers or settings do not serve, or the model's name is taken.
        KeyboardInterrupt: at Ctrl-C; what was trained is in the checkpoint.
    """
    from clibd_cli.training.processes import joined_processes

    with joined_processes(settings.device) as processes:
        heard = progress if processes.first else SILENT
        run = _Run(settings, processes, home or _home(heard), heard)
        return run.go(overwrite, command, watch if processes.first else None)


def steps_done(settings: TrainSettings) -> int:
    """The last step in the log of the run; 0 where there is none."""
    from clibd_cli.training.journal import read_journal

    journal = read_journal(settings.run_folder / LOG)
    return max((line["step"] for line in journal), default=0)


def _home(progress: Progress) -> Path:
    located = locate_home()
    if located.warning is not None:
        progress.warn(located.warning)
    return located.models


class _Run:
    """One call: the data and the towers, and what is made of them."""

    def __init__(
        self, settings: TrainSettings, processes: Processes, home: Path, progress: Progress
    ) -> None:
        self._settings = settings
        self._processes = processes
        self._home = home
        self._progress = progress
        self._folder = RunFolder(settings.run_folder)

    def go(self, overwrite: bool, command: str, watch: Watch | None) -> TrainSummary:
        from clibd_cli.training.tower_start import start_towers

        started = time.monotonic()
        self._claim(overwrite)
        examples = self._read_examples()
        towers = start_towers(self._settings, examples, self._home)
        course = Course(self._settings, self._progress, watch)
        result = self._train(examples, towers, course)
        card = self._install(towers, result) if result.finished and self._processes.first else None
        done = self._summary(result, examples, towers, course, card)
        done = replace(done, seconds=time.monotonic() - started)
        if self._processes.first:
            done = replace(done, curves=self._draw_curves())
            self._folder.finish(self._settings.name, command, asdict(done))
        return done

    def _claim(self, overwrite: bool) -> None:
        """Take the folder; the others wait until the first process has done it."""
        failed: ClibdError | None = None
        if self._processes.first:
            try:
                self._folder.claim(self._settings, self._home, overwrite=overwrite)
            except ClibdError as error:
                failed = error
        if self._processes.agree([failed is not None])[0]:
            raise failed or ClibdError("the first process could not take the folder of the run")

    def _read_examples(self) -> Examples:
        from clibd_cli.io.results import SkipWriter
        from clibd_cli.training.examples import read_examples

        s = self._settings
        examples = read_examples(
            s.dna,
            s.photos,
            s.labels,
            s.split,
            pairs=s.pairs,
            min_bases=s.min_bases,
            workers=s.workers,
            progress=self._progress,
        )
        if self._processes.first:
            with SkipWriter(self._folder.path / SKIPPED) as skips:
                for skip in examples.skips:
                    skips.write(skip)
        return examples

    def _train(self, examples: Examples, towers: TrainTowers, course: Course) -> TrainResult:
        from clibd_cli.training.batches import BatchPlan
        from clibd_cli.training.feeding import feed
        from clibd_cli.training.trainer import train as run_training

        s, processes = self._settings, self._processes
        plan = BatchPlan(
            examples, s.pairs, s.batch_size, s.image_batch_size, list(towers.modules), s.seed
        )
        course.begin(plan.steps_per_epoch)
        return run_training(
            s,
            examples.train,
            plan,
            towers,
            lambda start, end: feed(
                plan, examples, s, towers.cards, start, end, processes.rank, processes.world
            ),
            self._validation(examples, towers),
            folder=self._folder.path,
            journal=ToldJournal(self._folder.path / LOG, course.tell),
            processes=processes,
            progress=course.quiet,
        )

    def _validation(self, examples: Examples, towers: TrainTowers) -> Validate | None:
        from clibd_cli.training.validation import validate

        if not examples.queries:
            return None
        image: Any = towers.cards.get("image")
        return lambda encode: validate(
            encode,
            examples,
            list(towers.modules),
            image,
            workers=self._settings.workers,
            progress=self._progress,
        )

    def _install(self, towers: TrainTowers, result: TrainResult) -> ModelCard:
        from clibd_cli.training.finish import Outcome, install_trained

        outcome = Outcome(result.best_step or result.step, result.logit_scale, result.metrics)
        return install_trained(self._settings, towers, outcome, self._home)

    def _draw_curves(self) -> str | None:
        from clibd_cli.training.journal import read_journal

        with suppress(ImportError):
            import matplotlib  # noqa: F401

            from clibd_cli.report.curves import plot_curves
            from clibd_cli.report.plots import save_figure, styled

            journal = read_journal(self._folder.path / LOG)
            with styled():
                figure = plot_curves(journal, self._settings.metric, self._settings.name)
                return str(save_figure(figure, self._folder.path / CURVES)[0])
        return None

    def _summary(
        self,
        result: TrainResult,
        examples: Examples,
        towers: TrainTowers,
        course: Course,
        card: ModelCard | None,
    ) -> TrainSummary:
        weights = [w for module in towers.modules.values() for w in module.parameters()]
        return TrainSummary(
            model=card.name if card else None,
            fingerprint=card.fingerprint if card else None,
            folder=str(self._folder.path),
            log=str(self._folder.path / LOG),
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
            device=str(self._processes.device),
            processes=self._processes.world,
            rate=course.rate,
            memory_mb=course.memory_mb,
            seconds=0.0,
        )
