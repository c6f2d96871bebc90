import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retrieval.errors import GalleryError
from retrieval.store.gallery import Gallery, GalleryImage
from retrieval.store.gallery_writer import GalleryWriter

CAPTIONS = {
    "dog.png": ("A brown dog runs", "two dogs, actually"),
    "holiday/cat.png": ("a cat sleeping on the sofa",),
    "holiday/beach/sea.png": ("waves on the beach",),
    "holiday2/party.png": ("party popper: congratulations",),
    "her.png": ("her",),
    "plain.png": (),
}


def image(number: int, path: str, captions: tuple[str, ...]) -> GalleryImage:
    sha256 = f"{number:064x}"[::-1]
    metadata = {"even": str(number % 2 == 0), "name": Path(path).stem}
    return GalleryImage(sha256[:16], path, sha256, 10 + number, 20, captions, metadata)


def write(path: Path, root: Path, images: list[GalleryImage]) -> Gallery:
    with GalleryWriter(path, root, "by me") as writer:
        for row, one in enumerate(images):
            writer.add(row, one)
    return Gallery.open(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "röot #1"
    for path in CAPTIONS:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    return root


@pytest.fixture
def images() -> list[GalleryImage]:
    return [image(i + 1, path, captions) for i, (path, captions) in enumerate(CAPTIONS.items())]


@pytest.fixture
def gallery(root: Path, images: list[GalleryImage], tmp_path: Path) -> Gallery:
    gallery = write(tmp_path / "gallery ?%41.sqlite", root, images)
    yield gallery  # type: ignore[misc]
    gallery.close()


def test_gives_back_what_was_written(gallery: Gallery, images: list[GalleryImage]) -> None:
    assert len(gallery) == 6
    assert gallery.captioned == 5
    assert gallery.attribution == "by me"
    assert gallery.by_rows([4, 0, 4]) == [images[4], images[0], images[4]]
    assert gallery.get(images[2].image_id) == images[2]
    assert gallery.get("0" * 16) is None
    assert gallery.rows_of([images[3].image_id, "nope", images[1].image_id]) == [3, 1]
    with pytest.raises(GalleryError, match="no row 6"):
        gallery.by_rows([0, 6])


def test_captions_are_found_by_their_stem(gallery: Gallery) -> None:
    assert [row for row, _ in gallery.search_captions("DOGS", 5)] == [0]
    assert [row for row, _ in gallery.search_captions("to congratulate her!", 5)] == [3]
    assert gallery.search_captions("zebra", 5) == []


def test_function_words_find_nothing(gallery: Gallery) -> None:
    assert gallery.search_captions("something to her, the", 5) == []


def test_better_matches_come_first_and_the_limit_holds(gallery: Gallery) -> None:
    found = gallery.search_captions("cat dog sofa", 5)
    assert [row for row, _ in found] == [1, 0]
    assert found[0][1] > found[1][1]
    assert gallery.search_captions("cat dog sofa", 1) == found[:1]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.text()
    | st.sampled_from(['"', "dog AND", "NEAR(", "text:dog", "-dog", "do*", "\x00dog", "\ud800 dog"])
)
def test_whatever_is_typed_is_safe(gallery: Gallery, text: str) -> None:
    gallery.search_captions(text, 5)
    gallery.rows_mentioning([text])
    gallery.rows_where([(text, text), ("folder", text)])
    assert gallery.get(text) is None
    assert gallery.rows_of([text]) == []


def test_very_long_texts_are_searched(gallery: Gallery) -> None:
    text = "dog " + " ".join(f"word{i}" for i in range(3_000))
    assert [row for row, _ in gallery.search_captions(text, 5)] == [0]


def test_words_in_and_best_caption(gallery: Gallery) -> None:
    words = ["running", "dogs", "cats"]
    assert gallery.words_in(words, [0, 1, 2]) == {0: ("running", "dogs"), 1: ("cats",), 2: ()}
    assert gallery.best_captions(words, [0, 1, 2]) == {
        0: "A brown dog runs",
        1: "a cat sleeping on the sofa",
    }
    assert gallery.best_captions(["two"], [0]) == {0: "two dogs, actually"}
    assert gallery.best_captions([], [0]) == {}


def test_rare_words_weigh_more(gallery: Gallery) -> None:
    assert gallery.word_weight("unheard") > gallery.word_weight("cat") > 0
    assert gallery.word_weight("a") < gallery.word_weight("cat")


def test_mentions_for_exclusion(gallery: Gallery) -> None:
    assert gallery.rows_mentioning(["any dog"]) == {0}
    assert gallery.rows_mentioning(["brown dogs", "beaches"]) == {0, 2}
    assert gallery.rows_mentioning(["dog brown"]) == set()
    assert gallery.rows_mentioning([]) == gallery.rows_mentioning(["!"]) == set()


def test_filters(gallery: Gallery) -> None:
    assert gallery.rows_where([]) == [0, 1, 2, 3, 4, 5]
    assert gallery.rows_where([("even", "True")]) == [1, 3, 5]
    assert gallery.rows_where([("even", "True"), ("name", "cat")]) == [1]
    assert gallery.rows_where([("even", "true")]) == []
    assert gallery.rows_where([("folder", "holiday/")]) == [1, 2]
    assert gallery.rows_where([("folder", "holiday/beach")]) == [2]
    assert gallery.rows_where([("folder", "/")]) == [0, 1, 2, 3, 4, 5]
    assert gallery.rows_where([("folder", "holi")]) == []


def test_resolves_inside_the_root(gallery: Gallery, root: Path) -> None:
    for one in gallery.by_rows(range(6)):
        assert gallery.resolve(one.image_id).read_text() == one.path
    assert gallery.root == root


@pytest.mark.parametrize(
    "path", ["../secret", "holiday/../../secret", "{absolute}", "link", "loop"]
)
def test_never_leaves_the_root(root: Path, tmp_path: Path, path: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (root / "link").symlink_to(secret)
    (root / "loop").symlink_to(root / "loop")
    bad = image(1, path.format(absolute=secret), ())
    gallery = write(tmp_path / "bad.sqlite", root, [bad])
    with pytest.raises(GalleryError, match=r"leaves the gallery|is gone"):
        gallery.resolve(bad.image_id)
    gallery.close()


def test_only_files_are_resolved(root: Path, tmp_path: Path) -> None:
    os.mkfifo(root / "pipe")
    images = [image(1, "holiday", ()), image(2, "pipe", ()), image(3, "nul\0byte", ())]
    gallery = write(tmp_path / "bad.sqlite", root, images)
    for bad in images:
        with pytest.raises(GalleryError):
            gallery.resolve(bad.image_id)
    gallery.close()


def test_missing_file_and_unknown_id(gallery: Gallery, root: Path) -> None:
    (root / "dog.png").unlink()
    with pytest.raises(GalleryError, match="is gone; index the pictures again"):
        gallery.resolve(gallery.by_rows([0])[0].image_id)
    with pytest.raises(GalleryError, match="no picture"):
        gallery.resolve("../../etc/passwd")


def test_the_root_may_have_moved(root: Path, tmp_path: Path, images: list[GalleryImage]) -> None:
    write(tmp_path / "gallery.sqlite", root, images).close()
    moved = root.rename(tmp_path / "elsewhere")
    stale = Gallery.open(tmp_path / "gallery.sqlite")
    with pytest.raises(GalleryError, match="is gone"):
        stale.resolve(images[0].image_id)
    gallery = Gallery.open(tmp_path / "gallery.sqlite", root=moved)
    assert gallery.resolve(images[0].image_id) == moved / "dog.png"
    stale.close()
    gallery.close()


def test_nothing_is_written(gallery: Gallery, tmp_path: Path) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())
    gallery.search_captions("dog", 5)
    with (
        pytest.raises(Exception, match="readonly"),
        gallery._connection() as database,
    ):
        database.execute("DELETE FROM images")
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_many_threads_read_at_once(gallery: Gallery) -> None:
    def read(number: int) -> object:
        return (gallery.search_captions("dog cat sofa", 5), gallery.by_rows([number % 6]))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read, range(200))) == [read(number) for number in range(200)]


def test_refuses_other_files(tmp_path: Path, root: Path) -> None:
    path = tmp_path / "g.sqlite"
    with pytest.raises(GalleryError, match="does not exist"):
        Gallery.open(path)
    path.write_bytes(b"SQLite format 3\0 but not really" * 50)
    with pytest.raises(GalleryError, match="no readable gallery"):
        Gallery.open(path)
    path.unlink()
    write(path, root, []).close()
    database = __import__("sqlite3").connect(path)
    database.execute("UPDATE about SET value = '99' WHERE key = 'format'")
    database.commit()
    database.close()
    with pytest.raises(GalleryError, match="gallery format '99'"):
        Gallery.open(path)


def test_closed_is_closed(root: Path, tmp_path: Path, images: list[GalleryImage]) -> None:
    gallery = write(tmp_path / "g.sqlite", root, images)
    with gallery._connection() as database:
        gallery.close()
        assert database.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(GalleryError, match="is closed"):
        gallery.get("x")
