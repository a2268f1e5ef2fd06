"""`clibd train`."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from inspect import Parameter, Signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clibd_cli.cli import options
from clibd_cli.cli.console import LiveProgress, command_line, show_summary
from clibd_cli.cli.ctrl_c import INTERRUPTED
from clibd_cli.cli.setting_options import given_settings, setting_parameters

if TYPE_CHECKING:
    from clibd_cli.tasks.train import TrainSummary
    from clibd_cli.tasks.train_experience import Experience
    from clibd_cli.training.settings_fields import TrainSettings


def train(
    recipe: Path | None, resume: bool, strict: bool, quiet: bool, json: bool, **values: Any
) -> None:
    """Train a model, or fine-tune one, and install it.

    CONFIG.toml holds settings, one `key = value` a line; every setting is an option, too, and an
    option counts more. Towers begin in an installed model (`model:NAME`), in a checkpoint of an
    official layout (a file), or new (`new:KIND`); `--init-model` takes all of one model. Photos
    and barcodes pair by specimen, or by taxon where they come from different animals.

    The run's folder (NAME.train) gets the log (log.jsonl), the curves, and a checkpoint. The same
    command again goes on from it after Ctrl-C (or SIGTERM), a crash or a full disk, and ends with
    the same weights as an undisturbed run; `--overwrite` begins anew. The model is installed at
    the end, as the default (but for `--no-make-default`), and is used like any other.

    On several GPUs or machines, torchrun starts it: all hold the same weights, and every row of a
    batch is contrasted with those of all.

    Examples:

      clibd train my-model.toml

      clibd train my-model.toml --name wider --dim 512 --epochs 20 --overwrite

      clibd train --name mine --init-model clibd-1m --lora-rank 4 --photos photos/ --dna refs.fasta

      torchrun --nproc-per-node 4 -m clibd_cli train my-model.toml
    """
    from clibd_cli.tasks.train import train as train_task
    from clibd_cli.training.settings import read_settings

    settings = read_settings(recipe, given_settings(values))
    first = os.environ.get("RANK", "0") == "0"
    quiet = quiet or not first
    try:
        with RunLine(quiet) as line:
            done = train_task(
                settings,
                overwrite=not resume,
                command=command_line(),
                recipe=recipe,
                progress=line,
                watch=line.watch,
            )
    except KeyboardInterrupt as stop:
        if first:
            _say_stopped(settings, resume)
        raise typer.Exit(getattr(stop, "exit_code", INTERRUPTED)) from None
    if first:
        title = "trained" if done.finished else "not finished"
        facts = _facts(done)
        if not done.finished:
            by_option = values["stop_at"] is not None
            facts["model"] = f"not yet: {_to_go_on(settings, by_option, resume)}"
        show_summary(title, facts, quiet=quiet, as_json=asdict(done) if json else None)
        if strict and done.skipped:
            raise typer.Exit(3)


def _parameters() -> list[Parameter]:
    """The command's own parameters, then one a setting, as Typer is to read them."""
    config = typer.Argument(
        metavar="CONFIG.toml", help="A recipe; without one, all settings are options.",
        show_default=False,
    )  # fmt: skip
    own: dict[str, tuple[Any, Any]] = {
        "recipe": (Annotated[Path | None, config], None),
        "resume": (options.Resume, True),
        "strict": (options.Strict, False),
        "quiet": (options.Quiet, False),
        "json": (options.Json, False),
    }
    return [
        *(
            Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for name, (annotation, default) in own.items()
        ),
        *setting_parameters(),
    ]


def _show_to_typer() -> None:
    signature = Signature(_parameters())
    train.__signature__ = signature  # type: ignore[attr-defined]
    train.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}


_show_to_typer()


class RunLine(LiveProgress):
    """The live line of a run: bar, rate and time left, with epoch and loss in front.

    Validations are told on lines of their own, where nobody watches a terminal, too.
    """

    def __init__(self, quiet: bool) -> None:
        super().__init__(quiet)
        self._quiet = quiet
        self._loss: float | None = None
        self._shown = 0.0

    def watch(self, line: Mapping[str, Any]) -> None:
        """A line of the run's log."""
        if line["event"] == "validation":
            self._tell_validation(line)
            return
        loss = line["loss"]
        self._loss = loss if self._loss is None else 0.9 * self._loss + 0.1 * loss
        if self._bars is not None and self._task is not None and self._is_time():
            text = f"epoch {line['epoch']}, loss {self._loss:.3f}"
            self._bars.update(self._task, description=text)

    def _is_time(self) -> bool:
        now = time.monotonic()
        if now - self._shown < 0.2:
            return False
        self._shown = now
        return True

    def _tell_validation(self, line: Mapping[str, Any]) -> None:
        if self._quiet:
            return
        loss = "" if self._loss is None else f", loss {self._loss:.3f}"
        best = ", the best so far" if line["best"] else ""
        text = f"epoch {line['epoch']}, step {line['step']:,} of {line['total']:,}{loss}"
        text += f": validation {line['value']:.4f}{best}"
        if self._bars is not None:
            self._bars.console.print(text, markup=False, highlight=False)
        else:
            typer.echo(text, err=True)


def _say_stopped(settings: TrainSettings, resume: bool) -> None:
    from clibd_cli.tasks.train import steps_done

    step = steps_done(settings)
    if step:
        same = "same command" if resume else "same command without --overwrite"
        typer.echo(f"stopped after step {step:,}; checkpoint in {settings.run_folder}", err=True)
        typer.echo(f"  The {same} goes on from there.", err=True)
    else:
        typer.echo("stopped before the first step", err=True)


def _to_go_on(settings: TrainSettings, by_option: bool, resume: bool) -> str:
    """How a run that `stop_at` ended goes on; with --overwrite it would begin at 0 again.

    Args:
        by_option: whether the command, not the recipe, says where to stop.
    """
    left_out = ["--stop-at"] if by_option else []
    left_out += [] if resume else ["--overwrite"]
    ways = [f"without {' and '.join(left_out)}"] if left_out else []
    ways += [] if by_option else [f"with a --stop-at beyond {settings.stop_at:,}"]
    return f"the same command {' and '.join(ways)} goes on"


def _standing(done: TrainSummary) -> str:
    """Whether commands use the model now, and how to use the other one."""
    if done.default != done.model:
        return f"not the default, which is {done.default}: --model {done.model} takes it"
    before = done.default_before
    if before in (None, done.model):
        return "the default now" if before is None else "still the default"
    return f"the default now, instead of {before}: --model or CLIBD_MODEL={before} goes back"


def _trust(experience: Experience) -> str:
    """How far the model's names of photos can be trusted, in a line; empty without photos."""
    if experience.uncalibrated:
        return f"names of photos are not calibrated: {experience.uncalibrated}"
    asked = experience.held_out
    if not experience.calibrations:
        return ""
    return (
        f"names of photos are calibrated by {asked['specimen']:,} of taught species, "
        f"{asked['species']:,} of new ones and {asked['genus']:,} of new genera, kept back"
    )


def _facts(done: TrainSummary) -> dict[str, object]:
    skipped = f", {done.skipped:,} skipped" if done.skipped else ""
    steps = f"{done.step:,} of {done.total:,}"
    if done.resumed_at:
        steps += f" ({done.resumed_at:,} from an earlier run)"
    if done.stopped_early:
        steps += ", no better for a while"
    facts: dict[str, object] = {
        "specimens": f"{done.examples:,} taught; {done.queries:,} queries and {done.keys:,} keys "
        f"to validate{skipped}",
        "towers": f"{', '.join(done.modalities)}: {done.trained_parameters:,} of "
        f"{done.parameters:,} weights trained",
        "steps": steps,
        "rate": f"{done.rate:,.1f} rows a second on {done.device}, {done.seconds:,.1f} s in all, "
        f"{done.memory_mb:,.0f} MB at most",
    }
    if done.loss is not None:
        facts["loss"] = f"{done.loss:.4f}"
    if done.value is not None:
        facts["validation"] = f"{done.value:.4f} at step {done.best_step:,}"
    facts["log"] = done.log
    facts["curves"] = done.curves or "not drawn (with matplotlib they are: clibd[plots])"
    if done.experience and (trust := _trust(done.experience)):
        facts["trust"] = trust
    if done.model:
        facts["model"] = f"{done.model} ({(done.fingerprint or '')[:12]}), {_standing(done)}"
    return facts
