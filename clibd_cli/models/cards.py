"""Model cards: the facts needed to use weights, kept beside the weights as JSON.

A card of an installed model describes what the tensors in `model.safetensors` are and how inputs
must be prepared for them. A card in the registry of published checkpoints also says where to
fetch them. Nothing here needs torch.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, cast, get_args

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import Modality
from clibd_cli.core.seal import sealed, unsealed
from clibd_cli.core.typed_json import BAD_JSON, read_as

FORMAT_VERSION = 2
"""Version 1, which is still read, had no checksum of the card itself."""

INSTALL_ANEW = (
    "Install the model again: `clibd models add` or `clibd models pull`, with --overwrite."
)
"""The hint wherever an installed model is damaged."""

DnaPooling = Literal["logits_softmax_mean", "logits_mean", "hidden_state_mean", "cls_token"]
"""How token outputs become one vector (official code, branch of bioscan-ml/clibd#33)."""

DNA_POOLINGS: tuple[DnaPooling, ...] = get_args(DnaPooling)

USES_HEAD: dict[DnaPooling, bool] = {
    "logits_softmax_mean": True,
    "logits_mean": True,
    "hidden_state_mean": False,
    "cls_token": False,
}
"""Whether a pooling reads the outputs of the language-model head or the last hidden state."""

KmerVocabulary = Literal["mask_cls_unk", "mask_unk"]
"""The special tokens before the k-mers: CLIBD and BarcodeBERT 5-mer have three, 4-mer has two."""


@dataclass(frozen=True, slots=True)
class ImageTower:
    """A vision transformer and the preparation of its photos.

    Attributes:
        resize: length in pixels that the shorter side gets before the centre crop.
        mean, std: per channel, or None where the photos stay in [0, 1].
    """

    width: int
    depth: int
    output_dim: int
    patch: int = 16
    crop: int = 224
    resize: int = 256
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None


_MOST_FAMILIAR_AXES = 256


@dataclass(frozen=True, slots=True)
class ConvImageTower:
    """A convolutional network and the preparation of its photos.

    Attributes:
        resize, crop, mean, std: as of an `ImageTower`.
        familiar: species by which it tells how familiar a photo is (`models.familiarity`); 0 for
            towers whose vectors have the length that their last map gives them.
    """

    kind: Literal["efficientnet_lite0"]
    output_dim: int
    crop: int = 224
    resize: int = 256
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    familiar: int = 0

    @property
    def familiar_axes(self) -> int:
        """Directions in which it tells those species apart."""
        return min(self.familiar, _MOST_FAMILIAR_AXES)


@dataclass(frozen=True, slots=True)
class DnaTower:
    """A BERT over k-mers and the tokens it expects.

    Attributes:
        prefix_mask: whether the token `<MASK>` (id 0) stands in front of the k-mers.
        attention_mask: whether padding is masked out of attention and mean.
        head_dim: outputs of the language-model head, or None where the checkpoint has no head.
    """

    width: int
    depth: int
    output_dim: int
    k: int
    vocabulary: KmerVocabulary
    pooling: DnaPooling
    prefix_mask: bool = True
    attention_mask: bool = False
    max_bases: int = 660
    max_positions: int = 512
    head_dim: int | None = None


@dataclass(frozen=True, slots=True)
class ProfileDnaTower:
    """A tower that lays barcodes on a profile of the barcode region (see `models.profile`).

    Attributes:
        hidden: units of its hidden layer.
        positions: of the profile; 658 in the region of COI that animals are barcoded by.
        max_bases: what is read of a longer sequence.
        gap_reach: how many bases a barcode may have lost or gained in all, and still be laid where
            it belongs; 0 for towers that know no gaps.
    """

    kind: Literal["profile"]
    hidden: int
    output_dim: int
    positions: int = 658
    max_bases: int = 4096
    gap_reach: int = 0


@dataclass(frozen=True, slots=True)
class TextTower:
    """A BERT over WordPiece tokens; its vocabulary is `vocab.txt` beside the card."""

    width: int
    depth: int
    output_dim: int
    vocab_size: int
    max_tokens: int = 20
    max_positions: int = 512


@dataclass(frozen=True, slots=True)
class NgramTextTower:
    """A tower over the words of a name and the letters in them (see `models.ngrams`).

    Attributes:
        buckets: vectors that pieces of names share.
        max_pieces: of a name that are read.
    """

    kind: Literal["ngrams"]
    width: int
    output_dim: int
    buckets: int = 8192
    max_pieces: int = 256


AnyImageTower = ImageTower | ConvImageTower
AnyDnaTower = DnaTower | ProfileDnaTower
AnyTextTower = TextTower | NgramTextTower
AnyTower = AnyImageTower | AnyDnaTower | AnyTextTower


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file on the Hugging Face hub, pinned by revision; its SHA-256 where it is known."""

    repo: str
    path: str
    revision: str = "main"
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Everything about a model that is not a tensor.

    Attributes:
        source: where the weights came from, for people.
        hub, vocab: what `clibd models pull` fetches; None for models added from a file.
        dim: width of the shared space.
        logit_scale: the learned scale as stored (before exp), None where there is none.
        weights_sha256: of `model.safetensors`; None until the model is installed.
        seen_sha256, calibration_sha256: of what the model brings along of its training (see
            `models.experience`); None where it brings nothing, or is older.
        fingerprint: identifies weights, preparation and pooling together; two stores may only
            mix where it is equal. None until the model is installed.
    """

    name: str
    title: str
    source: str
    licence: str = "not stated"
    citation: str = ""
    notes: str = ""
    dim: int = 0
    image: AnyImageTower | None = None
    dna: AnyDnaTower | None = None
    text: AnyTextTower | None = None
    logit_scale: float | None = None
    size_bytes: int = 0
    hub: HubFile | None = None
    vocab: HubFile | None = None
    weights_sha256: str | None = None
    vocab_sha256: str | None = None
    seen_sha256: str | None = None
    calibration_sha256: str | None = None
    fingerprint: str | None = None
    format_version: int = field(default=FORMAT_VERSION)

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The modalities that the model has a tower for."""
        towers: dict[Modality, object] = {"image": self.image, "dna": self.dna, "text": self.text}
        return tuple(modality for modality, tower in towers.items() if tower is not None)

    def with_fingerprint(self) -> ModelCard:
        """The card with its fingerprint computed from weights, vocabulary and preparation."""
        facts = {
            "weights": self.weights_sha256,
            "vocab": self.vocab_sha256,
            "towers": {m: _plain(getattr(self, m)) for m in self.modalities},
        }
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        return replace(self, fingerprint=digest)

    def to_json(self) -> str:
        """The card as indented JSON in the format of today, with its checksum."""
        return sealed({**asdict(self), "format_version": FORMAT_VERSION})


def pooling_of(card: ModelCard) -> DnaPooling | None:
    """The pooling of a card's DNA tower; None where there is no such tower, or it has no tokens."""
    return card.dna.pooling if isinstance(card.dna, DnaTower) else None


def card_from_json(text: str, where: str) -> ModelCard:
    """Read a card.

    Raises:
        ClibdError: where the text is no card, or one of a newer clibd; `where` names it.
    """
    try:
        facts: dict[str, Any] = unsealed(text)
        if facts["format_version"] > FORMAT_VERSION:
            raise ClibdError(f"{where} was written by a newer clibd", "Update clibd.")
        return cast(ModelCard, read_as(ModelCard, facts))
    except BAD_JSON as error:
        raise ClibdError(f"{where} is not a model card: {error}", INSTALL_ANEW) from error


def _plain(part: Any) -> dict[str, Any]:
    # Through JSON, so that a card read back has the same fingerprint; without what it does not
    # tell, so that models made before clibd knew of that keep theirs.
    plain: dict[str, Any] = json.loads(json.dumps(asdict(part)))
    if plain.get("familiar") == 0:
        del plain["familiar"]
    return plain
