"""The page is the same for everybody: what it tells comes with the token."""

import re

import pytest
from starlette.testclient import TestClient

from bot.desk.page import FILES
from bot.server.app import create_api
from bot.server.middleware import AtRoot
from bot.settings import load_settings
from bot.understanding.rasa_project import RasaProject


@pytest.mark.parametrize("name", FILES)
def test_its_files_are_sent_with_a_strict_policy(client, name):
    answer = client.get("/admin" if name == "desk.html" else f"/admin/{name}")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    again = client.get(answer.url.path, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


def test_it_holds_nothing_that_the_policy_would_refuse():
    html = FILES["desk.html"].content.decode()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\bsrc=)", html)
    assert set(re.findall(r'(?:src|href)="(?!#)([^"]+)"', html)) <= {
        "icon.svg",
        *(f"admin/{name}" for name in FILES),
    }


def test_each_intent_has_plain_words():
    named = re.findall(r'^  (\w+): "', FILES["now.js"].content.decode(), re.MULTILINE)
    assert set(RasaProject.load().intents) <= set(named)


def test_no_other_file_is_served(client):
    for path in ("/admin/page.py", "/admin/../app.py", "/admin/desk.html"):
        assert client.get(path).status_code == 404


def test_below_a_path_its_address_leads_to_it(tmp_path):
    settings = load_settings(
        bundles=tmp_path,
        redis_url="redis://localhost",
        admin_token="t",
        public_url="https://host.example/bot/",
    )
    client = TestClient(AtRoot(create_api(settings), settings.path_prefix))
    moved = client.get("/bot/admin/", follow_redirects=False)
    assert moved.headers["location"] == "../admin"
    assert client.get("/bot/admin").status_code == 200
    assert client.get("/bot/admin/desk.css").status_code == 200
