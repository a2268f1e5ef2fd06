"""The vectorised tokeniser agrees with a plain one, letter by letter."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clibd_cli.models.cards import DnaTower, KmerVocabulary
from clibd_cli.models.kmers import token_count, tokenize, vocabulary_of, vocabulary_size


def tower(k: int, vocabulary: KmerVocabulary = "mask_cls_unk", max_bases: int = 660) -> DnaTower:
    old = vocabulary == "mask_cls_unk"
    return DnaTower(
        width=64,
        depth=1,
        output_dim=64,
        k=k,
        vocabulary=vocabulary,
        pooling="hidden_state_mean",
        prefix_mask=old,
        attention_mask=not old,
        max_bases=max_bases,
    )


def plain_tokens(barcode: str, dna: DnaTower) -> tuple[list[int], list[int]]:
    specials = {"mask_cls_unk": 3, "mask_unk": 2}[dna.vocabulary]
    words = ["".join(letters) for letters in itertools.product("ACGT", repeat=dna.k)]
    table = {word: specials + row for row, word in enumerate(words)}
    padded = (barcode + "N" * dna.max_bases)[: dna.max_bases]
    kmers = [padded[i : i + dna.k] for i in range(0, dna.max_bases - dna.k + 1, dna.k)]
    ids = [table.get(kmer, specials - 1) for kmer in kmers]
    real = max(1, min(len(barcode), dna.max_bases) // dna.k)
    mask = [int(n < real) for n in range(len(ids))] if dna.attention_mask else [1] * len(ids)
    return ([0, *ids], [1, *mask]) if dna.prefix_mask else (ids, mask)


@settings(deadline=None, max_examples=60)
@given(
    barcodes=st.lists(st.text("ACGT", max_size=40) | st.text("ACGTNRacgt-é€", max_size=40)),
    k=st.integers(1, 5),
    vocabulary=st.sampled_from(["mask_cls_unk", "mask_unk"]),
    max_bases=st.integers(5, 30),
)
def test_agrees_with_the_plain_tokeniser(
    barcodes: list[str], k: int, vocabulary: KmerVocabulary, max_bases: int
) -> None:
    dna = tower(k, vocabulary, max_bases)
    ids, mask = tokenize(barcodes, dna)
    assert ids.dtype == mask.dtype == np.int64
    assert ids.shape == mask.shape == (len(barcodes), token_count(dna))
    for row, barcode in enumerate(barcodes):
        assert (ids[row].tolist(), mask[row].tolist()) == plain_tokens(barcode, dna)


@pytest.mark.parametrize("k", range(1, 9))
def test_largest_and_unknown_kmers_of_every_k(k: int) -> None:
    ids, _ = tokenize(["T" * 660, "N" * 660, "A" * 660, "N" + "T" * 659], tower(k))
    assert ids[0, 1] == 4**k + 2
    assert set(ids[1, 1:].tolist()) == {2}
    assert ids[2, 1] == 3
    assert ids[3, 1] == 2
    assert ids.max() < vocabulary_size(k, "mask_cls_unk")


def test_the_clibd_tower_reads_133_tokens() -> None:
    assert token_count(tower(5)) == 133
    assert token_count(tower(4, "mask_unk")) == 165


def test_padding_is_masked_in_4mer_models_only() -> None:
    barcode = "ACGT" * 20
    _, masked = tokenize([barcode], tower(4, "mask_unk"))
    assert masked.sum() == 20
    _, whole = tokenize([barcode], tower(5))
    assert whole.all()


def test_nothing_gives_an_empty_batch() -> None:
    ids, mask = tokenize([], tower(5))
    assert ids.shape == mask.shape == (0, 133)


@pytest.mark.parametrize("k", range(1, 9))
def test_vocabularies_are_told_apart_by_their_size(k: int) -> None:
    assert vocabulary_of(4**k + 3) == (k, "mask_cls_unk")
    assert vocabulary_of(4**k + 2) == (k, "mask_unk")
    assert vocabulary_of(4**k + 4) is None
