"""clibd names specimens from photos and COI barcodes.

Everything that the command line does is a plain function here, loaded when it is first used:
`embed`, `build_index`, `classify`, `search`, `make_report`, `export`, `audit`, `split`, `train`
(with `read_settings`), `check`; `add_model`, `pull_model`, `list_models`, `load_model`;
`write_collection` simulates specimens to try them on, `ProgressBars` shows progress.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.lineage import RANKS, Lineage
from clibd_cli.core.records import Call, Hit, Skip, Specimen
from clibd_cli.core.version import __version__

if TYPE_CHECKING:
    from clibd_cli.models.model import load_model
    from clibd_cli.simulated.collection import write_collection
    from clibd_cli.tasks.audit import audit
    from clibd_cli.tasks.bars import ProgressBars
    from clibd_cli.tasks.check import check
    from clibd_cli.tasks.classify import classify
    from clibd_cli.tasks.embed import embed
    from clibd_cli.tasks.export import export
    from clibd_cli.tasks.inputs import Inputs
    from clibd_cli.tasks.models import add_model, list_models, pull_model
    from clibd_cli.tasks.references import build_index
    from clibd_cli.tasks.report import make_report
    from clibd_cli.tasks.search import search
    from clibd_cli.tasks.split import split
    from clibd_cli.tasks.train import train
    from clibd_cli.training.partition import Ratios
    from clibd_cli.training.settings import TrainSettings, read_settings

__all__ = [
    "RANKS",
    "Call",
    "ClibdError",
    "Hit",
    "Inputs",
    "Lineage",
    "ProgressBars",
    "Ratios",
    "Skip",
    "Specimen",
    "TrainSettings",
    "__version__",
    "add_model",
    "audit",
    "build_index",
    "check",
    "classify",
    "embed",
    "export",
    "list_models",
    "load_model",
    "make_report",
    "pull_model",
    "read_settings",
    "search",
    "split",
    "train",
    "write_collection",
]

_HOMES = {
    "Inputs": "tasks.inputs",
    "ProgressBars": "tasks.bars",
    "Ratios": "training.partition",
    "TrainSettings": "training.settings_fields",
    "add_model": "tasks.models",
    "audit": "tasks.audit",
    "build_index": "tasks.references",
    "check": "tasks.check",
    "classify": "tasks.classify",
    "embed": "tasks.embed",
    "export": "tasks.export",
    "list_models": "tasks.models",
    "load_model": "models.model",
    "make_report": "tasks.report",
    "pull_model": "tasks.models",
    "read_settings": "training.settings",
    "search": "tasks.search",
    "split": "tasks.split",
    "train": "tasks.train",
    "write_collection": "simulated.collection",
}


def __getattr__(name: str) -> Any:
    # Heavy libraries are imported by the function that needs them, not by `import clibd_cli`.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
