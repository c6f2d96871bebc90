"""Pictures from outside: the good ones become upright RGB, the bad ones say what is wrong."""

import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from embedding.data.decode import ImageTooLarge, NotAnImage, TruncatedImage, open_image


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


def test_a_size_that_pillow_itself_warns_about_is_too_large() -> None:
    with pytest.raises(ImageTooLarge):
        open_image(encoded(Image.new("1", (10_000, 9_500)), "PNG"))


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert open_image(data).getpixel((4, 4)) == (255, 0, 0)


def test_cmyk_is_converted() -> None:
    image = open_image(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    red, green, blue = image.getpixel((4, 4))
    assert image.mode == "RGB"
    assert red > 180
    assert max(green, blue) < 80


def test_exif_rotation_is_applied() -> None:
    image = Image.new("RGB", (40, 20), "blue")
    image.paste("red", (0, 0, 10, 20))  # the left edge, which belongs on top
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    upright = open_image(encoded(image, "PNG", exif=exif))
    assert upright.size == (20, 40)
    assert upright.getpixel((10, 2)) == (255, 0, 0)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_laid_on_white(mode: str) -> None:
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0)).convert(mode)
    options = {"transparency": clear.getpixel((0, 0))} if mode == "P" else {}
    assert open_image(encoded(clear, "PNG", **options)).getpixel((4, 4)) == (255, 255, 255)


def test_sixteen_bit_grey_keeps_its_tones() -> None:
    grey = Image.new("I;16", (4, 4), 32_768)
    assert open_image(encoded(grey, "PNG")).getpixel((1, 1)) == (127, 127, 127)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_image(tmp_path / "missing.png")
