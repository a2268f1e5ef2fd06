"""Checkpoints: all that a run needs to go on as if nothing had happened, and its best weights.

A checkpoint is a file of torch, of tensors and plain values only, and is read as such: nothing in
it is run. It appears under its name when it is whole. Since everything random in training follows
from the seed and the number of the step, no state of a generator is in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from clibd_cli.core.atomic import atomic_path
from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import Modality
from clibd_cli.training.losses import Objective
from clibd_cli.training.optimiser import OneCycleAdamW
from clibd_cli.training.settings import recipe_values
from clibd_cli.training.settings_fields import TrainSettings

CHECKPOINT = "checkpoint.pt"
"""The last state of a run, in its folder."""

BEST = "best.pt"
"""The weights of the best validation."""

_FORMAT = 2
_ANEW = "Start the run anew with --overwrite, or give another folder with --out."


@dataclass(slots=True)
class Standing:
    """How far a run is.

    Attributes:
        step: finished steps.
        validated: the step of the last validation; 0 before the first.
        metric: what the validations so far were judged by (`TrainSettings.metric`).
        asked: the digest of the queries and keys that they were made with; empty where unknown.
        best: its highest value, None before the first validation.
        best_step: the step that it belongs to.
        metrics: all that was measured there.
        waited: validations since then.
        stopped: whether the run ends early, since it got no better.
    """

    step: int = 0
    validated: int = 0
    metric: str | None = None
    asked: str = ""
    best: float | None = None
    best_step: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    waited: int = 0
    stopped: bool = False

    def judged_otherwise(self, metric: str | None, asked: str) -> str:
        """Why values of `metric`, and of the queries and keys `asked`, compare with none so far.

        Empty where they do, or there are none so far.
        """
        if self.best is None:
            return ""
        if metric != self.metric:
            return f"the metric was {self.metric or 'the mean of all'}"
        return "queries or keys were others" if asked and self.asked not in ("", asked) else ""

    def judge_by(self, metric: str | None, patience: int, asked: str = "") -> None:
        """Go on with `metric` and `patience`, and queries and keys, which may be others.

        Values that cannot be compared with those to come are forgotten.
        """
        if metric != self.metric or self.judged_otherwise(metric, asked):
            self.best, self.best_step, self.metrics = None, 0, {}
            self.waited, self.validated = 0, 0
        self.metric, self.asked = metric, asked or self.asked
        self.stopped = bool(patience) and self.waited >= patience

    def value_of(self, metrics: Mapping[str, float]) -> float:
        """What decides whether weights are the best: the metric, or the mean of all measured.

        Raises:
            ClibdError: where the metric is not among them.
        """
        if self.metric is None:
            return sum(metrics.values()) / len(metrics)
        if self.metric not in metrics:
            raise not_measured(self.metric, metrics)
        return metrics[self.metric]

    def is_best(self, value: float) -> bool:
        """Whether a validation with this value is the best so far."""
        return self.best is None or value > self.best

    def judge(self, value: float, metrics: dict[str, float], patience: int) -> None:
        """Take note of a validation: whether it is the best, and whether to stop now.

        Of the best one the weights must be kept already.
        """
        if self.is_best(value):
            self.best, self.best_step, self.metrics, self.waited = value, self.step, metrics, 0
        else:
            self.waited += 1
            self.stopped = bool(patience) and self.waited >= patience


def not_measured(metric: str, measured: Iterable[str]) -> ClibdError:
    """The error for a metric that validations do not give."""
    return ClibdError(
        f"the metric {metric} is not measured here",
        f"Measured: {', '.join(measured) or 'nothing'}.",
    )


@dataclass(frozen=True, slots=True)
class Weights:
    """What is trained."""

    towers: Mapping[Modality, nn.Module]
    objective: Objective

    def state(self) -> dict[str, Any]:
        """All tensors, frozen ones included."""
        return {
            "towers": {modality: tower.state_dict() for modality, tower in self.towers.items()},
            "objective": self.objective.state_dict(),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave; a KeyError or RuntimeError where it is of another model."""
        for modality, tower in self.towers.items():
            tower.load_state_dict(state["towers"][modality])
        self.objective.load_state_dict(state["objective"])


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The checkpoints of one run.

    Attributes:
        folder: of the run.
        identity: what must be the same for the run to go on (`identity_of`).
    """

    folder: Path
    identity: dict[str, str]

    def save(self, standing: Standing, weights: Weights, optimiser: OneCycleAdamW) -> None:
        """Replace the checkpoint."""
        facts = {name: getattr(standing, name) for name in Standing.__slots__}
        state = {"standing": facts, "optimiser": optimiser.state_dict(), **weights.state()}
        self._write(CHECKPOINT, state)

    def standing(self) -> Standing | None:
        """How far the checkpoint is, without its weights; None where there is none.

        Raises:
            ClibdError: as `load`.
        """
        state = self._read(CHECKPOINT, mmap=True)
        try:
            return None if state is None else Standing(**state["standing"])
        except (KeyError, TypeError) as error:
            raise self._of_another(error) from error

    def load(self, weights: Weights, optimiser: OneCycleAdamW) -> Standing | None:
        """Go back to the checkpoint; None where there is none.

        Raises:
            ClibdError: where it cannot be read, or is of another recipe or other data.
        """
        state = self._read(CHECKPOINT)
        if state is None:
            return None
        try:
            weights.load(state)
            optimiser.load_state_dict(state["optimiser"])
            return Standing(**state["standing"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise self._of_another(error) from error

    def save_best(self, weights: Weights) -> None:
        """Keep the weights as the best ones so far."""
        self._write(BEST, weights.state())

    def load_best(self, weights: Weights) -> None:
        """Go back to the best weights.

        Raises:
            ClibdError: where there are none, or of another model.
        """
        state = self._read(BEST)
        if state is None:
            raise ClibdError(f"{self.folder / BEST} is missing", _ANEW)
        try:
            weights.load(state)
        except (KeyError, RuntimeError) as error:
            raise self._of_another(error) from error

    def _write(self, name: str, state: dict[str, Any]) -> None:
        whole = {"format": _FORMAT, "identity": json.dumps(self.identity), **state}
        with atomic_path(self.folder / name) as partial:
            try:
                torch.save(whole, partial)
            except RuntimeError as error:  # torch's own writer knows no OSError
                raise ClibdError(
                    f"{self.folder / name} cannot be written whole: the disk is probably full",
                    "Make room and run the same command again: it goes on from the checkpoint "
                    "before.",
                ) from error

    def _read(self, name: str, mmap: bool = False) -> dict[str, Any] | None:
        path = self.folder / name
        if not path.exists():
            return None
        try:
            state = torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
            if state["format"] != _FORMAT:
                raise ClibdError(f"{path} was written by another clibd", _ANEW)
            identity = json.loads(state["identity"])
            self._compare(path, identity)
        except ClibdError:
            raise
        except Exception as error:  # unpickling damaged bytes may raise anything
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ClibdError(
                f"{path} cannot be read as a checkpoint: {first[:200]}", _ANEW
            ) from error
        return dict(state)

    def _compare(self, path: Path, identity: Mapping[str, str]) -> None:
        names = [*self.identity, *(name for name in identity if name not in self.identity)]
        changed = [name for name in names if self.identity.get(name) != identity.get(name)]
        if changed:
            was = ", ".join(f"{name} was {identity.get(name, 'not there')}" for name in changed[:5])
            raise ClibdError(f"{path} belongs to another run: {was}", _ANEW)

    def _of_another(self, error: Exception) -> ClibdError:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        return ClibdError(
            f"the checkpoint in {self.folder} is of other towers: {first[:200]}", _ANEW
        )


def identity_of(
    settings: TrainSettings, data_digest: str, starts: Mapping[Modality, str]
) -> dict[str, str]:
    """What two runs must share to be one: the recipe, and by their content data and towers.

    So a run may go on in another place, but not with other files of the same names.

    Args:
        starts: of each tower (see `casting.Towers`).
    """
    towers = {f"start of {modality}_tower": start for modality, start in starts.items()}
    return {**recipe_values(settings), **towers, "training data": data_digest[:16]}
