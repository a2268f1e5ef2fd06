"""When a run validates, saves and begins an epoch: all by the number of finished steps."""

from __future__ import annotations

import math
from dataclasses import dataclass

from clibd_cli.training.collaborators import Plan
from clibd_cli.training.settings_fields import TrainSettings


@dataclass(frozen=True, slots=True)
class Timetable:
    """The steps of a run, counted from 1; 0 is before the first one.

    Attributes:
        per_epoch: steps of an epoch.
        total: steps of the whole run, `end` of those of this call.
        validate_every: epochs from validation to validation; 0 in a run without.
        checkpoint_every: steps from checkpoint to checkpoint.
    """

    per_epoch: int
    total: int
    end: int
    validate_every: int
    checkpoint_every: int

    @classmethod
    def of(cls, settings: TrainSettings, plan: Plan) -> Timetable:
        """That of a run with these settings, whose epochs are cut by `plan`."""
        per_epoch = plan.steps_per_epoch
        total = settings.steps or settings.epochs * per_epoch
        end = min(total, settings.stop_at or total)
        every = settings.checkpoint_every or per_epoch
        return cls(per_epoch, total, end, settings.validate_every, every)

    @property
    def epochs(self) -> int:
        """How many epochs the run has, the last one perhaps cut short."""
        return math.ceil(self.total / self.per_epoch)

    def epoch_of(self, step: int) -> int:
        """The epoch, from 1, that a step belongs to."""
        return max(0, step - 1) // self.per_epoch + 1

    def left_in_epoch(self, finished: int) -> int:
        """How many steps come after `finished` ones until the epoch or the call ends."""
        return min(self.epoch_of(finished + 1) * self.per_epoch, self.end) - finished

    def ends_epoch(self, step: int) -> bool:
        """Whether a step is the last of its epoch."""
        return step % self.per_epoch == 0

    def saves_after(self, step: int) -> bool:
        """Whether there is a checkpoint after a step."""
        return step % self.checkpoint_every == 0

    def validates_after(self, step: int, validated: int) -> bool:
        """Whether it is time to validate after a step, where that of step `validated` was last."""
        every = self.validate_every * self.per_epoch
        return step > validated and (step == self.total or step % every == 0)
