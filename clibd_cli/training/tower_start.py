"""The towers that a run trains: found, given weights, and told which of them may change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.records import MODALITIES, Modality
from clibd_cli.io.names import printable
from clibd_cli.models.cards import AnyTower, ImageTower, TextTower
from clibd_cli.models.home import models_home
from clibd_cli.models.inputs import encoder_inputs
from clibd_cli.models.profile import ProfileDnaEncoder
from clibd_cli.models.towers import build_encoder
from clibd_cli.models.wordpiece import WordPieces, read_vocabulary
from clibd_cli.training.example import Examples
from clibd_cli.training.lora_checks import all_new, has_attention, no_attention
from clibd_cli.training.settings_fields import TrainSettings
from clibd_cli.training.tower_lora import add_lora, merged_state
from clibd_cli.training.tower_new import add_dropout, draw_weights
from clibd_cli.training.tower_sources import TowerFinder, TowerSource, without_familiarity


@dataclass(frozen=True, slots=True)
class TrainTowers:
    """Encoders that can be trained, and what is needed to write them as a model.

    Attributes:
        modules: forward as the encoders of `models`: vectors of any length, float32. Weights
            that are not to change do not require gradients.
        cards: the description of each tower.
        dim: outputs of all towers.
        heads: attention heads of the towers that have any.
        origins: where each tower began, in words.
        starts: what tells a tower's first weights from others, under whatever name they are kept.
        frozen: towers that stay as they are.
        adapted: towers that LoRA is added to.
        vocab: the WordPiece vocabulary of a BERT for names.
    """

    modules: dict[Modality, nn.Module]
    cards: dict[Modality, AnyTower]
    dim: int
    heads: dict[Modality, int]
    origins: dict[Modality, str]
    starts: dict[Modality, str]
    frozen: frozenset[Modality] = frozenset()
    adapted: frozenset[Modality] = frozenset()
    vocab: Path | None = None
    words: WordPieces | None = field(default=None, repr=False)

    def inputs(self, modality: Modality, items: Sequence[Any]) -> list[Tensor]:
        """What `modules[modality]` is called with, on the CPU.

        Args:
            items: prepared photos, cleaned barcodes, or taxonomic words.
        """
        return encoder_inputs(self.cards[modality], items, self.words)

    def set_training(self, on: bool) -> None:
        """Dropout and the like on or off; in frozen towers they stay off."""
        for modality, module in self.modules.items():
            module.train(on and modality not in self.frozen)

    def merged_tensors(self) -> tuple[dict[str, Tensor], dict[Modality, int]]:
        """The weights under clibd's names (`image.*` …), LoRA merged, on the CPU; and the heads.

        The modules stay as they are: training can go on.
        """
        tensors = {
            f"{modality}.{name}": tensor
            for modality, module in self.modules.items()
            for name, tensor in merged_state(module).items()
        }
        return tensors, dict(self.heads)


def start_towers(
    settings: TrainSettings, examples: Examples, home: Path | None = None
) -> TrainTowers:
    """Build the towers of a run, on the CPU; the same settings and examples give the same weights.

    Kinds that no training example has are left out, unless `freeze` names them.

    Args:
        home: the folder of the installed models; None takes the usual one.

    Raises:
        ClibdError: where a tower cannot be had, or the towers' outputs differ in length.
        UsageError: where settings ask of a tower what it cannot do.
    """
    finder = TowerFinder(
        home or models_home(),
        Path(settings.vocab) if settings.vocab else None,
        settings.image_size,
    )
    wanted = _named_towers(settings, examples, finder)
    dim, sources = _find_all(settings.dim, wanted, finder)
    adapted = _which_adapt(settings, sources)
    genus_of = _genera(examples)
    modules: dict[Modality, nn.Module] = {}
    for modality in sources.keys() - set(settings.freeze):
        sources[modality] = without_familiarity(sources[modality])
    for modality, source in sources.items():
        _check_crop(settings, source.tower)
        with _seeded(settings.seed, modality):
            modules[modality] = _build(source, genus_of, settings, modality)
    text = sources.get("text")
    return TrainTowers(
        modules=modules,
        cards={modality: source.tower for modality, source in sources.items()},
        dim=dim,
        heads={m: source.shape.heads for m, source in sources.items() if source.shape},
        origins={modality: source.origin for modality, source in sources.items()},
        starts={modality: source.start() for modality, source in sources.items()},
        frozen=frozenset(modality for modality in sources if modality in settings.freeze),
        adapted=adapted,
        vocab=text.vocab if text else None,
        words=_word_pieces(text),
    )


def _named_towers(
    settings: TrainSettings, examples: Examples, finder: TowerFinder
) -> dict[Modality, str]:
    """What the recipe names for each kind of tower that the run has a use for."""
    named: dict[Modality, str] = {m: getattr(settings, f"{m}_tower") for m in MODALITIES}
    if settings.init_model:
        for modality in finder.modalities(settings.init_model):
            named[modality] = named[modality] or settings.init_model
    useful = [*(settings.modalities or examples.modalities), *settings.freeze]
    for modality in MODALITIES:
        if modality not in (*settings.modalities, *settings.freeze):
            continue
        if not named[modality]:
            raise UsageError(
                f"there is no {modality} tower in {settings.init_model}",
                f"Give {modality}_tower, or leave {modality} out.",
            )
        if modality in settings.modalities and modality not in examples.modalities:
            give = _about_labels(settings, examples) if modality == "text" else _GIVE[modality]
            raise UsageError(f"no training example has {_THINGS[modality]}", give)
    kept = {m: named[m] for m in MODALITIES if named[m] and m in useful}
    if not set(kept) - set(settings.freeze):
        raise UsageError("no tower is left to train", "Give data for a tower that is not frozen.")
    nameless = bool(named["text"]) and not settings.modalities and "text" not in useful
    if nameless and len(kept) < 2 and not settings.taxon_weight:
        raise UsageError(
            f"none of the {len(examples.train):,} specimens that are taught has a name: the text "
            f"tower has nothing to read, and the {', '.join(kept)} tower nothing to be contrasted "
            "with",
            _about_labels(settings, examples),
        )
    return kept


def _about_labels(settings: TrainSettings, examples: Examples) -> str:
    if not settings.labels:
        return _GIVE["text"]
    tables = ", ".join(map(printable, settings.labels))
    return f"Look whether {tables} has their ids, such as {examples.train[0].specimen_id}."


def _find_all(
    dim: int, named: Mapping[Modality, str], finder: TowerFinder
) -> tuple[int, dict[Modality, TowerSource]]:
    """The towers, and the width of their space: that of towers that have one, else `dim`."""
    free = [modality for modality, text in named.items() if finder.chooses_width(text)]
    found = {m: finder.find(m, text, dim) for m, text in named.items() if m not in free}
    widths = {modality: source.tower.output_dim for modality, source in found.items()}
    if len(set(widths.values())) > 1:
        told = ", ".join(f"{m} ({named[m]}) {width}" for m, width in widths.items())
        raise ClibdError(
            f"the towers share no space, their outputs differ in length: {told}",
            "Take towers of one model, or make all but one of them new (new:KIND).",
        )
    space = next(iter(widths.values()), dim)
    found |= {modality: finder.find(modality, named[modality], space) for modality in free}
    return space, {modality: found[modality] for modality in named}


def _build(
    source: TowerSource,
    genus_of: Mapping[str, str | None],
    settings: TrainSettings,
    modality: Modality,
) -> nn.Module:
    encoder = build_encoder(source.tower, source.shape)
    if source.is_new:
        draw_weights(encoder, genus_of)
    if source.tensors is not None:
        # What a backbone lacks, its map into the shared space, stays as it was drawn.
        encoder.load_state_dict({**encoder.state_dict(), **source.tensors}, strict=True)
    if modality in settings.freeze:
        encoder.requires_grad_(False)
    elif _adapts(source, settings, modality):
        add_lora(encoder, settings.lora_rank)
    elif source.is_new:
        add_dropout(encoder, settings.dropout)
    if modality in settings.anchor and isinstance(encoder, ProfileDnaEncoder):
        encoder.direct.requires_grad_(False)  # an anchored map has nothing to learn
    return encoder


def _adapts(source: TowerSource, settings: TrainSettings, modality: Modality) -> bool:
    """Whether LoRA is put into a tower: what is new is trained whole, what is frozen not at all."""
    return bool(settings.lora_rank) and not source.is_new and modality not in settings.freeze


def _which_adapt(
    settings: TrainSettings, sources: Mapping[Modality, TowerSource]
) -> frozenset[Modality]:
    adapted = [m for m, source in sources.items() if _adapts(source, settings, m)]
    without = [m for m in adapted if not has_attention(sources[m].tower)]
    if without:
        raise no_attention(settings, without, len(without) < len(adapted))
    if settings.lora_rank and not adapted:
        raise all_new(settings, [m for m in sources if m not in settings.freeze])
    return frozenset(adapted)


def _genera(examples: Examples) -> dict[str, str | None]:
    """The distinct barcodes that are taught, each with its genus where anybody knows it."""
    genus_of: dict[str, str | None] = {}
    for example in examples.train:
        if example.barcode:
            known = genus_of.get(example.barcode)
            genus_of[example.barcode] = known or example.lineage.genus
    return genus_of


def _check_crop(settings: TrainSettings, tower: AnyTower) -> None:
    if isinstance(tower, ImageTower) and settings.train_crop not in (None, tower.crop):
        raise UsageError(
            f"train_crop is {settings.train_crop}, but the image tower, a vision transformer, "
            f"reads photos of {tower.crop} pixels only",
            "Leave train_crop out.",
        )


@contextmanager
def _seeded(seed: int, modality: Modality) -> Iterator[None]:
    """torch's generator in a state that depends on the seed and the tower alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3 * seed + MODALITIES.index(modality))
        yield


def _word_pieces(text: TowerSource | None) -> WordPieces | None:
    if text is None or text.vocab is None or not isinstance(text.tower, TextTower):
        return None
    return WordPieces(read_vocabulary(text.vocab), text.tower.max_tokens)


_THINGS = {"image": "a photo", "dna": "a barcode", "text": "a name at any rank"}
_GIVE = {
    "image": "Give photos, or leave image out of modalities.",
    "dna": "Give dna, or leave dna out of modalities.",
    "text": "Give labels, or leave text out of modalities.",
}
