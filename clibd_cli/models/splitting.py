"""A checkpoint's names sorted by tower, and the list of those that belong nowhere."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import torch
from torch import Tensor

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import MODALITIES, Modality
from clibd_cli.models.checkpoint import RawCheckpoint, listed
from clibd_cli.models.layouts import BARCODEBERT, OPEN_CLIP, TOWER_PREFIXES

_HINT = "Is it an official CLIBD or BarcodeBERT checkpoint, of ViT and BERT towers?"


@dataclass(slots=True)
class Part:
    """One tower's tensors under their local official names.

    Attributes:
        names: local names to the whole ones in the file, for messages.
    """

    tensors: dict[str, Tensor] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def put(self, local: str, original: str, tensor: Tensor, findings: Findings) -> None:
        """Add a tensor; a second one of the same local name must be its copy."""
        known = self.tensors.setdefault(local, tensor)
        first = self.names.setdefault(local, original)
        if known is not tensor and not torch.equal(known, tensor):
            findings.misfits.append(f"{first} and {original} are different tensors for one place")

    def original(self, local: str) -> str:
        """The whole name in the file of a local one, or what it would be there."""
        if local in self.names:
            return self.names[local]
        pairs = ((whole, name) for name, whole in self.names.items())
        prefixes = Counter(whole.removesuffix(name) for whole, name in pairs)
        return prefixes.most_common(1)[0][0] + local


@dataclass(slots=True)
class Split:
    """A checkpoint by towers.

    Attributes:
        alone: whether it is BarcodeBERT by itself, not a DNA tower of CLIBD.
        logit_scale: as stored (before exp), or None.
    """

    parts: dict[Modality, Part]
    alone: bool
    logit_scale: float | None


@dataclass(slots=True)
class Findings:
    """What does not fit, collected over the whole file so that one error tells everything."""

    unknown: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    misfits: list[str] = field(default_factory=list)

    def raise_for(self, source: str) -> None:
        """Raise a ClibdError that lists the findings, if there are any."""
        groups = {"unknown": self.unknown, "missing": self.missing, "not fitting": self.misfits}
        told = [f"{len(names)} {what}: {listed(names)}" for what, names in groups.items() if names]
        if told:
            raise ClibdError(f"{source} has tensors without a place: {'; '.join(told)}", _HINT)


def split_towers(raw: RawCheckpoint, findings: Findings) -> Split:
    """Sort the tensors of a checkpoint by the prefix of their names.

    Raises:
        ClibdError: for OpenCLIP models, and where there is no tower at all.
    """
    originals = list(raw.tensors)
    stripped = [_without_module(name) for name in originals]
    if any(OPEN_CLIP.search(name) for name in stripped):
        raise ClibdError(
            f"{raw.source} is an OpenCLIP (BioCLIP) model, whose towers clibd does not read",
            "Use a CLIBD checkpoint with ViT and BERT towers.",
        )
    alone = any(name.startswith("bert.") for name in stripped)
    alone = alone and not any(_tower_prefix(name) for name in stripped)
    split = Split({}, alone, None)
    for original, name in zip(originals, stripped, strict=True):
        tensor = raw.tensors[original]
        if name == "logit_scale" and tensor.numel() == 1 and tensor.is_floating_point():
            if split.logit_scale is not None:
                findings.misfits.append(f"{original} is there twice")
            split.logit_scale = float(tensor)
        elif (place := _place(name, alone)) and tensor.ndim == 0:
            findings.misfits.append(f"{original} is a single number")
        elif place:
            prefix, modality = place
            part = split.parts.setdefault(modality, Part())
            part.put(name.removeprefix(prefix), original, tensor, findings)
        else:
            findings.unknown.append(original)
    if not split.parts:
        if findings.misfits:
            findings.raise_for(raw.source)
        raise ClibdError(
            f"{raw.source} has no tower that clibd knows; its tensors: {listed(originals)}", _HINT
        )
    split.parts = {m: split.parts[m] for m in MODALITIES if m in split.parts}
    return split


def _place(name: str, alone: bool) -> tuple[str, Modality] | None:
    if alone and BARCODEBERT.match(name):
        return "", "dna"
    return _tower_prefix(name)


def _tower_prefix(name: str) -> tuple[str, Modality] | None:
    return next(((p, m) for p, m in TOWER_PREFIXES if name.startswith(p)), None)


def _without_module(name: str) -> str:
    # One `module.` for each wrapper that made the model parallel.
    while name.startswith("module."):
        name = name.removeprefix("module.")
    return name
