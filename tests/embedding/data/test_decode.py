"""Pictures from outside: the good ones become upright RGB, the bad ones say what is wrong."""

import contextlib
import io
import queue
import struct
import subprocess
import sys
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from embedding.data import decode
from embedding.data.decode import (
    MAX_PIXELS,
    ImageError,
    ImageTooLarge,
    NotAnImage,
    TruncatedImage,
    camera_dates,
    decode_image,
    open_image,
)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_a_path_bytes_and_a_file_give_the_same(tmp_path: Path) -> None:
    data = encoded(Image.new("RGB", (20, 10), "red"), "PNG")
    (tmp_path / "red.png").write_bytes(data)
    opened = [open_image(tmp_path / "red.png"), open_image(data), open_image(io.BytesIO(data))]
    assert {image.size for image in opened} == {(20, 10)}
    assert {image.getpixel((3, 3)) for image in opened} == {(255, 0, 0)}


@pytest.mark.parametrize("data", [b"", b"hello", b"<svg xmlns='x'/>", b"\xff" * 500])
def test_not_an_image(data: bytes) -> None:
    with pytest.raises(NotAnImage, match=f"{len(data)} bytes"):
        open_image(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_truncated(kind: str) -> None:
    noise = Image.effect_noise((200, 200), 90).convert("RGB")
    data = encoded(noise, kind)
    with pytest.raises((TruncatedImage, NotAnImage)) as caught:
        open_image(data[: len(data) // 2])
    if kind in ("PNG", "JPEG"):
        assert caught.type is TruncatedImage


def test_too_many_pixels_are_refused_before_decoding() -> None:
    # A PNG that claims 20,000 x 20,000 pixels and holds none of them: decoding it would say
    # that it is truncated.
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    idat = b"IDAT" + zlib.compress(b"")
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (chunk, idat)
    )
    with pytest.raises(ImageTooLarge):
        open_image(data)
    with pytest.raises(ImageTooLarge, match="20 x 10 pixels, more than the 199"):
        open_image(encoded(Image.new("RGB", (20, 10)), "PNG"), max_pixels=199)
    assert open_image(encoded(Image.new("RGB", (20, 10)), "PNG"), max_pixels=200).size == (20, 10)


def test_ones_own_files_may_be_larger_than_pillow_itself_allows() -> None:
    limit = Image.MAX_IMAGE_PIXELS
    data = encoded(Image.new("1", (20_000, 10_000), 1), "PNG")
    opened = decode_image(data)
    assert opened.size == (20_000, 10_000)
    assert opened.image.getpixel((9, 9)) == (255, 255, 255)
    with pytest.raises(ImageTooLarge, match="20000 x 10000 pixels, more than the 50,000,000"):
        decode_image(data, max_pixels=50_000_000)
    with pytest.raises(ImageTooLarge, match=f"{MAX_PIXELS:,}"):
        decode_image(encoded(Image.new("1", (20_000, 12_501)), "PNG"))
    assert limit == Image.MAX_IMAGE_PIXELS


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert open_image(data).getpixel((4, 4)) == (255, 0, 0)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_image(tmp_path / "missing.png")


def test_the_size_told_is_that_of_the_whole_picture_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    opened = decode_image(encoded(Image.new("RGB", (4000, 1000)), "JPEG", exif=exif))
    assert opened.size == (1000, 4000)
    assert opened.image.height > opened.image.width


def exif_blocks() -> list[bytes]:
    """EXIF blocks that are broken, each in another way."""
    first_ifd = b"Exif\0\0MM\0*\0\0\0\x08"
    orientation_as_text = b"\0\x01" + struct.pack(">HHI4s", 0x0112, 2, 4, b"six\0") + b"\0" * 4
    offset_out_of_file = b"\0\x01" + struct.pack(">HHII", 0x8769, 4, 1, 2**31) + b"\0" * 4
    return [
        b"Exif\0\0" + b"no TIFF header at all",
        b"Exif\0\0",
        first_ifd,
        first_ifd + b"\xff\xff" + b"\xff" * 40,
        first_ifd + orientation_as_text,
        first_ifd + offset_out_of_file,
    ]


@pytest.mark.parametrize("block", exif_blocks())
@pytest.mark.filterwarnings("ignore")  # Pillow warns of what is damaged
def test_a_broken_exif_block_does_not_make_a_picture_bad(block: bytes) -> None:
    plain = encoded(Image.new("RGB", (40, 20), "red"), "JPEG")
    data = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + plain[2:]
    opened = decode_image(data)
    assert opened.size == opened.image.size == (40, 20)
    assert opened.image.getpixel((9, 9)) == pytest.approx((255, 0, 0), abs=4)
    assert camera_dates(data) == []


def test_the_dates_of_the_camera_are_read_and_rubbish_has_none() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9004] = "2021:05:06 07:08:09"
    exif.get_ifd(0x8769)[0x9003] = "2020:01:02 03:04:05"
    data = encoded(Image.new("RGB", (4, 4)), "JPEG", exif=exif)
    assert camera_dates(data) == ["2020:01:02 03:04:05", "2021:05:06 07:08:09"]
    assert camera_dates(b"rubbish") == []


@pytest.mark.parametrize(
    "kind", ["EPS", "ICNS", "ICO", "TGA", "PCX", "PPM", "DDS", "PDF", "JPEG2000"]
)
def test_only_the_formats_named_are_opened(kind: str) -> None:
    data = encoded(Image.new("RGB", (64, 64), "red"), kind)
    with pytest.raises(NotAnImage, match="use JPEG, PNG, WebP, GIF, BMP, TIFF"):
        open_image(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
@pytest.mark.filterwarnings("ignore")  # Pillow warns of what is damaged
def test_damage_anywhere_is_a_picture_or_a_refusal_and_nothing_else(kind: str) -> None:
    whole = encoded(Image.effect_noise((60, 40), 90).convert("RGB"), kind)
    chance = np.random.default_rng(0)
    for _ in range(60):
        data = bytearray(whole)
        for place in chance.integers(0, len(data), 8):
            data[place] = int(chance.integers(256))
        with contextlib.suppress(ImageError):
            assert decode_image(bytes(data)).image.mode == "RGB"


@pytest.mark.parametrize("error", [RuntimeError, MemoryError, KeyError, AssertionError, TypeError])
def test_whatever_pillow_raises_becomes_a_refusal(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_image: object) -> None:
        raise error("from deep inside")

    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    with pytest.raises(TruncatedImage, match=r"^the picture is truncated or damaged \(\d+ bytes\)"):
        open_image(encoded(Image.new("RGB", (8, 8)), "BMP"))


def test_big_pictures_are_decoded_two_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    entered: queue.Queue[object] = queue.Queue()
    finish = threading.Event()
    plain = decode._decode

    def slow(image: Image.Image, keep_pixels: int) -> decode.Decoded:
        if image.width > 1000:
            entered.put(image)
            assert finish.wait(60)
        return plain(image, keep_pixels)

    monkeypatch.setattr(decode, "_decode", slow)
    big = encoded(Image.new("1", (5000, 4000)), "PNG")
    with ThreadPoolExecutor(5) as pool:
        opened = [pool.submit(open_image, big) for _ in range(5)]
        first = [entered.get(timeout=60) for _ in range(2)]
        with pytest.raises(queue.Empty):
            entered.get(timeout=0.3)
        # Small ones do not wait for them.
        assert open_image(encoded(Image.new("1", (50, 40)), "PNG")).size == (50, 40)
        finish.set()
        assert len({future.result().size for future in opened}) == len(first) - 1


_PEAK = """
import resource, sys
from embedding.data.decode import open_image
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
open_image(open(sys.argv[1], "rb"))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux")
@pytest.mark.parametrize(("mode", "bytes_a_pixel"), [("P", 1), ("RGBA", 4)])
def test_a_large_picture_is_never_held_twice(mode: str, bytes_a_pixel: int, tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    Image.new("RGB", (7000, 7000), "red").convert(mode).save(path)
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, str(path)], capture_output=True, text=True, check=True
    )
    # The decoder's own picture, and 60 MB for strips and the small copy.
    assert int(done.stdout) < 7000 * 7000 * bytes_a_pixel + 60_000_000


def test_photographs_of_iphones_are_opened_with_the_extra() -> None:
    heif = pytest.importorskip("pillow_heif", reason="the extra heic is not installed")
    heif.register_heif_opener()
    data = encoded(Image.new("RGB", (40, 20), "red"), "HEIF")
    assert ".heic" in decode.IMAGE_SUFFIXES
    assert open_image(data).getpixel((9, 9)) == pytest.approx((255, 0, 0), abs=6)
    with pytest.raises(ImageError):
        open_image(data[: len(data) // 2])
