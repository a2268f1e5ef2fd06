"""Gzip and zstd, recognised by their first bytes and inflated in small steps.

The decoders are driven piece by piece rather than through `gzip.open`, for three reasons: a file
that breaks off must give everything before the break, one step must never inflate into gigabytes,
and what goes in and comes out must be counted to refuse decompression bombs.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from itertools import chain
from typing import Protocol

from clibd_cli.core.bombs import BombGuard
from clibd_cli.core.errors import ClibdError

_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = tuple(bytes([0x50 + i]) + b"\x2a\x4d\x18" for i in range(16))


class BrokenInputError(ClibdError):
    """The input ends in the middle: what came before is good, the rest cannot be had.

    Attributes:
        at_end: whether what came before is whole, so that its last record is, too.
    """

    def __init__(self, message: str, hint: str | None = None, at_end: bool = False) -> None:
        super().__init__(message, hint)
        self.at_end = at_end


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Codec:
    """How to inflate one format.

    Attributes:
        magics: with which bytes a member may begin.
        piece: how many bytes go in at once; it bounds what can come out at once (16-32 MB).
    """

    name: str
    magics: tuple[bytes, ...]
    new_decoder: Callable[[], _Decoder]
    errors: tuple[type[Exception], ...]
    piece: int


def decompressed(blocks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Inflate `blocks` where the first of them begins as gzip or zstd; else pass them on.

    Args:
        blocks: bytes of a file; the first block holds at least 8 bytes where the file does.
        name: the file, for messages.

    Raises:
        BrokenInputError: where the compressed data end too early or are damaged.
        ClibdError: for a decompression bomb, or zstd without a library that reads it.
    """
    head = next(blocks, b"")
    whole = chain([head], blocks)
    if head.startswith(_GZIP_MAGIC):
        return _inflated(whole, _gzip(), name)
    if head.startswith(_ZSTD_MAGIC):
        return _inflated(whole, _zstd(name), name)
    return whole


def _gzip() -> _Codec:
    return _Codec("gzip", (_GZIP_MAGIC,), _new_gzip, (zlib.error,), 1 << 14)


def _new_gzip() -> _Decoder:
    return zlib.decompressobj(wbits=31)


def _zstd(name: str) -> _Codec:
    magics = (_ZSTD_MAGIC, *_ZSTD_SKIPPABLE)
    try:
        library = import_module("compression.zstd")  # Python 3.14
        return _Codec("zstd", magics, library.ZstdDecompressor, (library.ZstdError,), 1 << 10)
    except ImportError:
        pass
    try:
        library = import_module("zstandard")
    except ImportError as error:
        raise ClibdError(
            f"{name} is compressed with zstd, which needs one more library",
            "Install it: pip install 'clibd[zstd]'. Or unpack the file: zstd -d FILE.",
        ) from error
    decompressor = library.ZstdDecompressor()
    return _Codec("zstd", magics, decompressor.decompressobj, (library.ZstdError,), 1 << 10)


def _inflated(blocks: Iterator[bytes], codec: _Codec, name: str) -> Iterator[bytes]:
    decoder: _Decoder | None = None
    guard = BombGuard(name)
    for piece in _pieces(blocks, codec.piece):
        guard.taken += len(piece)
        left = piece
        while left:
            if decoder is None:
                left = left.lstrip(b"\0")  # padding between members, as tape tools write it
                if not left:
                    break
                if not any(left.startswith(magic[: len(left)]) for magic in codec.magics):
                    raise BrokenInputError(
                        f"{name} goes on with something else after its {codec.name} data",
                        "Copy or download the file again.",
                        at_end=True,
                    )
                decoder = codec.new_decoder()
            # A decoder that fails keeps what it has inflated so far to itself.
            spare = _copy(decoder)
            try:
                data = decoder.decompress(left)
            except codec.errors as error:
                if spare is not None:
                    yield from _until_damage(spare, left, codec)
                raise BrokenInputError(
                    f"{name} is damaged: its {codec.name} data cannot be read ({error})",
                    "Copy or download the file again.",
                ) from error
            left = b""
            if decoder.eof:
                left, decoder = decoder.unused_data, None
            guard.add(len(data))
            yield data
    if decoder is not None:
        raise BrokenInputError(
            f"{name} breaks off: its {codec.name} data end too early",
            "Copy or download the file again.",
        )


def _copy(decoder: _Decoder) -> _Decoder | None:
    """The decoder in its present state once more; zstd has none, but its pieces are small."""
    copy: Callable[[], _Decoder] | None = getattr(decoder, "copy", None)
    return None if copy is None else copy()


def _until_damage(decoder: _Decoder, data: bytes, codec: _Codec) -> Iterator[bytes]:
    """What can be inflated of `data` before the byte at which the decoder fails."""
    with suppress(*codec.errors):
        for i in range(len(data)):
            yield decoder.decompress(data[i : i + 1])


def _pieces(blocks: Iterator[bytes], size: int) -> Iterator[bytes]:
    for block in blocks:
        yield from (block[start : start + size] for start in range(0, len(block), size))
