"""Which strand a barcode was read from, judged by the short words that references use.

COI is far from symmetric: its six-letter words on one strand are rare on the other. So a table of
how much each word speaks for the strand of the references tells a barcode's strand from 30 bases
on, without any alignment and before it is encoded. A sequence that has no words of either strand
is none of that gene.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from clibd_cli.alignment.places import codes_of_letters

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_K = 6
_WORDS = 4**_K
_COMPLEMENT = str.maketrans("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN")
_SURE = 10.0
"""Log-odds from which a barcode is turned round: one error in 20,000 if words were independent,
which they are not; measured on real barcodes in the tests."""


FILE = "strand.json"

_KEPT = 4096
"""Barcodes of which it is remembered; as many are on their way at once."""
_JUDGED = 100
"""Words from which a sequence can be told to be none of the gene."""
_LEAST_DISTINCT = 0.3
"""The share of different words below which a sequence is a repeat; nine in ten are in barcodes."""
_LEAST = 0.45
"""Log-odds a word. Measured with COI: above 0.73 in 99.9 % of 2,500 barcodes (0.57 in pieces of 150
bases), below 0.39 in 500 random sequences; of 500 that are rich in A and T, in 99 % below 0.44."""


def reverse_complement(barcode: str) -> str:
    """The other strand of a cleaned barcode."""
    return barcode.translate(_COMPLEMENT)[::-1]


class Strand:
    """Tells the strand of barcodes.

    Args:
        odds: float `[4096]`, the log-odds of each word for the strand of the references.
    """

    def __init__(self, odds: NDArray[np.float32]) -> None:
        self.odds = odds
        # A barcode is judged when it is read, and again when it has been compared.
        self._judged = lru_cache(_KEPT)(self._judge)

    @classmethod
    def of(cls, barcodes: Iterable[str]) -> Strand:
        """Learn from references, which are all on one strand (or nearly all)."""
        import numpy as np

        counts = np.zeros(_WORDS, np.int64)
        for barcode in barcodes:
            counts += np.bincount(_clear_words(barcode), minlength=_WORDS)
        forward = np.log(counts + 1.0)
        return cls((forward - forward[_turned_words()]).astype(np.float32))

    def log_odds(self, barcode: str) -> float:
        """How much speaks for the strand of the references; below 0 for the other one."""
        return self._judged(barcode)[0]

    def is_reversed(self, barcode: str) -> bool:
        """Whether a barcode is surely from the other strand than the references."""
        return self.log_odds(barcode) < -_SURE

    def is_strange(self, barcode: str) -> bool:
        """Whether a sequence of some length has the words of neither strand.

        Args:
            barcode: on the strand of the references, as far as that could be told.
        """
        odds, words, distinct = self._judged(barcode)
        if words < _JUDGED:
            return False
        return distinct < _LEAST_DISTINCT * words or odds < _LEAST * words

    def _judge(self, barcode: str) -> tuple[float, int, int]:
        """The log-odds of a barcode, how many words it has, and how many different ones."""
        numbers = _clear_words(barcode)
        distinct = len(set(numbers.tolist()))
        return float(self.odds[numbers].sum()), len(numbers), distinct

    def to_json(self) -> str:
        """The table as text."""
        return json.dumps({"odds": [round(float(odds), 2) for odds in self.odds]}) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Strand:
        """Read what `to_json` wrote.

        Raises:
            BAD_JSON (`core.typed_json`): where it is something else.
        """
        import numpy as np

        odds = np.array(json.loads(text)["odds"], dtype=np.float32)
        if odds.shape != (_WORDS,):
            raise ValueError(f"{len(odds)} words instead of {_WORDS}")
        return cls(odds)


def _clear_words(barcode: str) -> NDArray[np.int32]:
    """The words of a barcode, but those with an ambiguous base."""
    import numpy as np

    if len(barcode) < _K:
        return np.empty(0, np.int32)
    numbers = codes_of_letters(_WORDS)[np.frombuffer(barcode.encode("ascii", "replace"), np.uint8)]
    pairs = numbers[:-1] * 4 + numbers[1:]
    words = pairs[:-4] * 256 + pairs[2:-2] * 16 + pairs[4:]
    clear: NDArray[np.int32] = words[words < _WORDS]
    return clear


def _turned_words() -> NDArray[np.int64]:
    """For each word the number of its reverse complement."""
    import numpy as np

    numbers = np.arange(_WORDS)
    turned = np.zeros(_WORDS, np.int64)
    for _ in range(_K):
        turned = turned * 4 + (3 - numbers % 4)
        numbers = numbers // 4
    return turned
