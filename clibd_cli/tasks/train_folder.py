"""The folder of a training run: what lies in it, whose it is, and whether its model may be put up.

A run goes on where its folder has a checkpoint, so the folder must belong to the same settings; and
a run takes hours, so that a model's name that is taken must be found out before it begins.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clibd_cli.core.atomic import write_text
from clibd_cli.core.errors import ClibdError
from clibd_cli.core.shipped import OWN_MODEL, shipped_model
from clibd_cli.models import registry
from clibd_cli.models.registry import DEMO_MODEL
from clibd_cli.tasks.runlog import write_run_log
from clibd_cli.training.settings import setting_fields, to_toml
from clibd_cli.training.settings_fields import TrainSettings

RECIPE = "recipe.toml"
"""The settings of the run, as a recipe that repeats it."""
LOG = "log.jsonl"
CURVES = "curves"
SKIPPED = "skipped.csv"
RUN_LOG = "run.json"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of one run.

    Attributes:
        path: the folder; several processes, also on other machines, see the same one.
    """

    path: Path

    def claim(self, settings: TrainSettings, home: Path, *, overwrite: bool) -> None:
        """Make the folder that of `settings`: to go on in it, or, with `overwrite`, anew.

        Raises:
            ClibdError: where the folder belongs to other settings, or a model that this run has
                not made has the name.
        """
        replaces = overwrite or self._replaces(settings.name, home)
        if overwrite:
            self._clear()
        elif self._begun():
            self._compare(settings)
        self.path.mkdir(parents=True, exist_ok=True)
        write_text(self.path / RECIPE, to_toml(settings))
        self._note({**self._noted(), "name": settings.name, "replaces": replaces})

    def finish(self, name: str, command: str, facts: Mapping[str, Any]) -> None:
        """Write the run log; a model of the fingerprint in it may be replaced by this run."""
        still = not facts["fingerprint"] and self._noted().get("replaces") is True
        write_run_log(self.path / RUN_LOG, command, {"name": name, "replaces": still, **facts})

    def _replaces(self, name: str, home: Path) -> bool:
        """Whether the run was told earlier to replace a model of its name.

        Raises:
            ClibdError: where the name is taken, and it was not.
        """
        from clibd_cli.models.install import check_name

        check_name(name)
        if name == DEMO_MODEL or (name == OWN_MODEL and shipped_model() is not None):
            raise ClibdError(f"{name} is the name of clibd's own model", "Choose another --name.")
        noted = self._noted()
        mine = noted if noted.get("name") == name else {}
        present = next((card for card in registry.installed(home) if card.name == name), None)
        told = mine.get("replaces") is True
        if present is None or told or present.fingerprint == mine.get("fingerprint"):
            return told
        raise ClibdError(
            f"there is already a model {name}",
            f"Choose another --name, use --overwrite to train it anew and replace it, or remove "
            f"it first: clibd models remove {name}",
        )

    def _begun(self) -> bool:
        from clibd_cli.training.run_state import CHECKPOINT

        return (self.path / CHECKPOINT).exists() and (self.path / RECIPE).exists()

    def _compare(self, settings: TrainSettings) -> None:
        """Compare with the settings of the run so far, as both are written, with whole paths."""
        before = _lines((self.path / RECIPE).read_text(encoding="utf-8", errors="replace"))
        now = _lines(to_toml(settings))
        fields = setting_fields().values()
        names = [field.name for field in fields if field.metadata["recipe"]]
        changed = [name for name in names if before.get(name) != now.get(name)]
        if changed:
            told = ", ".join(f"{name} was {before.get(name, 'not given')}" for name in changed[:5])
            raise ClibdError(
                f"{self.path} holds a run with other settings: {told}",
                "Take the settings of that run to go on, another --out, or --overwrite.",
            )

    def _clear(self) -> None:
        from clibd_cli.training.run_state import BEST, CHECKPOINT

        plots = [f"{CURVES}.png", f"{CURVES}.svg"]
        for name in (CHECKPOINT, BEST, LOG, RECIPE, SKIPPED, RUN_LOG, *plots):
            (self.path / name).unlink(missing_ok=True)

    def _noted(self) -> dict[str, Any]:
        """What the run log says; nothing where there is none, or none that can be read."""
        try:
            noted = json.loads((self.path / RUN_LOG).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return noted if isinstance(noted, dict) else {}

    def _note(self, facts: Mapping[str, Any]) -> None:
        write_text(self.path / RUN_LOG, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")


def _lines(recipe: str) -> dict[str, str]:
    """The settings in a recipe as `to_toml` writes it, one a line."""
    pairs = (line.partition(" = ") for line in recipe.splitlines() if not line.startswith("#"))
    return {name: value for name, found, value in pairs if found}
