from __future__ import annotations

import re

import pytest

from clibd_cli.models.cards import card_from_json
from clibd_cli.models.install import check_name
from clibd_cli.models.parameters import (
    bert_parameters,
    parameter_count,
    tower_parameters,
    vit_parameters,
)
from clibd_cli.models.published import published_cards

CARDS = published_cards()


@pytest.mark.parametrize("name", CARDS)
def test_every_card_says_what_a_user_must_know(name: str) -> None:
    card = CARDS[name]
    check_name(name)
    assert card.name == name
    assert card_from_json(card.to_json(), name) == card
    assert card.hub is not None
    assert card.citation
    assert card.licence
    assert card.dim == 768
    assert {getattr(card, m).output_dim for m in card.modalities} == {768}
    assert (card.text is None) == (card.vocab is None)
    assert card.fingerprint is None


@pytest.mark.parametrize("name", CARDS)
def test_digests_and_commits_are_whole_or_absent(name: str) -> None:
    for file in (CARDS[name].hub, CARDS[name].vocab):
        if file is not None:
            assert file.revision == "main" or re.fullmatch("[0-9a-f]{40}", file.revision)
            assert file.sha256 is None or re.fullmatch("[0-9a-f]{64}", file.sha256)


def test_the_towers_of_the_paper() -> None:
    assert {name: card.modalities for name, card in CARDS.items()} == {
        "clibd-1m": ("image", "dna", "text"),
        "clibd-1m-id": ("image", "dna"),
        "clibd-5m": ("image", "dna", "text"),
        "clibd-5m-id": ("image", "dna"),
        "barcodebert-5mer": ("dna",),
        "barcodebert-4mer": ("dna",),
    }
    softmax = [c.name for c in CARDS.values() if c.dna and c.dna.pooling == "logits_softmax_mean"]
    assert softmax == ["clibd-1m", "clibd-1m-id", "clibd-5m", "clibd-5m-id"]


def test_where_the_official_code_looks_for_its_checkpoints() -> None:
    hub = CARDS["clibd-5m-id"].hub
    assert hub is not None
    assert hub.repo == "bioscan-ml/clibd"
    assert hub.path == "ckpt/bioscan_clip/ver_1_0/bioscan_5m/image_dna_4gpu/best.pth"


def test_counts_agree_with_published_ones() -> None:
    # timm's vit_base_patch16_224 has 86,567,656 with its head of 1000 classes.
    assert vit_parameters(768, 12, patch=16, crop=224) + 769_000 == 86_567_656
    # Google's BERT-small and BERT-base have 28,763,648 and 109,482,240 with their poolers.
    assert bert_parameters(512, 4, 30_522, 512) + 512 * 513 == 28_763_648
    assert bert_parameters(768, 12, 30_522, 512) + 768 * 769 == 109_482_240


def test_the_size_is_that_of_float32_weights() -> None:
    card = CARDS["clibd-1m"]
    assert set(tower_parameters(card)) == set(card.modalities)
    assert card.size_bytes == 4 * parameter_count(card)
    # ViT-B/16, BERT-base over 1027 tokens and BERT-small, with their heads.
    assert 200_000_000 < parameter_count(card) < 203_000_000
    assert CARDS["clibd-1m-id"].size_bytes < card.size_bytes
