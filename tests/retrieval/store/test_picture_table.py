import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from retrieval.errors import GalleryError
from retrieval.store.picture_table import PictureTable, write_pictures
from retrieval.store.protocol import Picture

CAPTIONS = {
    "dog.png": ("A brown dog runs", "two dogs, actually"),
    "holiday/cat.png": ("a cat sleeping on the sofa",),
    "holiday/beach/sea.png": ("waves on the beach",),
    "holiday2/party.png": ("party popper: congratulations",),
    "her.png": ("her",),
    "plain.png": (),
}


def image(number: int, path: str, captions: tuple[str, ...]) -> Picture:
    sha256 = f"{number:064x}"[::-1]
    metadata = {"even": str(number % 2 == 0), "name": Path(path).stem}
    return Picture(number - 1, sha256[:16], path, sha256, 10 + number, 20, captions, metadata)


def write(path: Path, root: Path, images: list[Picture]) -> PictureTable:
    write_pictures(path, images, root, "by me")
    return PictureTable.open(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "röot #1"
    for path in CAPTIONS:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    return root


@pytest.fixture
def images() -> list[Picture]:
    return [image(i + 1, path, captions) for i, (path, captions) in enumerate(CAPTIONS.items())]


@pytest.fixture
def gallery(root: Path, images: list[Picture], tmp_path: Path) -> PictureTable:
    gallery = write(tmp_path / "gallery ?%41.sqlite", root, images)
    yield gallery  # type: ignore[misc]
    gallery.close()


def test_gives_back_what_was_written(gallery: PictureTable, images: list[Picture]) -> None:
    assert len(gallery) == 6
    assert gallery.attribution == "by me"
    assert gallery.by_rows([4, 0, 4]) == [images[4], images[0], images[4]]
    assert gallery.get(images[2].image_id) == images[2]
    assert gallery.get("0" * 16) is None
    assert gallery.rows_of([images[3].image_id, "nope", images[1].image_id]) == [3, 1]
    with pytest.raises(GalleryError, match="no row 6"):
        gallery.by_rows([0, 6])


@pytest.mark.parametrize("text", ["\x00", "\ud800", "' OR 1 --", "../../etc/passwd"])
def test_whatever_is_asked_for_is_safe(gallery: PictureTable, text: str) -> None:
    assert gallery.get(text) is None
    assert gallery.rows_of([text]) == []


def test_a_picture_is_there_once(tmp_path: Path) -> None:
    twice = [image(1, "a.png", ()), image(1, "b.png", ())]
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        write_pictures(tmp_path / "gallery.sqlite", twice, tmp_path, "")


def test_resolves_inside_the_root(gallery: PictureTable, root: Path) -> None:
    for one in gallery.by_rows(range(6)):
        assert gallery.file(one.image_id).read_text() == one.path
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
        gallery.file(bad.image_id)
    gallery.close()


def test_only_files_are_resolved(root: Path, tmp_path: Path) -> None:
    os.mkfifo(root / "pipe")
    images = [image(1, "holiday", ()), image(2, "pipe", ()), image(3, "nul\0byte", ())]
    gallery = write(tmp_path / "bad.sqlite", root, images)
    for bad in images:
        with pytest.raises(GalleryError):
            gallery.file(bad.image_id)
    gallery.close()


def test_missing_file_and_unknown_id(gallery: PictureTable, root: Path) -> None:
    (root / "dog.png").unlink()
    with pytest.raises(GalleryError, match="is gone; index the pictures again"):
        gallery.file(gallery.by_rows([0])[0].image_id)
    with pytest.raises(GalleryError, match="no picture"):
        gallery.file("../../etc/passwd")


def test_the_root_may_have_moved(root: Path, tmp_path: Path, images: list[Picture]) -> None:
    write(tmp_path / "gallery.sqlite", root, images).close()
    moved = root.rename(tmp_path / "elsewhere")
    stale = PictureTable.open(tmp_path / "gallery.sqlite")
    with pytest.raises(GalleryError, match="is gone"):
        stale.file(images[0].image_id)
    gallery = PictureTable.open(tmp_path / "gallery.sqlite", root=moved)
    assert gallery.file(images[0].image_id) == moved / "dog.png"
    stale.close()
    gallery.close()


def test_nothing_is_written(gallery: PictureTable, tmp_path: Path) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())
    gallery.by_rows([0])
    with (
        pytest.raises(Exception, match="readonly"),
        gallery._connection() as database,
    ):
        database.execute("DELETE FROM pictures")
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_many_threads_read_at_once(gallery: PictureTable) -> None:
    def read(number: int) -> object:
        return gallery.by_rows([number % 6])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read, range(200))) == [read(number) for number in range(200)]


def test_refuses_other_files(tmp_path: Path, root: Path) -> None:
    path = tmp_path / "g.sqlite"
    with pytest.raises(GalleryError, match="does not exist"):
        PictureTable.open(path)
    path.write_bytes(b"SQLite format 3\0 but not really" * 50)
    with pytest.raises(GalleryError, match="not a readable gallery"):
        PictureTable.open(path)
    path.unlink()
    write(path, root, []).close()
    database = sqlite3.connect(path)
    database.execute("UPDATE about SET value = '99' WHERE key = 'format'")
    database.commit()
    database.close()
    with pytest.raises(GalleryError, match="gallery format '99'"):
        PictureTable.open(path)


def test_closed_is_closed(root: Path, tmp_path: Path, images: list[Picture]) -> None:
    gallery = write(tmp_path / "g.sqlite", root, images)
    with gallery._connection() as database:
        gallery.close()
        assert database.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(GalleryError, match="is closed"):
        gallery.get("x")
