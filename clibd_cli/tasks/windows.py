"""Small steps that streams of specimens go through on their way to an encoder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import TypeVar

from clibd_cli.core.errors import UsageError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shard:
    """One job's share of the records: number `i` of `n`, counted from 1."""

    i: int
    n: int

    @property
    def name(self) -> str:
        """The name of the shard's own store inside the store."""
        return f"shard-{self.i}-of-{self.n}"

    def take(self, records: Iterable[T]) -> Iterator[T]:
        """Every `n`-th record, beginning with the `i`-th."""
        return islice(records, self.i - 1, None, self.n)


def parse_shard(text: str) -> Shard:
    """Read `i/n`; `0/n` means `n/n`, for job arrays that count from 0."""
    try:
        i, n = (int(part) for part in text.split("/"))
    except ValueError:
        i, n = -1, 0
    if not 0 <= i <= n or n < 1:
        raise UsageError(
            f"--shard {text} is not of the form i/n with i from 1 to n", "Write for example 2/8."
        )
    return Shard(i or n, n)


def windows(records: Iterable[T], size: int) -> Iterator[Iterator[T]]:
    """Cut a stream into runs of `size`; each must be used up before the next is asked for."""
    stream = iter(records)
    for first in stream:
        yield chain([first], islice(stream, size - 1))
