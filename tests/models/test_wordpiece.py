"""Words to pieces, as bert-base-uncased does."""

from __future__ import annotations

from pathlib import Path

import pytest

from clibd_cli.core.errors import ClibdError
from clibd_cli.models.wordpiece import WordPieces, read_vocabulary
from tests.models.tiny import write_vocab


def pieces(tmp_path: Path, text: str) -> tuple[list[str], list[int]]:
    names = read_vocabulary(write_vocab(tmp_path / "vocab.txt"))
    ids, mask = WordPieces(names, 20).tokenize([text])
    assert ids.shape == mask.shape == (1, 20)
    return [names[row] for row in ids[0]], mask[0].tolist()


def test_lower_case_pieces_between_marks_padded_to_20(tmp_path: Path) -> None:
    words, mask = pieces(tmp_path, "Diptera not_classified XÉ")
    real = ["[CLS]", "dip", "##tera", "not", "_", "classified", "x", "##e", "[SEP]"]
    assert words == real + ["[PAD]"] * 11
    assert mask == [1] * 9 + [0] * 11


def test_long_labels_are_cut_and_keep_their_end_mark(tmp_path: Path) -> None:
    words, mask = pieces(tmp_path, "lepidoptera " * 30)
    assert len(words) == 20
    assert words[-1] == "[SEP]"
    assert mask == [1] * 20


def test_unknown_characters_are_unknown(tmp_path: Path) -> None:
    assert pieces(tmp_path, "蝶")[0][:3] == ["[CLS]", "[UNK]", "[SEP]"]


def test_only_line_feeds_end_a_token(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes("[PAD]\n[UNK]\n[CLS]\n[SEP]\n\u2028\n\x85\n".encode())
    assert len(read_vocabulary(path)) == 6
    path.write_bytes(b"[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\n")
    assert read_vocabulary(path) == ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


@pytest.mark.parametrize("content", [b"", b"[PAD]\n[UNK]\n[CLS]\n", b"\xff\xfe", b"{}"])
def test_other_files_are_no_vocabulary(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes(content)
    with pytest.raises(ClibdError, match="vocab"):
        read_vocabulary(path)


def test_a_missing_vocabulary_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ClibdError, match="cannot read"):
        read_vocabulary(tmp_path / "none.txt")


def test_of_a_token_given_twice_the_last_place_counts() -> None:
    ids, _ = WordPieces(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "a"], 4).tokenize(["a"])
    assert ids.tolist() == [[2, 5, 3, 0]]
