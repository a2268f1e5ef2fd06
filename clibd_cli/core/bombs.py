"""Files that unpack to far more than they are: recognised while they are unpacked, then refused."""

from __future__ import annotations

from typing import Any

from clibd_cli.core.errors import ClibdError

BOMB_BYTES = 1 << 30
"""A bomb is suspected only when more than this (1 GiB) has come out ..."""

BOMB_RATIO = 500
"""... at more than so many times the bytes that went in. Repeated barcodes stay below 200."""

_LONGEST_TEXT = 1 << 20
_LONG = 10_000
_LEAST_BYTES = 4


class BombGuard:
    """Counts what comes out of a packed file.

    Args:
        name: the file, for messages.
        taken: the bytes that went in so far.
    """

    def __init__(self, name: str, taken: int = 0) -> None:
        self._name = name
        self.taken = taken
        self._given = 0

    def add(self, given: int) -> None:
        """So many more bytes have come out.

        Raises:
            ClibdError: where that is a bomb.
        """
        self._given += given
        if self._given > BOMB_BYTES and self._given > BOMB_RATIO * self.taken:
            raise ClibdError(
                f"{self._name} unpacks to more than {BOMB_RATIO} times its size: "
                "a decompression bomb?",
                "If you trust the file, unpack it first and give the unpacked one.",
            )

    def expect(self, values: int) -> None:
        """A file says that it holds so many values; each takes four bytes at least."""
        if _LEAST_BYTES * values > BOMB_BYTES:
            BombGuard(self._name, self.taken).add(_LEAST_BYTES * values)

    def texts(self, column: Any) -> Any:
        """An Arrow array of texts for one of dictionary-encoded texts, as Parquet holds them.

        A text that stands in a million rows lies in the file once.

        Raises:
            ClibdError: where a text is too long to be any, or that is a bomb.
        """
        lengths = [len(text or "") for text in column.dictionary.to_pylist()]
        longest = max(lengths, default=0)
        if longest > _LONGEST_TEXT:
            raise ClibdError(
                f"{self._name} has a cell of {longest:,} characters", "Remove or shorten it."
            )
        if longest > _LONG:
            self.add(sum(lengths[i] for i in column.indices.to_pylist() if i is not None))
        return column.dictionary_decode()
