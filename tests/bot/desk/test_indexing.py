"""A folder is indexed beside the turns, by the command that does it elsewhere."""

import json
import shutil
import time

import httpx
import pytest
import redis

from bot.desk.indexing import BEAT_S, IndexState, take_line
from retrieval.bundle.bundle import current_version, list_versions
from tests.fixtures.bundles import copy_bundles
from tests.fixtures.server import TOKEN, make_settings, serve

PATIENCE_S = 120


@pytest.fixture(scope="module")
def bundles(shapes_bundles, tmp_path_factory):
    return copy_bundles(shapes_bundles, tmp_path_factory.mktemp("desk") / "bundles")


@pytest.fixture(scope="module")
def desk(bundles, embedded_redis, server_data_dir):
    """A server of this module's own: its tests change what is live."""
    settings = make_settings(bundles, embedded_redis.url, server_data_dir)
    headers = {"Authorization": f"Bearer {TOKEN}".encode()}
    with redis.Redis.from_url(embedded_redis.url) as kept:
        kept.flushall()
    with serve(settings) as server, httpx.Client(base_url=server.url, headers=headers) as client:
        client.timeout = 60
        yield client
    with redis.Redis.from_url(embedded_redis.url) as kept:
        kept.flushall()


def ended(client):
    deadline = time.monotonic() + PATIENCE_S
    while (state := client.get("/admin/index").json())["state"] == "running":
        assert time.monotonic() < deadline, state
        time.sleep(0.1)
    return state


def test_a_folder_becomes_the_live_version_with_its_corrections(
    desk, bundles, shapes_dir, tmp_path
):
    assert desk.get("/admin/index").json()["state"] == "idle"
    (before,) = list_versions(bundles)
    right = desk.post("/api/search", json={"text": "a red circle", "k": 1}).json()["hits"][0]
    question = "/admin/corrections/0123456789abcdef"
    desk.put(question, json={"image": right["id"], "caption": "a wobbly lollipop"})
    folder = tmp_path / "pictures"
    shutil.copytree(shapes_dir, folder)
    (folder / "broken.png").write_bytes(b"no picture")

    begun = desk.post("/admin/index", json={"folder": str(folder), "keep_captions": True})
    assert begun.status_code == 202
    assert begun.json()["state"] == "running"
    second = desk.post("/admin/index", json={"folder": str(folder)})
    assert second.status_code == 409
    said = desk.post("/api/messages", data={"sender": "meanwhile", "text": "a blue star"})
    assert said.status_code == 200

    state = ended(desk)
    assert state["state"] == "done", state
    assert "90 pictures" in state["sentence"]
    assert any("broken.png" in one for one in state["skipped"])
    assert list_versions(bundles) == [before, state["version"]]
    assert current_version(bundles) == state["version"]
    assert desk.get("/admin/model").json()["version"] == state["version"]
    hit = desk.post("/api/search", json={"text": "wobbly lollipop", "k": 1}).json()["hits"][0]
    assert hit["id"] == right["id"]


def test_it_can_be_stopped_and_changes_nothing_then(desk, bundles, shapes_dir):
    before = list_versions(bundles)
    desk.post("/admin/index", json={"folder": str(shapes_dir)})
    assert desk.delete("/admin/index").status_code == 202
    assert ended(desk)["state"] == "cancelled"
    assert list_versions(bundles) == before
    assert not list(bundles.glob(".building-*"))


def test_a_folder_is_looked_at_before_it_is_indexed(desk, shapes_dir, tmp_path):
    def look(folder, keep="false"):
        given = {"folder": str(folder), "keep_captions": keep}
        return desk.get("/admin/folder", params=given)

    found = look(shapes_dir).json()
    assert (found["pictures"], found["captioned"]) == (90, 90)
    assert found["model"] == desk.get("/admin/model").json()["model"]
    assert "shapes" in found["trained_on"]
    for number, picture in enumerate(sorted(shapes_dir.glob("*.png"))[:3]):
        shutil.copyfile(picture, tmp_path / f"IMG_{number:04}.png")
    shutil.copyfile(picture, tmp_path / picture.name)
    assert look(tmp_path, "true").json()["captioned"] == 1
    for bad in (tmp_path / "none", picture, ""):
        refused = look(bad)
        assert refused.status_code == 422
        assert "There is no folder" in refused.json()["detail"]
    (tmp_path / "empty").mkdir()
    assert "holds no pictures" in look(tmp_path / "empty").json()["detail"]


def test_what_cannot_be_indexed_is_said(desk, tmp_path, monkeypatch):
    for folder in ("", " ", str(tmp_path / "none"), "\x00", "~nobody/x", "x" * 4_000):
        refused = desk.post("/admin/index", json={"folder": folder})
        assert refused.status_code == 422, folder
    (tmp_path / "--help").mkdir()
    monkeypatch.chdir(tmp_path)
    desk.post("/admin/index", json={"folder": "--help"})
    state = ended(desk)
    assert state["state"] == "failed"
    assert "holds no pictures" in state["sentence"]


def test_a_job_whose_server_died_is_not_said_to_run(desk, embedded_redis):
    state = IndexState(state="running", folder="/pictures").model_dump()
    with redis.Redis.from_url(embedded_redis.url) as client:
        client.set("showtell:desk:{index}:state", json.dumps(state))
    told = desk.get("/admin/index").json()
    assert told["state"] == "failed"
    assert "ended before" in told["sentence"]


def test_a_job_that_lost_its_lock_takes_it_again_or_makes_way(desk, embedded_redis, shapes_dir):
    """A server that stood still, or was cut off from Redis, comes back to what others do."""
    with redis.Redis.from_url(embedded_redis.url) as client:
        desk.post("/admin/index", json={"folder": str(shapes_dir)})
        client.delete("showtell:desk:{index}:lock")
        deadline = time.monotonic() + PATIENCE_S
        while not client.exists("showtell:desk:{index}:lock"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        others = IndexState(state="running", folder="/others").model_dump_json()
        with client.pipeline(transaction=True) as pipeline:
            pipeline.set("showtell:desk:{index}:lock", "another", ex=60)
            pipeline.set("showtell:desk:{index}:state", others)
            pipeline.execute()
        refused = desk.post("/admin/index", json={"folder": str(shapes_dir)})
        assert refused.status_code == 409
        time.sleep(2 * BEAT_S)
        client.set("showtell:desk:{index}:state", others)  # as whoever indexes does at each beat
        time.sleep(2 * BEAT_S)
        assert client.get("showtell:desk:{index}:lock") == b"another"
        assert desk.get("/admin/index").json()["folder"] == "/others"
        client.delete("showtell:desk:{index}:lock")


@pytest.mark.parametrize(
    "line",
    ["a library's own words", "{", "[1]", "7", "null", '{"what": "pictures"}', '{"version": "x"}'],
)
def test_what_a_library_prints_is_no_state(line):
    state = IndexState(state="running")
    take_line(line, state)
    take_line('{"what": "pictures", "done": 3, "total": 9}', state)
    assert (state.version, state.what, state.done, state.total) == (None, "pictures", 3, 9)
