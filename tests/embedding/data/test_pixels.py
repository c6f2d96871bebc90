"""Pixels of every mode become small upright RGB."""

import io

import numpy as np
import pytest
from PIL import Image

from embedding.data.decode import decode_image, open_image
from embedding.data.pixels import KEPT_PIXELS, to_rgb


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


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


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("PNG", "RGB"),
        ("PNG", "RGBA"),
        ("PNG", "P"),
        ("PNG", "1"),
        ("PNG", "I;16"),
        ("PNG", "LA"),
        ("JPEG", "RGB"),
        ("JPEG", "CMYK"),
        ("JPEG", "L"),
        ("GIF", "P"),
        ("WEBP", "RGBA"),
        ("TIFF", "F"),
        ("TIFF", "I"),
        ("TIFF", "I;16B"),
        ("BMP", "RGB"),
        ("AVIF", "RGB"),
    ],
)
def test_a_large_picture_is_shrunk_and_looks_the_same_in_every_mode(kind: str, mode: str) -> None:
    halves = Image.new("L", (3600, 2400), 255)
    halves.paste(0, (0, 0, 1800, 2400))
    if mode.startswith("I;16"):
        order = ">u2" if mode.endswith("B") else "<u2"
        picture = Image.fromarray((np.asarray(halves).astype(np.uint16) * 257).astype(order))
    else:
        picture = halves.convert(mode)
    assert picture.mode == mode
    opened = decode_image(encoded(picture, kind))
    assert opened.size == (3600, 2400)
    assert opened.image.mode == "RGB"
    assert opened.image.width * opened.image.height <= KEPT_PIXELS * 1.01
    assert opened.image.width / opened.image.height == pytest.approx(1.5, abs=0.01)
    left, right = (
        opened.image.resize((2, 1), Image.Resampling.BOX).getpixel((x, 0)) for x in (0, 1)
    )
    assert left == pytest.approx((0, 0, 0), abs=4)
    assert right == pytest.approx((255, 255, 255), abs=4)


def test_a_turned_picture_is_not_turned_again_by_the_next_reader() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    opened = open_image(encoded(Image.new("RGB", (40, 20)), "JPEG", exif=exif))
    assert to_rgb(opened).size == (20, 40)


@pytest.mark.parametrize("size", [(1, 9_000_000), (9_000_000, 1), (20_000, 300)])
def test_a_very_long_picture_keeps_its_short_side(size: tuple[int, int]) -> None:
    if max(size) > 65_000:
        opened = decode_image(encoded(Image.new("L", size, 7), "PNG"))
    else:
        opened = decode_image(encoded(Image.new("L", size, 7), "JPEG"))
    assert opened.size == size
    assert min(opened.image.size) >= 1
    assert opened.image.width * opened.image.height <= KEPT_PIXELS * 4
    assert opened.image.getpixel((0, 0)) == (7, 7, 7)


@pytest.mark.parametrize(
    ("values", "tones"),
    [
        (np.array([[0.0, 0.5, 1.0]], np.float32), [0, 127, 255]),
        (np.array([[-2.0, 0.0, 2.0]], np.float32), [0, 127, 255]),
        (np.array([[1000.0, 1500.0, 2000.0]], np.float32), [0, 127, 255]),
        (np.array([[np.nan, 0.0, 1.0]], np.float32), [0, 0, 255]),
        (np.array([[np.nan, np.nan, np.nan]], np.float32), [0, 0, 0]),
        (np.array([[9.0, 9.0, 9.0]], np.float32), [255, 255, 255]),
        (np.array([[0, 2048, 4095]], np.uint16), [0, 127, 255]),
        (np.array([[0, 32768, 65535]], np.uint16), [0, 127, 255]),
        (np.array([[-100, 0, 100]], np.int32), [0, 127, 255]),
        (np.array([[0, 500_000, 1_000_000]], np.int32), [0, 127, 255]),
    ],
)
def test_measurements_of_more_than_8_bits_do_not_come_out_black(
    values: np.ndarray, tones: list[int]
) -> None:
    opened = open_image(encoded(Image.fromarray(values), "TIFF"))
    assert [opened.getpixel((x, 0)) for x in range(3)] == [(tone,) * 3 for tone in tones]
