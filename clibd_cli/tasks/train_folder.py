"""The folder of a training run: what lies in it, whose it is, and whether its model may be put up.

A run takes hours, so that a model's name that is taken must be found out before it begins, and what
an earlier run has learned is only given up when the next one begins to train. Whether a checkpoint
is of the same settings and data is for the checkpoint to say (`training.run_state`).
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clibd_cli.core.atomic import make_folder, remove_partials, write_text
from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import Skip
from clibd_cli.core.shipped import OWN_MODEL, shipped_model
from clibd_cli.models import registry
from clibd_cli.models.registry import DEMO_MODEL
from clibd_cli.tasks.runlog import write_run_log
from clibd_cli.training.settings import to_toml
from clibd_cli.training.settings_fields import TrainSettings

RECIPE = "run.toml"
"""The settings of the run, as a recipe that repeats it."""
LOG = "log.jsonl"
CURVES = "curves"
SKIPPED = "skipped.csv"
RUN_LOG = "run.json"
MARK = ".clibd-run"
"""The file by which a folder is known as one of clibd's runs: in no other is anything replaced."""

_LOCK = ".lock"
_OLD = ".old"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of one run; all but `taken` are for the process that holds it.

    Attributes:
        path: the folder; several processes, also on other machines, see the same one.
    """

    path: Path

    @contextmanager
    def taken(self, name: str, home: Path, *, overwrite: bool) -> Iterator[bool]:
        """Hold the folder for a run of the model `name`; whether that may replace a model.

        Raises:
            ClibdError: where the folder is no run's, another process holds it, or a model that
                this run has not made has the name.
        """
        self._refuse_foreign()
        _check_name(name)
        replaces = overwrite or self._replaces(name, home)
        is_new = not self.path.exists()
        make_folder(self.path)
        try:
            with self._only_one():
                self.put_back()  # of a run that was killed before it began
                for file in (*_files(), RECIPE, MARK):
                    remove_partials(self.path / file)
                yield replaces
        finally:
            if is_new:
                with suppress(OSError):  # where nothing came of it, no empty folder stays
                    self.path.rmdir()

    def set_aside(self) -> None:
        """Move what an earlier run left out of the way, until `begin` or `put_back`."""
        for name in _files():
            path = self.path / name
            if path.exists():
                path.replace(path.with_name(name + _OLD))

    def put_back(self) -> None:
        """Undo `set_aside` where no run has begun since."""
        for name in reversed(_files()):
            old = self.path / (name + _OLD)
            if old.exists():
                old.replace(self.path / name)

    def begin(
        self, settings: TrainSettings, skips: Sequence[Skip], recipe: Path | None, replaces: bool
    ) -> None:
        """Make the folder that of `settings`, for good: training begins, or goes on.

        Args:
            recipe: the file that the user wrote the settings in, which is left as it is.
        """
        from clibd_cli.io.results import SkipWriter

        write_text(self.path / MARK, "A run of clibd train. Do not delete this file.\n")
        for name in _files():
            (self.path / (name + _OLD)).unlink(missing_ok=True)
        if recipe is None or not _same(recipe, self.path / RECIPE):
            write_text(self.path / RECIPE, to_toml(settings))
        with SkipWriter(self.path / SKIPPED) as writer:
            for skip in skips:
                writer.write(skip)
        noted = {"name": settings.name, "replaces": replaces}
        self._note({**noted, "made": self._made(settings.name), **_holder()})

    def will_install(self, fingerprint: str) -> None:
        """Note the model that is about to be put up: whatever happens then, it is known as ours."""
        noted = self._noted()
        self._note({**noted, "made": [*self._made(noted.get("name", "")), fingerprint]})

    def finish(self, name: str, command: str, facts: Mapping[str, Any]) -> None:
        """Write the run log."""
        still = not facts["fingerprint"] and self._noted().get("replaces") is True
        kept = {"name": name, "replaces": still, "made": self._made(name)}
        write_run_log(self.path / RUN_LOG, command, {**kept, **facts})

    def _refuse_foreign(self) -> None:
        if not self.path.exists() or (self.path / MARK).is_file():
            return
        if not self.path.is_dir():
            raise ClibdError(f"{self.path} is a file", "Give a folder for the run with --out.")
        # A run that was killed while it wrote the mark has left that half-written.
        names = [p.name for p in self.path.iterdir() if not p.name.startswith(f".{MARK}.")]
        if set(names) - {_LOCK}:
            raise ClibdError(
                f"{self.path} holds other files, but no run of clibd train",
                "Give a new or an empty folder for the run with --out.",
            )

    @contextmanager
    def _only_one(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        lock = FileLock(self.path / _LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            noted = self._noted()
            who = f" (process {noted['process']} on {noted['machine']})" if _told(noted) else ""
            raise ClibdError(
                f"another run of clibd is training in {self.path}{who}",
                "Wait for it, or give another --out.",
            ) from error
        try:
            yield
        finally:
            # Removed while it is held, so that nobody else's lock is; Windows does so on release.
            with suppress(OSError):
                (self.path / _LOCK).unlink()
            lock.release()

    def _replaces(self, name: str, home: Path) -> bool:
        """Whether the run was told earlier to replace a model of its name.

        Raises:
            ClibdError: where the name is taken, and it was not.
        """
        told = self._noted().get("name") == name and self._noted().get("replaces") is True
        present = next((card for card in registry.installed(home) if card.name == name), None)
        if present is None or told or present.fingerprint in self._made(name):
            return told
        raise ClibdError(
            f"there is already a model {name}",
            f"Choose another --name, use --overwrite to train it anew and replace it, or remove "
            f"it first: clibd models remove {name}",
        )

    def _made(self, name: str) -> list[str]:
        """The fingerprints of the models that this run has put up as `name`."""
        noted = self._noted()
        made = noted.get("made")
        mine = noted.get("name") == name and isinstance(made, list)
        return list(dict.fromkeys(map(str, made))) if mine and made else []

    def _noted(self) -> dict[str, Any]:
        """What the run log says; nothing where there is none, or none that can be read."""
        try:
            noted = json.loads((self.path / RUN_LOG).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return noted if isinstance(noted, dict) else {}

    def _note(self, facts: Mapping[str, Any]) -> None:
        write_text(self.path / RUN_LOG, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")


def _files() -> tuple[str, ...]:
    """What belongs to the training so far; the checkpoint, which the others belong to, first."""
    from clibd_cli.training.run_state import BEST, CHECKPOINT

    return (CHECKPOINT, BEST, LOG, SKIPPED, RUN_LOG, f"{CURVES}.png", f"{CURVES}.svg")


def _check_name(name: str) -> None:
    from clibd_cli.models.install import check_name

    check_name(name)
    if name == DEMO_MODEL or (name == OWN_MODEL and shipped_model() is not None):
        raise ClibdError(f"{name} is the name of clibd's own model", "Choose another --name.")


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.exists() and one.samefile(other)


def _holder() -> dict[str, Any]:
    return {"process": os.getpid(), "machine": platform.node()}


def _told(noted: Mapping[str, Any]) -> bool:
    return "process" in noted and "machine" in noted
