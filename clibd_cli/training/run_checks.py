"""Refuses a run that its settings, towers and validations do not make, before it costs time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.progress import Progress
from clibd_cli.training.casting import Towers
from clibd_cli.training.run_state import Standing, not_measured
from clibd_cli.training.settings_fields import TrainSettings


def check_run(settings: TrainSettings, towers: Towers, validates: bool) -> None:
    """Refuse what would train nothing, or choose by nothing.

    Args:
        validates: whether there will be validations.

    Raises:
        UsageError: naming the setting and what to give.
    """
    if len(towers.modules) < 2 and not settings.taxon_weight:
        raise UsageError(
            f"there is only a tower for {', '.join(towers.modules)}: nothing to contrast",
            "Give data and towers of two kinds, or taxon_weight more than 0.",
        )
    for modality in settings.anchor:
        if modality not in towers.modules:
            raise UsageError(
                f"anchor names {modality}, but there is no {modality} tower",
                f"Give data and a tower for {modality}, or leave it out of anchor.",
            )
    asked = "patience" if settings.patience else "metric" if settings.metric else ""
    if asked and not validates:
        raise UsageError(
            f"{asked} needs validations, but no specimen validates",
            f"Name specimens val in the split, or leave {asked} out.",
        )


def check_metric(metric: str | None, measured: Sequence[str]) -> None:
    """Refuse a metric that no validation will give.

    Args:
        measured: what validations will give.

    Raises:
        ClibdError: with the names of these.
    """
    if metric is not None and metric not in measured:
        raise not_measured(metric, measured)


def check_judged(standing: Standing, metric: str | None, asked: str, total: int) -> None:
    """Refuse to judge a run anew that has ended: its model would be that of its last step.

    Of the weights that it had at other steps only the best ones, by the other measure, are kept.

    Args:
        standing: as the checkpoint has it.
        total: steps of the whole run.

    Raises:
        ClibdError: with what is different, and what to give.
    """
    why = standing.judged_otherwise(metric, asked)
    if why and (standing.stopped or standing.step >= total):
        raise ClibdError(
            f"the run has ended, and its model is that of step {standing.best_step:,}, the best "
            f"one as it was judged: {why}",
            "Leave metric and split as they were, give another --name to train a second model, or "
            "--overwrite to train this one anew.",
        )


def warn_of_forgotten(
    standing: Standing, metric: str | None, asked: str, progress: Progress
) -> None:
    """Say so where the best validation so far is none any more."""
    why = standing.judged_otherwise(metric, asked)
    if why:
        progress.warn(
            f"the best validation so far ({standing.best:.4f} at step {standing.best_step:,}) "
            f"compares with none to come and is forgotten: {why}"
        )


def check_finite(numbers: Iterable[float], step: int, folder: Path) -> None:
    """Refuse to go on with weights that are no numbers any more.

    Args:
        numbers: what came of the step: its loss, the gradient's length, the temperature.
        step: the first is 1.

    Raises:
        ClibdError: where one of them is not finite.
    """
    if not all(map(math.isfinite, numbers)):
        raise ClibdError(
            f"the loss or its gradient is not finite at step {step}",
            "Begin anew, with --overwrite (other settings make another run) and a lower "
            'learning_rate, clip_norm = 1, or precision = "fp32". '
            f"The last checkpoint is in {folder}.",
        )
