from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterator

import pytest

from clibd_cli.core import bombs
from clibd_cli.core.errors import ClibdError
from clibd_cli.io.inflate import BrokenInputError, decompressed

TEXT = b"".join(b">id%d\nACGTTGCA\n" % i for i in range(20_000))


def blocks(data: bytes, size: int = 4096) -> Iterator[bytes]:
    return (data[i : i + size] for i in range(0, len(data), size))


def inflated(data: bytes) -> bytes:
    return b"".join(decompressed(blocks(data), "f.gz"))


def test_plain_data_pass() -> None:
    assert inflated(TEXT) == TEXT
    assert inflated(b"") == b""


def test_gzip_of_one_and_of_several_members() -> None:
    assert inflated(gzip.compress(TEXT)) == TEXT
    assert inflated(b"".join(gzip.compress(part) for part in blocks(TEXT))) == TEXT


def test_padding_after_gzip_is_no_damage() -> None:
    assert inflated(gzip.compress(TEXT) + bytes(1000)) == TEXT


def test_damage_is_told() -> None:
    data = bytearray(gzip.compress(TEXT))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(BrokenInputError, match=r"f\.gz is damaged"):
        inflated(bytes(data))


def test_garbage_after_gzip_comes_after_the_content() -> None:
    stream = decompressed(blocks(gzip.compress(TEXT) + b"garbage"), "f.gz")
    got = b""
    with pytest.raises(BrokenInputError):
        for block in stream:
            got += block
    assert got == TEXT


def until_break(data: bytes) -> tuple[bytes, BrokenInputError]:
    got = b""
    stream = decompressed(blocks(data), "f.gz")
    with pytest.raises(BrokenInputError) as caught:
        for block in stream:
            got += block
    return got, caught.value


def test_only_what_follows_a_whole_member_leaves_its_last_record_whole() -> None:
    packed = gzip.compress(TEXT)
    assert until_break(packed + b"garbage")[1].at_end
    assert not until_break(packed[:-100])[1].at_end
    assert not until_break(packed + packed[:5000])[1].at_end
    assert not until_break(packed + b"\x1f\x8b\xff\xff" + bytes(20))[1].at_end


@pytest.mark.parametrize("at", [300, 1000, 5000, 15_000, 20_000])
def test_all_before_the_damage_comes_out(at: int) -> None:
    # Stored blocks of 100 bytes: the damage at `at` costs nothing that lies before its block.
    stored = zlib.compressobj(0, wbits=31)
    parts = [stored.compress(part) + stored.flush(zlib.Z_FULL_FLUSH) for part in blocks(TEXT, 100)]
    data = bytearray(b"".join(parts) + stored.flush())
    data[at : at + 300] = b"\xff" * 300
    got, _ = until_break(bytes(data))
    whole = len(got[: at // 2])
    assert len(got) >= at * 0.8
    assert got[:whole] == TEXT[:whole]


def test_zstd_may_go_on_with_a_frame_to_skip() -> None:
    zstandard = pytest.importorskip("zstandard")
    table = b"\x5e\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"seek"
    assert inflated(zstandard.compress(TEXT) + table) == TEXT


def test_zstd_whole_in_frames_and_cut() -> None:
    zstandard = pytest.importorskip("zstandard")
    data = zstandard.compress(TEXT)
    assert inflated(data) == TEXT
    assert inflated(data + data) == TEXT + TEXT
    with pytest.raises(BrokenInputError, match="breaks off: its zstd data"):
        inflated(data[:-10])


def test_zstd_without_a_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    monkeypatch.setitem(sys.modules, "compression.zstd", None)
    with pytest.raises(ClibdError, match="needs one more library") as caught:
        inflated(b"\x28\xb5\x2f\xfd" + bytes(100))
    assert "clibd[zstd]" in str(caught.value.hint)


def test_zstd_of_the_standard_library_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    zstandard = pytest.importorskip("zstandard")
    made: list[bool] = []

    class Module:
        ZstdError = zstandard.ZstdError

        @staticmethod
        def ZstdDecompressor() -> object:  # noqa: N802
            made.append(True)
            return zstandard.ZstdDecompressor().decompressobj()

    monkeypatch.setitem(sys.modules, "compression", Module())
    monkeypatch.setitem(sys.modules, "compression.zstd", Module())
    assert inflated(zstandard.compress(TEXT)) == TEXT
    assert made


def test_a_bomb_is_refused_and_a_dense_file_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bombs, "BOMB_BYTES", 1 << 20)
    with pytest.raises(ClibdError, match="decompression bomb") as caught:
        inflated(gzip.compress(b"A" * (8 << 20)))
    assert not isinstance(caught.value, BrokenInputError)
    same_barcode = b"".join(b">specimen%d\n" % i + b"ACGTTGCAAC" * 66 + b"\n" for i in range(4000))
    assert inflated(gzip.compress(same_barcode)) == same_barcode


def test_one_step_stays_small() -> None:
    zstandard = pytest.importorskip("zstandard")
    data = zstandard.compress(bytes(200 << 20))
    largest = max(len(block) for block in decompressed(blocks(data, 1 << 16), "f"))
    assert largest <= 64 << 20
