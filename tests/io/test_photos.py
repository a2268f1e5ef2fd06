from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from clibd_cli.io import photos
from clibd_cli.io.photos import (
    PhotoBytes,
    PhotoError,
    decode_photo,
    find_photos,
    load_photo,
    read_photo,
)
from tests.io.shared_data import DATA, needs_data

# A picture whose four corners tell every turn and flip apart.
CORNERS = np.zeros((20, 30, 3), dtype=np.uint8)
CORNERS[:10, :15], CORNERS[:10, 15:], CORNERS[10:, :15] = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decoded(data: bytes) -> Image.Image:
    return decode_photo(PhotoBytes(data, ""))


def reason(data: bytes) -> str:
    with pytest.raises(PhotoError) as caught:
        decoded(data)
    return str(caught.value)


def png(width: int, height: int, bits: int = 8, rows: bytes = b"") -> bytes:
    """A PNG that promises `width` x `height` pixels in colour, whatever `rows` hold."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + crc

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + data + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM", "TGA", "WEBP"])
def test_lossless_formats_are_exact(kind: str) -> None:
    data = saved(Image.fromarray(CORNERS), kind, **({"lossless": True} if kind == "WEBP" else {}))
    image = decoded(data)
    assert image.mode == "RGB"
    assert (np.asarray(image) == CORNERS).all()


def test_jpeg_is_close() -> None:
    image = decoded(saved(Image.fromarray(CORNERS), "JPEG", quality=95))
    assert image.mode == "RGB"
    assert np.abs(np.asarray(image)[5, 5].astype(int) - (255, 0, 0)).max() < 10


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "TIFF-lzw"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(kind: str, orientation: int) -> None:
    turn = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: np.rot90(np.fliplr(a)),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(np.fliplr(a), -1),
        8: np.rot90,
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, object] = {"exif": exif}
    if kind == "TIFF-lzw":
        options["compression"] = "tiff_lzw"
    image = decoded(saved(Image.fromarray(CORNERS), kind.partition("-")[0], **options))
    expected = turn(CORNERS)
    assert np.asarray(image).shape == expected.shape
    assert np.abs(np.asarray(image)[2::5, 2::5].astype(int) - expected[2::5, 2::5]).max() < 60


def test_damaged_exif_does_not_cost_the_photo() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "x" * 100
    data = saved(Image.fromarray(CORNERS), "JPEG", exif=exif)
    start = data.index(b"Exif\0\0")
    for length in range(6, 60):
        broken = data[: start + length] + b"\xff" * 20 + data[start + length + 20 :]
        assert decoded(broken).mode == "RGB"


def test_cmyk_grey_palette_and_bilevel() -> None:
    grey = Image.fromarray(CORNERS).convert("L")
    for image, kind in (
        (Image.fromarray(CORNERS).convert("CMYK"), "JPEG"),
        (Image.fromarray(CORNERS).convert("CMYK"), "TIFF"),
        (grey, "PNG"),
        (grey.convert("1"), "PNG"),
        (Image.fromarray(CORNERS).convert("P"), "GIF"),
        (Image.fromarray(CORNERS).convert("YCbCr"), "JPEG"),
    ):
        got = decoded(saved(image, kind))
        assert got.mode == "RGB"
        expected = np.asarray(image.convert("RGB")).astype(int)
        assert np.abs(np.asarray(got)[5, 5] - expected[5, 5]).max() < 12


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_loses_its_lower_byte(kind: str) -> None:
    values = np.array([[0, 255, 256, 4095, 32768, 65535]], dtype=np.uint16)
    got = np.asarray(decoded(saved(Image.fromarray(values), kind)))[0, :, 0]
    assert got.tolist() == [0, 0, 1, 15, 128, 255]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 100, 255]], dtype=np.int32), [0, 100, 255]),
        (np.array([[-5, 0, 65535]], dtype=np.int32), [0, 0, 255]),
        (np.array([[0, 1 << 20, 1 << 21]], dtype=np.int32), [0, 127, 255]),
        (np.array([[0.0, 0.5, 1.0]], dtype=np.float32), [0, 127, 255]),
        (np.array([[0.0, 100.0, 200.0]], dtype=np.float32), [0, 100, 200]),
        (np.array([[np.nan, np.inf, 1.0]], dtype=np.float32), [0, 0, 255]),
        (np.array([[0, 0, 0]], dtype=np.int32), [0, 0, 0]),
    ],
)
def test_thirty_two_bit_grey(values: np.ndarray, expected: list[int]) -> None:
    got = np.asarray(decoded(saved(Image.fromarray(values), "TIFF")))[0, :, 0]
    assert got.tolist() == expected


def test_sixteen_bit_colour() -> None:
    rows = b"".join(b"\0" + struct.pack(">3H", 65535, 32768, 255) * 2 for _ in range(2))
    assert decoded(png(2, 2, 16, rows)).getpixel((0, 0)) == (255, 128, 0)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB"])
def test_what_is_transparent_becomes_white(mode: str) -> None:
    if mode in ("RGBA", "LA"):
        image = Image.new("RGBA", (4, 4), (0, 0, 0, 0)).convert(mode)
        image.putpixel((0, 0), (10, 10, 10, 255) if mode == "RGBA" else (10, 255))
        data = saved(image, "PNG")
    else:
        image = Image.new("RGB", (4, 4), (0, 0, 0))
        image.putpixel((0, 0), (10, 10, 10))
        image = image.quantize() if mode == "P" else image
        clear = image.getpixel((1, 1))
        data = saved(image, "PNG", transparency=clear)
    got = decoded(data)
    assert got.mode == "RGB"
    assert got.getpixel((1, 1)) == (255, 255, 255)
    assert got.getpixel((0, 0)) == (10, 10, 10)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "PNG", "WEBP"])
def test_the_first_of_several_frames(kind: str) -> None:
    red, blue = Image.new("RGB", (9, 9), "red"), Image.new("RGB", (9, 9), "blue")
    data = saved(red, kind, save_all=True, append_images=[blue])
    r, _, b = decoded(data).getpixel((4, 4))  # type: ignore[misc]
    assert r > 200 > b


def test_a_giant_is_refused_from_its_header() -> None:
    assert "decompression bomb" in reason(png(50_000, 50_000))
    assert "13,400 × 13,300" in reason(png(13_400, 13_300))


def test_a_side_that_is_too_long_is_refused_from_its_header() -> None:
    assert "a side of 1 × 178,000,000 has more than 65,535" in reason(png(1, 178_000_000))
    assert "a side of 65,536 × 1 " in reason(png(65_536, 1))


def test_big_photos_are_decoded_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[bool] = []
    upright = photos._upright

    def watched(image: Image.Image) -> Image.Image:
        held.append(photos._BIG_PHOTO.locked())
        return upright(image)

    monkeypatch.setattr(photos, "_upright", watched)
    data = saved(Image.fromarray(CORNERS), "PNG")
    for limit in (600, 599):
        monkeypatch.setattr(photos, "BIG_PIXELS", limit)
        assert decoded(data).size == (30, 20)
    assert held == [False, True]
    assert "damaged or truncated" in reason(data[: len(data) // 2])
    assert not photos._BIG_PHOTO.locked()


def test_a_large_scan_is_read_without_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    # Pillow would warn from 1,000 pixels on; warnings are errors here.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    for kind in ("PNG", "TIFF"):
        assert decoded(saved(Image.fromarray(CORNERS), kind)).size == (30, 20)
    monkeypatch.setattr(photos, "MAX_PIXELS", 599)
    assert "30 × 20" in reason(saved(Image.fromarray(CORNERS), "PNG"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF"])
def test_truncated(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    data = saved(Image.fromarray(noise), kind)
    assert "damaged or truncated" in reason(data[: len(data) // 2])


def test_not_an_image() -> None:
    assert reason(b"specimen_id,order\n1,Diptera\n") == (
        "not an image in a format that can be read"
    )
    assert reason(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n").startswith("not an image")


def test_heic_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    photos._formats.cache_clear()
    try:
        assert "clibd[heic]" in reason(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
        assert "clibd[heic]" not in reason(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf" + bytes(99))
    finally:
        photos._formats.cache_clear()


@given(st.binary(max_size=200), st.sampled_from(["JPEG", "PNG", "TIFF", "GIF", "BMP", "WEBP"]))
@settings(deadline=None, max_examples=200)
def test_damage_is_a_photo_error_or_a_picture(noise: bytes, kind: str) -> None:
    data = saved(Image.fromarray(CORNERS), kind)
    for broken in (noise, data[:20] + noise, data[: len(data) // 2] + noise):
        try:
            assert decoded(broken).mode == "RGB"
        except PhotoError as error:
            assert str(error)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    for name, expected in (
        ("empty.jpg", "the file is empty"),
        ("gone.jpg", "the file cannot be read: No such file"),
        (".", "not a regular file"),
        ("a\0b.jpg", "the file cannot be read"),
    ):
        with pytest.raises(PhotoError, match=expected):
            read_photo(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(PhotoError, match="not a regular file"):
        read_photo(tmp_path / "pipe.jpg")


def test_a_huge_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "MAX_BYTES", 100)
    (tmp_path / "a.jpg").write_bytes(bytes(101))
    with pytest.raises(PhotoError, match="larger than 100 bytes"):
        read_photo(tmp_path / "a.jpg")


def test_hash_and_picture_are_of_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    data = saved(Image.fromarray(CORNERS), "PNG")
    path.write_bytes(data)
    photo = read_photo(path)
    path.write_bytes(b"changed meanwhile")
    assert photo.sha256 == hashlib.sha256(data).hexdigest()
    assert (np.asarray(decode_photo(photo)) == CORNERS).all()


def test_many_threads_and_no_traces(tmp_path: Path) -> None:
    good = tmp_path / "a.tif"
    good.write_bytes(saved(Image.fromarray(CORNERS), "TIFF"))
    (tmp_path / "b.jpg").write_bytes(b"no image")
    filters = list(warnings.filters)

    def load(number: int) -> str:
        try:
            return load_photo(good if number % 2 else tmp_path / "b.jpg").mode
        except PhotoError:
            return "error"

    with ThreadPoolExecutor(8) as pool:
        modes = list(pool.map(load, range(400)))
    assert modes == ["error", "RGB"] * 200
    assert warnings.filters == filters
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


@pytest.mark.realdata
@needs_data
def test_the_bioscan_photos_are_all_read() -> None:
    for photo in find_photos([DATA / "bioscan_photos"]):
        image = load_photo(photo.content)  # type: ignore[union-attr]
        assert (image.mode, image.size) == ("RGB", (1024, 768))


def test_a_large_jpeg_is_decoded_no_larger_than_needed() -> None:
    waves = np.sin(np.arange(1200) / 40)[:, None] * np.cos(np.arange(900) / 30)
    photo = Image.fromarray((waves * 100 + 128).astype(np.uint8)).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    data = PhotoBytes(saved(photo, "JPEG", quality=95, exif=exif), "")
    whole = decode_photo(data)
    assert (photo.size, whole.size) == ((900, 1200), (1200, 900))
    for side, size in ((451, (1200, 900)), (450, (600, 450)), (200, (300, 225)), (8, (150, 113))):
        scaled = decode_photo(data, side)
        assert scaled.size == size
        difference = np.subtract(whole.resize(size), scaled, dtype=np.float32)
        assert np.abs(difference).mean() < 4  # of 256; its rows may lie half a pixel beside
    assert decode_photo(PhotoBytes(saved(photo, "PNG"), ""), 8).size == photo.size


def test_a_jpeg_needs_no_other_readers(tmp_path: Path) -> None:
    (tmp_path / "one.jpg").write_bytes(saved(Image.new("RGB", (9, 9)), "JPEG"))
    program = (
        "import sys; from clibd_cli.io.photos import load_photo; load_photo(sys.argv[1]);"
        "sys.exit('PIL.TiffImagePlugin' in sys.modules or 'PIL.WebPImagePlugin' in sys.modules)"
    )
    words = [sys.executable, "-c", program, str(tmp_path / "one.jpg")]
    assert subprocess.run(words, check=False).returncode == 0


def test_a_photo_that_is_being_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "p.png").write_bytes(saved(Image.fromarray(CORNERS), "PNG"))
    monkeypatch.setattr(os, "fstat", lambda _: os.stat_result([0o100644, *[0] * 5, 9999, 0, 0, 0]))
    with pytest.raises(PhotoError, match="changed while it was read"):
        read_photo(tmp_path / "p.png")
