"""A gallery in PostgreSQL answers as a bundle does; what is published, refused or away is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.live.catalog import open_catalog
from bot.settings import load_settings
from retrieval.bundle.catalog import Catalog
from tests.fixtures.bundles import ATTRIBUTION, shape_candidates
from tests.fixtures.postgres import kill_postgres, new_gallery, start_postgres
from tests.fixtures.redis import wait_until
from tests.fixtures.server import RunningServer

TALKS = Path(__file__).parents[3] / "shared" / "talks" / "outcomes.jsonl"
# Some of the given talks, and one about what this gallery holds.
EVERY = 16
OWN = [
    "a red circle",
    "more",
    "no squares",
    "like the second one",
    "only with color blue",
    "how many are there?",
    "what do you have?",
    "start over",
    "a gren triangle",
    "a giraffe",
]


def publish(catalog: Catalog, shapes: Path, model_dir: Path, ending: str = "") -> str:
    """Publish the shapes, those alone whose names end so."""
    candidates = [one for one in shape_candidates(shapes) if one.path.stem.endswith(ending)]
    version = catalog.build(
        candidates, root=shapes, model_dir=model_dir, attribution=ATTRIBUTION
    ).version
    catalog.publish(version)
    return version


@pytest.fixture
def catalog_at(tmp_path: Path) -> Iterator[Callable[[str], Catalog]]:
    """Open the catalog at an address; the models of all lie in one folder."""
    opened: list[Catalog] = []

    def open_it(url: str) -> Catalog:
        opened.append(open_catalog(load_settings(store=url, models=tmp_path / "models")))
        return opened[-1]

    yield open_it
    for catalog in opened:
        catalog.close()


def talks() -> list[list[str]]:
    if not TALKS.is_file():
        return [OWN]
    given = [json.loads(line) for line in TALKS.read_text(encoding="utf-8").splitlines()]
    return [OWN, *(talk["say"] for talk in given[::EVERY])]


def answers(url: str, who: str) -> list[Any]:
    """Return for each message of the talks what was understood, searched and shown."""
    found: list[Any] = []
    with httpx.Client(base_url=url, timeout=60) as client:
        for number, talk in enumerate(talks()):
            for text in talk:
                form = {"sender": f"{who}-{number}", "text": text}
                answer = client.post("/api/messages", data=form)
                assert answer.status_code == 200, answer.text
                told = answer.json()
                images = [one.get("images") or [] for one in told["replies"]]
                shown = [image["id"] for own in images for image in own]
                found.append((text, told["operations"], told["search"], shown))
    return found


def test_talks_are_the_same_on_both_engines(
    shapes_dir: Path,
    shapes_model_dir: Path,
    shared_server: RunningServer,
    store_url: str,
    catalog_at: Callable[[str], Catalog],
    start_server: Callable[..., RunningServer],
    tmp_path: Path,
) -> None:
    expected = answers(shared_server.url, "bundles")
    publish(catalog_at(store_url), shapes_dir, shapes_model_dir)
    store = start_server(None, store=store_url, models=tmp_path / "models")
    for one, other in zip(answers(store.url, "store"), expected, strict=True):
        assert one == other


def test_a_publish_reaches_a_server_and_one_without_the_model_refuses_it(
    shapes_dir: Path,
    shapes_model_dir: Path,
    store_url: str,
    catalog_at: Callable[[str], Catalog],
    start_server: Callable[..., RunningServer],
    tmp_path: Path,
    admin: dict[str, str],
) -> None:
    server = start_server(None, store=store_url, models=tmp_path / "models", poll_s=600)
    assert "no bundle is live" in httpx.get(f"{server.url}/readyz").json()["detail"]
    catalog = catalog_at(store_url)

    def bundle() -> str | None:
        told = httpx.get(f"{server.url}/readyz").json()
        return str(told.get("bundle"))

    for ending in ("-0", "-1"):
        version = publish(catalog, shapes_dir, shapes_model_dir, ending)
        # Nothing tells the server, and it is to look seldom: PostgreSQL is asked each second.
        wait_until(lambda version=version: bundle() == version, "the publish was not seen")
    rolled_back = httpx.post(f"{server.url}/admin/rollback", headers=admin).json()["version"]
    assert rolled_back == catalog.current() == catalog.versions()[0]
    other = start_server(None, store=store_url, models=tmp_path / "elsewhere")
    answer = httpx.get(f"{other.url}/readyz")
    assert answer.status_code == 503
    assert f"bundle {rolled_back} is refused: its model" in answer.json()["detail"]
    assert "is not on this server" in answer.json()["detail"]
    assert str(tmp_path) not in answer.text


@pytest.mark.scale
def test_a_server_answers_from_a_replica_and_says_that_it_cannot_publish_there(
    shapes_dir: Path,
    shapes_model_dir: Path,
    store_url: str,
    catalog_at: Callable[[str], Catalog],
    start_server: Callable[..., RunningServer],
    tmp_path: Path,
    admin: dict[str, str],
) -> None:
    catalog = catalog_at(store_url)
    publish(catalog, shapes_dir, shapes_model_dir, "-0")
    version = publish(catalog, shapes_dir, shapes_model_dir, "-1")
    replica = f"{store_url}%20-cdefault_transaction_read_only%3Don"  # as all are on a standby
    server = start_server(None, store=replica, models=tmp_path / "models")
    form = {"sender": "replica", "text": "a red circle"}
    told = httpx.post(f"{server.url}/api/messages", data=form, timeout=60).json()
    assert told["replies"][0]["images"]
    assert httpx.get(f"{server.url}/readyz").json()["bundle"] == version
    refused = httpx.post(f"{server.url}/admin/rollback", headers=admin)
    assert refused.status_code == 409
    assert "may only be read; publish by the address of its primary" in refused.json()["detail"]
    assert httpx.get(f"{server.url}/readyz").json()["bundle"] == version


def test_a_database_that_goes_away_is_told_and_comes_back(
    shapes_dir: Path,
    shapes_model_dir: Path,
    catalog_at: Callable[[str], Catalog],
    start_server: Callable[..., RunningServer],
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
) -> None:
    database = start_postgres(tmp_path_factory.mktemp("own-postgres"))
    url = new_gallery(database)
    version = publish(catalog_at(url), shapes_dir, shapes_model_dir, "-0")
    server = start_server(None, store=url, models=tmp_path / "models")

    def ask(text: str) -> httpx.Response:
        form = {"sender": "somebody", "text": text}
        return httpx.post(f"{server.url}/api/messages", data=form, timeout=60)

    assert ask("a red circle").json()["turn"] == 1
    kill_postgres(database)
    refused = ask("a blue square")
    assert refused.status_code == 503
    assert refused.headers["Retry-After"]
    assert refused.json()["detail"].startswith("The pictures cannot be searched just now.")
    ready = httpx.get(f"{server.url}/readyz")
    assert ready.status_code == 503
    assert "the database of the gallery does not answer" in ready.json()["detail"]
    assert httpx.get(f"{server.url}/livez").status_code == 200
    database.start()
    # The turn that was refused left nothing behind.
    assert ask("a blue square").json()["turn"] == 2
    assert httpx.get(f"{server.url}/readyz").json()["bundle"] == version
    database.cleanup()
