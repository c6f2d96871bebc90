"""The words in file names, and the spellings of one name."""

import unicodedata
from pathlib import Path

import pytest

from embedding.data.names import caption_from_name, spellings


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a/DSC0012.JPG", "a"),
        ("20240101_120000.jpg", ""),
        ("Eiffel-Tower_2.webp", "eiffel tower"),
        ("103106960_e8a41d64f8.jpg", ""),
        ("dogs/550E8400-e29b-41d4-a716-446655440000.png", "dogs"),
        ("cafe_facade2.jpg", "cafe"),
        ("dad2 and me.jpg", "dad2 and me"),
        ("redCar.png", "red car"),
    ],
)
def test_file_names_as_captions(name: str, words: str) -> None:
    assert caption_from_name(name) == words


@pytest.mark.parametrize(
    "name",
    [
        "IMG_2033.jpg",
        "IMG_E2033.JPG",
        "img2033.jpg",
        "PXL_20230101_123456789.jpg",
        "PXL_20230101_123456789.PORTRAIT.jpg",
        "MVIMG_20190101_123456.jpg",
        "GOPR0123.JPG",
        "GX010123.jpg",
        "DJI_0001.jpg",
        "DSC_0001.JPG",
        "_DSC0001.JPG",
        "DSCF1234.JPG",
        "VID_20230101_123456.jpg",
        "P1010001.JPG",
        "IMG-20230101-WA0001.jpg",
        "WhatsApp Image 2023-01-01 at 12.34.56.jpeg",
        "WhatsApp Image 2023-01-01 at 12.34.56 (1).jpeg",
        "Screenshot 2024-05-01 at 3.04.05\u202fPM.png",
        "Screenshot_20230101-123456.png",
        "Screen Shot 2019-05-01 at 10.00.00.png",
        "Bildschirmfoto 2024-05-01 um 10.00.00.png",
        "Capture d\u2019e\u0301cran 2024-05-01 a\u0300 10.00.00.png",
        "FB_IMG_1580000000000.jpg",
        "signal-2023-01-01-123456.jpeg",
        "photo_2023-01-01_12-00-00.jpg",
        "image (3).png",
        "Photo on 01.02.23 at 10.11.jpg",
        "DCIM/100APPLE/IMG_0001.JPG",
        "Camera Roll/IMG_0001.JPG",
        "WhatsApp Images/IMG-20230101-WA0001.jpg",
        "👨\u200d👩\u200d👧.jpg",
        "❤\ufe0f.jpg",
        "(2).jpg",
    ],
)
def test_what_a_camera_or_a_messenger_gave_as_a_name_says_nothing(name: str) -> None:
    assert caption_from_name(name) == ""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("IMG_2033 beach sunset.jpg", "beach sunset"),
        ("2023-07-14 Oma im Garten.jpg", "oma im garten"),
        ("screenshot of the settings page.png", "screenshot of the settings page"),
        ("image of 3 dogs.jpg", "image of dogs"),
        ("signal.jpg", "signal"),
        ("photographer.jpg", "photographer"),
        ("imagination.jpg", "imagination"),
        ("Summer/DSC_0001 Anna.jpg", "summer anna"),
    ],
)
def test_words_beside_such_a_name_stay(name: str, words: str) -> None:
    assert caption_from_name(name) == words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("हिन्दी_कुत्ता.jpg", "हिन्दी कुत्ता"),
        ("สุนัขสีน้ำตาล.jpg", "สุนัขสีน้ำตาล"),
        ("cafe\u0301 cre\u0300me.jpg", "café crème"),
        ("写真\u3000夏.jpg", "写真 夏"),
        ("soft\u00adhyphen.jpg", "softhyphen"),
        ("no\u00a0break.jpg", "no break"),
        ("شجرة-كبيرة.jpg", "شجرة كبيرة"),
    ],
)
def test_words_of_every_script_stay_whole(name: str, words: str) -> None:
    assert caption_from_name(name) == words


def test_other_spellings_of_a_name_mean_the_same_file(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (tmp_path / "way").symlink_to(folder)
    composed = "sub/caf\u00e9.jpg"
    apart = unicodedata.normalize("NFD", composed)
    for name in (
        composed,
        apart,
        f"./{composed}",
        "sub\\caf\u00e9.jpg",
        f"sub//./../{apart}",
        str(folder / composed),
    ):
        assert {composed, apart} <= set(spellings(name, folder)), name
    (folder / "sub").mkdir()
    assert composed in spellings(str(tmp_path / "way" / composed), folder)
    assert composed in spellings(str(folder / composed), tmp_path / "way")
    assert spellings("sub\\a.jpg", folder)[0] == "sub\\a.jpg"
    assert spellings("/elsewhere/a.jpg", folder) == ["/elsewhere/a.jpg"]
