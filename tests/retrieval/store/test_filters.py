from pathlib import Path

import pytest
from PIL import ExifTags, Image

from retrieval.bundle.build import build_bundle
from retrieval.bundle.bundle import Bundle
from retrieval.bundle.sources import Candidate, read_source
from retrieval.errors import RetrievalError
from retrieval.search.query import Query
from retrieval.store.filters import (
    Facets,
    FilterIndex,
    indexed_metadata,
    normalize_date,
    write_filters,
)

PICTURES: list[tuple[str, dict[str, str]]] = [
    ("holiday/rome/a.jpg", {"date": "2023-06-14", "tags": "Sunset, old town"}),
    ("holiday/b.jpg", {"date": "2023-06", "tag": "sunset"}),
    ("holiday2/c.jpg", {"date": "2022:12:31 23:59:59"}),
    ("work/d.jpg", {"date": "some day", "author": "Ann"}),
    ("e.jpg", {"date": "2024/1/5", "tags": "cat;dog|"}),
]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> FilterIndex:
    directory = tmp_path_factory.mktemp("filters")
    write_filters(directory, PICTURES)
    return FilterIndex.open(directory)


def rows_where(index: FilterIndex, filters: list[tuple[str, str]]) -> list[int]:
    rows = [set(index.rows(key, value).tolist()) for key, value in filters]
    return sorted(set.intersection(*rows))


@pytest.mark.parametrize(
    ("filters", "rows"),
    [
        ([("folder", "holiday")], [0, 1]),
        ([("folder", "holiday/")], [0, 1]),
        ([("folder", "holiday/rome")], [0]),
        ([("folder", "/")], [0, 1, 2, 3, 4]),
        ([("date", "2023")], [0, 1]),
        ([("date", "2023-06")], [0, 1]),
        ([("date", "2023-06-14")], [0]),
        ([("date", "2023-6-14")], [0]),
        ([("date", "2022..2023")], [0, 1, 2]),
        ([("date", "2022-12-31..2023-06-13")], [1, 2]),
        ([("date", "2023..")], [0, 1, 4]),
        ([("date", "..2022")], [2]),
        ([("date", "1999")], []),
        ([("tag", "SUNSET")], [0, 1]),
        ([("tag", "old  town")], [0]),
        ([("tag", "dog")], [4]),
        ([("tag", "old")], []),
        ([("author", "Ann")], [3]),
        ([("author", "ann")], []),
        ([("tag", "sunset"), ("date", "2023-06-14"), ("folder", "holiday")], [0]),
        ([("date", "2023.."), ("date", "..2023")], [0, 1]),
    ],
)
def test_filters(index: FilterIndex, filters: list[tuple[str, str]], rows: list[int]) -> None:
    assert rows_where(index, filters) == rows


@pytest.mark.parametrize("value", ["", "..", "yesterday", "2023-13", "20233", "2022..later"])
def test_a_date_that_is_none_is_named(index: FilterIndex, value: str) -> None:
    with pytest.raises(RetrievalError, match=r"is not understood; write 2023") as caught:
        index.rows("date", value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("text", ["", "\0", "\ud800", "a\0b", "\U0010ffff", "~" * 5_000])
def test_whatever_is_asked_for_is_safe(index: FilterIndex, text: str) -> None:
    for key in ("folder", "tag", "author", text):
        assert set(index.rows(key, text).tolist()) <= set(range(5))
    assert len(index.rows(text, "x")) == 0


def test_no_row_comes_twice(index: FilterIndex) -> None:
    for key, value in (("folder", "/"), ("date", "1000..3000"), ("tag", "sunset")):
        rows = index.rows(key, value).tolist()
        assert len(rows) == len(set(rows))


def test_a_gallery_of_none_has_no_facets(tmp_path: Path) -> None:
    write_filters(tmp_path, [])
    assert FilterIndex.open(tmp_path).facets() == Facets()


def test_facets_count_what_there_is(index: FilterIndex) -> None:
    assert index.facets() == Facets(
        {"holiday": 2, "holiday/rome": 1, "holiday2": 1, "work": 1},
        {"2023": 2, "2022": 1, "2024": 1},
        {"sunset": 2, "cat": 1, "dog": 1, "old town": 1},
    )
    assert next(iter(index.facets().folders)) == "holiday"


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2023", "2023"),
        ("2023-6", "2023-06"),
        ("2023/06/04", "2023-06-04"),
        ("2023:06:14 10:00:00", "2023-06-14"),
        ("2023-06-14T10:00:00Z", "2023-06-14"),
        ("0000:00:00 00:00:00", None),
        ("2023-06-32", None),
        ("14.6.2023", None),
        ("", None),
    ],
)
def test_normalize_date(text: str, date: str | None) -> None:
    assert normalize_date(text) == date


def test_a_date_that_is_none_is_not_indexed() -> None:
    assert indexed_metadata({"date": "spring", "tags": " , "}) == {("tags", " , ")}


def save_with_date(path: Path, color: str, tag: int, value: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[tag] = value
    Image.new("RGB", (40, 40), color).save(path, exif=exif)


def test_the_date_comes_from_the_camera(tmp_path: Path) -> None:
    for name, tag, value, taken in (
        ("a.jpg", ExifTags.Base.DateTimeOriginal, "2021:03:04 05:06:07", "2021-03-04"),
        ("b.jpg", ExifTags.Base.DateTimeDigitized, "2020:03:04 05:06:07", "2020-03-04"),
        ("c.jpg", ExifTags.Base.DateTimeOriginal, "0000:00:00 00:00:00", None),
    ):
        save_with_date(tmp_path / name, "red", tag, value)
        assert read_source(Candidate(tmp_path / name), tmp_path).taken == taken
    (tmp_path / "no.jpg").write_bytes(b"Exif\0\0 no picture")
    assert read_source(Candidate(tmp_path / "no.jpg"), tmp_path).taken is None
    damaged = (tmp_path / "a.jpg").read_bytes().replace(b"\x87\x69", b"\x87\x68")
    (tmp_path / "e.jpg").write_bytes(damaged)
    assert read_source(Candidate(tmp_path / "e.jpg"), tmp_path).taken is None


def test_built_with_dates_and_searched_by_them(shapes_model_dir: Path, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    original = ExifTags.Base.DateTimeOriginal
    save_with_date(pictures / "red.jpg", "red", original, "2021:03:04 05:06:07")
    save_with_date(pictures / "blue.jpg", "blue", original, "2022:03:04 05:06:07")
    report = build_bundle(
        [Candidate(pictures / "red.jpg"), Candidate(pictures / "blue.jpg", (), {"date": "2020"})],
        root=pictures,
        model_dir=shapes_model_dir,
        bundles=tmp_path / "bundles",
    )
    with Bundle.open(tmp_path / "bundles", report.version) as bundle:
        assert dict(bundle.store.facets().years) == {"2020": 1, "2021": 1}
        query = Query(texts=("a circle",)).filter("date", "2021")
        hits = bundle.searcher.search(query).hits
        assert [hit.metadata["date"] for hit in hits] == ["2021-03-04"]
        assert len(bundle.searcher.search(query.unfilter("date")).hits) == 2
