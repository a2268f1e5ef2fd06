"""The published checkpoints that clibd knows: one card each, with where to fetch it.

Architecture and preparation are those of the papers and the official code (bioscan-ml/clibd and
bioscan-ml/BarcodeBERT on GitHub). No source states the SHA-256 of a checkpoint, so none is given
here: a pull is checked against the digest that the hub itself keeps for the file.
"""

from __future__ import annotations

from dataclasses import replace

from clibd_cli.models.cards import DnaTower, HubFile, ImageTower, ModelCard, TextTower
from clibd_cli.models.parameters import bytes_in_float32

_CLIBD_REPO = "bioscan-ml/clibd"
_CLIBD_REVISION = "3a27250e89e884f26f25ba2e939eaf5f774a0fb3"
"""A commit of the hub repository that holds every `ver_1_0` checkpoint."""

BERT_UNCASED_VOCAB = HubFile(
    repo="google-bert/bert-base-uncased",
    path="vocab.txt",
    revision="86b5e0934494bd15c9632b12f734a8a67f723594",
    sha256="07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
)
"""The 30,522 uncased word pieces that BERT-small (`prajjwal1/bert-small`) shares with BERT-base."""

BERT_UNCASED_SIZE = 30_522

_CLIBD_PAPER = (
    "Gong Z, Wang AT, Huo X, Haurum JB, Lowe SC, Taylor GW, Chang AX (2025). CLIBD: Bridging "
    "Vision and Genomics for Biodiversity Monitoring at Scale. ICLR 2025. arXiv:2405.17537."
)
_BARCODEBERT_PAPER = (
    "Millan Arias P, Sadjadi N, Safari M, Gong Z, Wang AT, Haurum JB, Zarubiieva I, Steinke D, "
    "Kari L, Chang AX, Lowe SC, Taylor GW (2026). BarcodeBERT: Transformers for Biodiversity "
    "Analyses. Bioinformatics Advances, vbag054. arXiv:2311.02401."
)
_DATA_PAPERS = {
    "BIOSCAN-1M": "Gharaee Z et al. (2023). A Step Towards Worldwide Biodiversity Assessment: The "
    "BIOSCAN-1M Insect Dataset. NeurIPS 2023 Datasets and Benchmarks. arXiv:2307.10455.",
    "BIOSCAN-5M": "Gharaee Z et al. (2024). BIOSCAN-5M: A Multimodal Dataset for Insect "
    "Biodiversity. NeurIPS 2024 Datasets and Benchmarks. arXiv:2406.12723.",
}
_LICENCE = "weights: not stated; official code: MIT"
_SOFTMAX_NOTE = (
    "The DNA embedding is the mean of a softmax over the 768 outputs; the authors call the softmax "
    "a mistake (bioscan-ml/clibd issue 33), but the published weights were trained with it."
)
_LINKS_NOTE = (
    "The download links on the official README have expired; the hub repository is the one that "
    "the official code downloads from."
)


def published_cards() -> dict[str, ModelCard]:
    """The card of every published checkpoint, by name, in the order to list them."""
    cards = (
        _clibd("clibd-1m", "BIOSCAN-1M", with_text=True),
        _clibd("clibd-1m-id", "BIOSCAN-1M", with_text=False),
        _clibd("clibd-5m", "BIOSCAN-5M", with_text=True),
        _clibd("clibd-5m-id", "BIOSCAN-5M", with_text=False),
        _barcodebert_5mer(),
        _barcodebert_4mer(),
    )
    return {card.name: card for card in cards}


def _clibd(name: str, dataset: str, *, with_text: bool) -> ModelCard:
    """A CLIBD model of the paper: photos and barcodes, with or without taxonomic text."""
    folder = dataset.lower().replace("-", "_")
    run = "image_dna_text_4gpu" if with_text else "image_dna_4gpu"
    modalities = "image + DNA + text" if with_text else "image + DNA"
    return _sized(
        ModelCard(
            name=name,
            title=f"CLIBD ({modalities}), trained on {dataset}",
            source=f"Hugging Face hub, {_CLIBD_REPO}",
            licence=_LICENCE,
            citation=f"{_CLIBD_PAPER} {_DATA_PAPERS[dataset]}",
            notes=f"{_SOFTMAX_NOTE} {_LINKS_NOTE}",
            dim=768,
            # timm's vit_base_patch16_224; photos stay in [0, 1], without mean and deviation.
            image=ImageTower(width=768, depth=12, output_dim=768),
            dna=DnaTower(
                width=768,
                depth=12,
                output_dim=768,
                k=5,
                vocabulary="mask_cls_unk",
                pooling="logits_softmax_mean",
                head_dim=768,
            ),
            text=_BERT_SMALL if with_text else None,
            hub=HubFile(
                _CLIBD_REPO, f"ckpt/bioscan_clip/ver_1_0/{folder}/{run}/best.pth", _CLIBD_REVISION
            ),
            vocab=BERT_UNCASED_VOCAB if with_text else None,
        )
    )


_BERT_SMALL = TextTower(width=512, depth=4, output_dim=768, vocab_size=BERT_UNCASED_SIZE)


def _barcodebert_5mer() -> ModelCard:
    """The BarcodeBERT that CLIBD's training started from."""
    return _sized(
        ModelCard(
            name="barcodebert-5mer",
            title="BarcodeBERT, 5-mers, before any alignment",
            source=f"Hugging Face hub, {_CLIBD_REPO}",
            licence=_LICENCE,
            citation=_BARCODEBERT_PAPER,
            notes="Barcodes only: the starting point of CLIBD, not aligned with photos.",
            dim=768,
            dna=DnaTower(
                width=768,
                depth=12,
                output_dim=768,
                k=5,
                vocabulary="mask_cls_unk",
                pooling="hidden_state_mean",
            ),
            hub=HubFile(_CLIBD_REPO, "ckpt/BarcodeBERT/5_mer/model_41.pth", _CLIBD_REVISION),
        )
    )


def _barcodebert_4mer() -> ModelCard:
    """The newer BarcodeBERT: 4-mers, padding masked, no token in front.

    Fetched from where CLIBD's own configuration expects it, and not from bioscan-ml/BarcodeBERT:
    that file comes without its `bert_config`, and no tensor tells that it has four heads.
    """
    folder = "ckpt/BarcodeBERT/new_checkpoints/trained_with_canada_1_5M"
    return _sized(
        ModelCard(
            name="barcodebert-4mer",
            title="BarcodeBERT, 4-mers, trained on CANADA-1.5M",
            source=f"Hugging Face hub, {_CLIBD_REPO}",
            licence=_LICENCE,
            citation=_BARCODEBERT_PAPER,
            notes="Barcodes only. The path is that of the official configuration (global_config); "
            "nobody states that the hub holds it.",
            dim=768,
            dna=DnaTower(
                width=768,
                depth=4,
                output_dim=768,
                k=4,
                vocabulary="mask_unk",
                pooling="hidden_state_mean",
                prefix_mask=False,
                attention_mask=True,
            ),
            hub=HubFile(
                _CLIBD_REPO, f"{folder}/CANADA-1.5M-BEST_k4_4_4_w1_m0_r0_wd.pt", _CLIBD_REVISION
            ),
        )
    )


def _sized(card: ModelCard) -> ModelCard:
    return replace(card, size_bytes=bytes_in_float32(card))
