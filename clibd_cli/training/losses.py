"""What training minimises: the contrastive loss of CLIBD, and telling taxa apart at each rank.

Pure functions and small modules on vectors of the whole batch; who gathered them does not matter.
All is computed in float32, whatever the towers compute in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import permutations

import torch
from torch import Tensor, nn
from torch.nn import functional

from clibd_cli.core.records import Modality
from clibd_cli.training.settings_fields import TrainSettings
from clibd_cli.training.targets import NO_TAXON, Targets

MAX_SCALE = 100.0
"""Where CLIP stops a learned scale (temperature 0.01); beyond it, training becomes unstable."""


def contrastive_loss(
    vectors: Mapping[Modality, Tensor],
    groups: Mapping[Modality, Tensor],
    scale: Tensor | float,
    share_positives: bool = False,
) -> Tensor:
    """InfoNCE over every ordered pair of modalities, averaged over the pairs.

    Cross-entropy against the 0/1 matrix that says which rows are alike, as in the official
    `loss_func.py`: there, a row with several positives sums their terms (the matrix is given as
    it is, its rows not scaled to 1). A pair where no row has a positive does not count.

    Args:
        vectors: unit vectors float32 [n_m, dim] of each modality.
        groups: int64 [n_m]; rows with equal numbers are alike.
        scale: inverse of the temperature.
        share_positives: take the mean over a row's positives instead of the sum.

    Returns:
        A scalar; 0 where no pair counts.
    """
    losses = [
        _one_way(vectors[a], vectors[b], groups[a], groups[b], scale, share_positives)
        for a, b in permutations(vectors, 2)
    ]
    counted = [loss for loss in losses if loss is not None]
    if not counted:
        return _zero(vectors)
    return torch.stack(counted).mean()


def _one_way(
    anchors: Tensor,
    others: Tensor,
    anchor_groups: Tensor,
    other_groups: Tensor,
    scale: Tensor | float,
    share_positives: bool,
) -> Tensor | None:
    """The mean over the anchors that have a positive among `others`; None where none has."""
    alike = anchor_groups[:, None] == other_groups[None, :]
    positives = alike.sum(dim=1)
    counts = positives > 0
    if not bool(counts.any()):
        return None
    log_shares = functional.log_softmax(scale * anchors[counts] @ others.T, dim=1)
    terms = -(log_shares * alike[counts]).sum(dim=1)
    return (terms / positives[counts] if share_positives else terms).mean()


class RankHeads(nn.Module):
    """For each rank, a cosine softmax over the taxa of the training set, for all modalities.

    A taxon is a direction (proxy) in the shared space; a learned scale sharpens the softmax.
    """

    def __init__(
        self, sizes: Mapping[str, int], dim: int, temperature: float, smoothing: float
    ) -> None:
        """Proxies drawn from torch's random state.

        Args:
            sizes: the number of taxa at each rank; a rank with fewer than two teaches nothing.
            smoothing: the share of a target that is spread over all taxa.
        """
        super().__init__()
        self.smoothing = smoothing
        self.proxies = nn.ParameterDict(
            {
                rank: nn.Parameter(torch.randn(size, dim) / math.sqrt(dim))
                for rank, size in sizes.items()
                if size > 1
            }
        )
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))

    def forward(self, vectors: Tensor, taxa: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The mean cross-entropy at each rank.

        Args:
            vectors: unit vectors float32 [n, dim].
            taxa: codes int64 [n] for each rank; rows of `NO_TAXON` are left out. A rank of which
                no row is known is not in the result.
        """
        losses = {}
        for rank, proxies in self.proxies.items():
            known = taxa[rank] != NO_TAXON
            if bool(known.any()):
                directions = functional.normalize(proxies, dim=1)
                logits = self.log_scale.exp() * vectors[known] @ directions.T
                losses[rank] = functional.cross_entropy(
                    logits, taxa[rank][known], label_smoothing=self.smoothing
                )
        return losses


@dataclass(frozen=True, slots=True)
class BatchTargets:
    """The codes of a whole batch (see `targets.Targets`), as tensors, by modality."""

    groups: dict[Modality, Tensor]
    taxa: dict[Modality, dict[str, Tensor]]
    anchors: dict[Modality, Tensor] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        targets: Targets,
        rows: Mapping[Modality, list[int]],
        device: torch.device,
        anchors: Mapping[Modality, Tensor] | None = None,
    ) -> BatchTargets:
        """Those of `rows`, which count the training examples.

        Args:
            anchors: unit vectors of all examples (see `starting.Start`).
        """
        groups = torch.from_numpy(targets.groups)
        taxa = {rank: torch.from_numpy(codes) for rank, codes in targets.taxa.items()}
        return cls(
            groups={m: groups[chosen].to(device) for m, chosen in rows.items()},
            taxa={
                m: {rank: codes[chosen].to(device) for rank, codes in taxa.items()}
                for m, chosen in rows.items()
            },
            # Like the vectors of a step, without the kinds that have no row in it.
            anchors={m: a[rows[m]].to(device) for m, a in (anchors or {}).items() if rows.get(m)},
        )


class Objective(nn.Module):
    """The loss of a step and its own parameters: the temperatures and the heads of the ranks."""

    def __init__(self, settings: TrainSettings, sizes: Mapping[str, int], dim: int) -> None:
        super().__init__()
        self.contrastive_weight = settings.contrastive_weight
        self.share_positives = settings.positives == "mean"
        self.taxon_weight = settings.taxon_weight
        self.rank_weights = dict(zip(sizes, settings.rank_weights, strict=True))
        self.log_scale = nn.Parameter(
            torch.tensor(-math.log(settings.temperature)),
            requires_grad=settings.learnable_temperature,
        )
        self.heads = None
        if settings.taxon_weight:
            self.heads = RankHeads(
                {rank: size for rank, size in sizes.items() if self.rank_weights[rank]},
                dim,
                settings.taxon_temperature,
                settings.label_smoothing,
            )

    def begin_at(self, proxies: Mapping[str, Tensor]) -> None:
        """Set the proxies of the heads, for the ranks given: unit vectors [taxa, dim]."""
        if self.heads is not None:
            for rank, held in self.heads.proxies.items():
                if rank in proxies:
                    held.data.copy_(proxies[rank])

    def forward(
        self, vectors: Mapping[Modality, Tensor], targets: BatchTargets
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, and its parts for the log.

        Args:
            vectors: of any length, float32 [n_m, dim], for each modality that has rows.

        Returns:
            A scalar, and unweighted scalars: `contrastive`, and one a rank.
        """
        unit = {m: functional.normalize(v, dim=1) for m, v in vectors.items()}
        total = _zero(unit)
        parts: dict[str, Tensor] = {}
        for modality, anchor in targets.anchors.items():
            away = (1 - (unit[modality] * anchor).sum(dim=1)).mean()
            parts[f"anchor_{modality}"] = away
            total = total + away
        # Nothing else moves an anchored tower.
        unit = {m: v.detach() if m in targets.anchors else v for m, v in unit.items()}
        if self.contrastive_weight and len(unit) > 1:
            scale = self.log_scale.exp()
            parts["contrastive"] = contrastive_loss(
                unit, targets.groups, scale, self.share_positives
            )
            total = total + self.contrastive_weight * parts["contrastive"]
        if self.heads is not None:
            ranks = self._taxon_losses(unit, targets)
            parts |= ranks
            for rank, loss in ranks.items():
                total = total + self.taxon_weight * self.rank_weights[rank] * loss
        return total, parts

    def _taxon_losses(
        self, unit: Mapping[Modality, Tensor], targets: BatchTargets
    ) -> dict[str, Tensor]:
        # The mean over modalities, so that few photos weigh as much as many barcodes.
        assert self.heads is not None
        by_rank: dict[str, list[Tensor]] = {}
        for modality, vectors in unit.items():
            for rank, loss in self.heads(vectors, targets.taxa[modality]).items():
                by_rank.setdefault(rank, []).append(loss)
        return {rank: torch.stack(losses).mean() for rank, losses in by_rank.items()}

    @torch.no_grad()
    def bound_scales(self) -> None:
        """Keep the learned scales at or below `MAX_SCALE`."""
        for scale in self._scales():
            scale.clamp_(max=math.log(MAX_SCALE))

    @property
    def temperature(self) -> float:
        """That of the contrastive loss, as it is now; infinite where no number is as large."""
        try:
            return math.exp(-self.log_scale.item())
        except OverflowError:  # a learning rate far too high
            return math.inf

    def _scales(self) -> list[nn.Parameter]:
        return [self.log_scale] + ([] if self.heads is None else [self.heads.log_scale])


def _zero(vectors: Mapping[Modality, Tensor]) -> Tensor:
    """A 0 that depends on the vectors, so that it has a gradient (of zeros)."""
    return torch.stack([v.sum() * 0.0 for v in vectors.values()]).sum()
