"""The text tower without a vocabulary: pieces of names, and what their vectors are made of."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clibd_cli.models.cards import NgramTextTower
from clibd_cli.models.ngrams import NgramTextEncoder, piece_ids

TOWER = NgramTextTower("ngrams", width=8, output_dim=4, buckets=1000, max_pieces=40)


def test_a_name_is_its_words_and_their_letters() -> None:
    one, two = piece_ids(["Apis", "apis"], TOWER)
    assert one.tolist() == two.tolist()
    # <apis>: the word, four pieces of 3 letters, three of 4, two of 5
    assert (one > 0).sum() == 1 + 4 + 3 + 2


def test_unknown_ranks_count_for_nothing() -> None:
    with_gap = piece_ids(["Hymenoptera not_classified Apis not_classified"], TOWER)
    assert with_gap.tolist() == piece_ids(["Hymenoptera Apis"], TOWER).tolist()


def test_names_of_one_genus_share_pieces() -> None:
    a, b, c = (
        set(row[row > 0])
        for row in piece_ids(["Apis mellifera", "Apis cerana", "Bos taurus"], TOWER)
    )
    assert len(a & b) > len(a & c)


@settings(deadline=None)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=5))
def test_any_text_has_ids_in_range(texts: list[str]) -> None:
    ids = piece_ids(texts, TOWER)
    assert ids.shape[0] == len(texts)
    assert ids.shape[1] <= TOWER.max_pieces
    assert ids.min() >= 0
    assert ids.max() <= TOWER.buckets


def test_padding_changes_no_vector() -> None:
    torch.manual_seed(1)
    encoder = NgramTextEncoder(TOWER).eval()
    torch.nn.init.normal_(encoder.pieces)
    names = ["Apis mellifera", "Drosophila melanogaster", ""]
    with torch.inference_mode():
        together = encoder(torch.from_numpy(piece_ids(names, TOWER)))
        alone = torch.cat([encoder(torch.from_numpy(piece_ids([n], TOWER))) for n in names])
    assert torch.allclose(together, alone, atol=1e-6)
    assert torch.isfinite(together).all()
