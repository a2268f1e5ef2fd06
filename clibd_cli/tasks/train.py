"""`clibd train`: a model from a recipe, put up like any other."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.core.records import Modality
from clibd_cli.models.home import locate_home
from clibd_cli.tasks.train_course import Course, ToldJournal
from clibd_cli.tasks.train_folder import CURVES, LOG, RunFolder
from clibd_cli.tasks.train_sources import cards_begun_in, check_sources, image_tower_begun_in
from clibd_cli.tasks.train_summary import TrainSummary, summarise
from clibd_cli.training.interrupts import ended_like_ctrl_c
from clibd_cli.training.settings_checks import check_settings
from clibd_cli.training.settings_fields import TrainSettings

if TYPE_CHECKING:
    from clibd_cli.models.cards import ModelCard
    from clibd_cli.tasks.train_experience import Experience
    from clibd_cli.training.collaborators import TrainResult, Validate
    from clibd_cli.training.example import Examples
    from clibd_cli.training.processes import Processes
    from clibd_cli.training.tower_start import TrainTowers

__all__ = ["TrainSummary", "Watch", "steps_done", "train"]

Watch = Callable[[Mapping[str, Any]], None]
"""Told each line of the run's log, with `total`: the steps of the whole run."""


def train(
    settings: TrainSettings,
    *,
    overwrite: bool = False,
    home: Path | None = None,
    command: str = "",
    recipe: Path | None = None,
    progress: Progress = SILENT,
    watch: Watch | None = None,
) -> TrainSummary:
    """Train a model as `settings` say, and install it, as the default one unless told otherwise.

    Where the run's folder has a checkpoint of the same settings and data, the run goes on there,
    and ends with the same weights as one that was never interrupted. Under torchrun all processes
    call this; the first one writes and reports.

    Args:
        overwrite: begin anew, and replace a model of that name. What an earlier run has left in
            the folder goes when training begins, and stays where it does not come to that.
        home: the folder of all models; None takes the usual one.
        recipe: the file that the settings were read from, which is never written.
        watch: see `Watch`.

    Raises:
        UsageError: where settings do not fit together.
        ClibdError: where data or towers do not serve, the model's name is taken, or the folder
            holds other files, another run, or one that goes on just now.
        KeyboardInterrupt: at Ctrl-C, or a signal to end (`interrupts.Ended`); what was trained is
            in the checkpoint.
    """
    from clibd_cli.training.processes import joined_processes

    check_settings(settings)
    with ended_like_ctrl_c(), joined_processes(settings.device) as processes:
        heard = progress if processes.first else SILENT
        run = _Run(settings, processes, home or _home(heard), heard)
        return run.go(overwrite, command, recipe, watch if processes.first else None)


def steps_done(settings: TrainSettings) -> int:
    """The steps in the checkpoint of the run, from which it goes on; 0 where there is none."""
    from clibd_cli.training.saved_step import saved_step

    return saved_step(settings.run_folder)


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
        self._replaces = False  # a model of that name; known to the first process

    def go(
        self, overwrite: bool, command: str, recipe: Path | None, watch: Watch | None
    ) -> TrainSummary:
        from clibd_cli.training.tower_start import start_towers

        started = time.monotonic()
        with ExitStack() as held:
            self._first_does(lambda: self._take(held, overwrite))
            check_sources(self._settings, self._home)
            examples = self._read_examples()
            towers = start_towers(self._settings, examples, self._home)
            self._check_metric(examples, tuple(towers.modules))
            origins = cards_begun_in(self._settings, tuple(towers.modules), self._home)
            examples = self._look_at_photos(examples)
            if overwrite:
                self._first_does(lambda: self._set_aside(held))
            course = Course(self._settings, self._progress, watch)
            result = self._train(examples, towers, course, recipe)
            done = summarise(self._folder.path, result, examples, towers, course, self._processes)
            if result.finished and self._processes.first:
                done = self._install(examples, towers, result, origins, done)
            done = replace(done, seconds=time.monotonic() - started)
            if self._processes.first:
                done = replace(done, curves=self._draw_curves())
                self._folder.finish(self._settings.name, command, asdict(done))
        return done

    def _first_does(self, action: Callable[[], None]) -> None:
        """Let the first process act; the others wait, and fail with it."""
        failed: ClibdError | None = None
        if self._processes.first:
            try:
                action()
            except ClibdError as error:
                failed = error
        if self._processes.agree([failed is not None])[0]:
            raise failed or ClibdError("the first process could not take the folder of the run")

    def _take(self, held: ExitStack, overwrite: bool) -> None:
        taken = self._folder.taken(self._settings.name, self._home, overwrite=overwrite)
        self._replaces = held.enter_context(taken)

    def _set_aside(self, held: ExitStack) -> None:
        held.callback(self._folder.put_back)
        self._folder.set_aside()

    def _read_examples(self) -> Examples:
        """The examples, whose photos nobody has looked at yet."""
        from clibd_cli.training.examples import read_examples

        s = self._settings
        return read_examples(
            s.dna,
            s.photos,
            s.labels,
            s.split,
            pairs=s.pairs,
            min_bases=s.min_bases,
            check_photos=False,
            workers=s.workers,
            progress=self._progress,
        )

    def _look_at_photos(self, examples: Examples) -> Examples:
        from clibd_cli.tasks.train_photos import with_readable_photos

        return with_readable_photos(
            examples, self._settings.workers, self._processes, self._progress
        )

    def _train(
        self, examples: Examples, towers: TrainTowers, course: Course, recipe: Path | None
    ) -> TrainResult:
        from clibd_cli.training.batches import BatchPlan
        from clibd_cli.training.feeding import feed
        from clibd_cli.training.targets import digest_of
        from clibd_cli.training.trainer import train as run_training

        s, processes, folder = self._settings, self._processes, self._folder
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
            folder=folder.path,
            journal=ToldJournal(
                folder.path / LOG,
                course.tell,
                lambda: folder.begin(s, examples.skips, recipe, self._replaces),
            ),
            processes=processes,
            progress=course.quiet,
            asked=digest_of(examples.queries, examples.keys),
        )

    def _check_metric(self, examples: Examples, modalities: tuple[Modality, ...]) -> None:
        from clibd_cli.training.run_checks import check_metric
        from clibd_cli.training.validation import measured

        if examples.queries:
            check_metric(self._settings.metric, measured(examples, modalities))

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

    def _install(
        self,
        examples: Examples,
        towers: TrainTowers,
        result: TrainResult,
        origins: tuple[ModelCard, ...],
        done: TrainSummary,
    ) -> TrainSummary:
        """Put the model up with what it brings along, and tell of both."""
        from clibd_cli.models.registry import default_model
        from clibd_cli.tasks.train_experience import bring_along
        from clibd_cli.training.finish import Outcome, install_trained

        s, before = self._settings, default_model(self._home)
        begun_in = image_tower_begun_in(s, self._home)
        brought: list[Experience] = []

        def bring(model: Path) -> None:
            brought.append(
                bring_along(model, examples, begun_in, s.device, s.workers, self._progress)
            )

        self._make_familiar(examples, towers)
        step = result.best_step or result.step
        outcome = Outcome(step, result.logit_scale, result.metrics, origins)
        card = install_trained(s, towers, outcome, self._home, self._folder.will_install, bring)
        return replace(
            done,
            model=card.name,
            fingerprint=card.fingerprint,
            default=default_model(self._home),
            default_before=before,
            experience=brought[0],
        )

    def _make_familiar(self, examples: Examples, towers: TrainTowers) -> None:
        from clibd_cli.training.familiar import make_familiar

        try:
            make_familiar(towers, examples.train, self._settings.workers, self._progress)
        except Exception as error:  # whatever it is: hours of training are not lost to it
            self._progress.warn(f"which photos are familiar cannot be learnt: {error}")

    def _draw_curves(self) -> str | None:
        """The picture of the curves; None without matplotlib, or where it cannot be drawn."""
        from clibd_cli.training.journal import read_journal

        try:
            import matplotlib  # noqa: F401
        except ImportError:
            return None
        from clibd_cli.report.curves import plot_curves
        from clibd_cli.report.plots import save_figure, styled

        try:
            journal = read_journal(self._folder.path / LOG)
            with styled():
                figure = plot_curves(journal, self._settings.metric, self._settings.name)
                return str(save_figure(figure, self._folder.path / CURVES)[0])
        except Exception as error:  # whatever it is: hours of training are not lost to a picture
            self._progress.warn(f"the curves cannot be drawn: {error}")
            return None
