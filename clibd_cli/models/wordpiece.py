"""Taxonomic words to WordPiece token ids, as the official text tower reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clibd_cli.core.errors import ClibdError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def read_vocabulary(path: Path) -> list[str]:
    """The tokens of a `vocab.txt`, one a line, UTF-8; their ids are their places from 0.

    Raises:
        ClibdError: where the file cannot be read or is no BERT vocabulary.
    """
    try:
        # Lines end at line feeds only: tokens may be other characters that split lines.
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ClibdError(f"cannot read the vocabulary {path}: {error}", _HINT) from error
    absent = [token for token in _SPECIALS if token not in lines]
    if absent:
        raise ClibdError(f"{path} is no BERT vocabulary: it lacks {', '.join(absent)}", _HINT)
    return lines


class WordPieces:
    """The tokeniser of bert-base-uncased over the tokens of `read_vocabulary`.

    Of a token that is there twice, the last place counts, as in the official tokeniser.
    """

    def __init__(self, tokens: Sequence[str], max_tokens: int) -> None:
        from transformers import BertTokenizer

        vocabulary = {token: place for place, token in enumerate(tokens)}
        self._tokenizer: Any = BertTokenizer(vocab=vocabulary, do_lower_case=True)
        self._max_tokens = max_tokens

    def tokenize(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ids and mask `[n, max_tokens]`; the mask is 0 on padding, hidden from attention."""
        encoded = self._tokenizer(
            list(texts),
            padding="max_length",
            truncation=True,
            max_length=self._max_tokens,
            return_tensors="np",
        )
        return encoded["input_ids"], encoded["attention_mask"]


_HINT = "Give the vocab.txt that the text tower was trained with (bert-base-uncased: 30,522 lines)."
