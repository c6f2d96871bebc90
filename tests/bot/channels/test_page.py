import json
import re

import pytest

from bot.channels.page import PAGE_FILES, WIDGET, write_page
from bot.understanding.parts import FILTER_KEYS
from bot.understanding.rasa_project import RasaProject


@pytest.mark.parametrize("path", PAGE_FILES)
def test_page_files_have_types_and_etags(client, path):
    kinds = {"/": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kinds[path.rpartition(".")[2]])
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    again = client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert client.head(path).status_code == 200


@pytest.mark.parametrize("path", ["/index.html", "/widget/", "/../app.py", "/app.py", "/.env"])
def test_no_other_file_is_served(client, path):
    assert client.get(path).status_code == 404


def told_to_the_widget(script: str) -> dict[str, str]:
    match = re.search(r"const WORDS = ({.*?});\n", script)
    assert match is not None
    words: dict[str, str] = json.loads(match[1])
    return words


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_page_speaks_the_servers_language(language):
    project = RasaProject.load(language=language)
    files = write_page(project)
    page = files["/"].content.decode()
    assert f'<html lang="{language}">' in page
    assert "{{" not in page
    assert project.responses["utter_page_lead"][0]["text"] in page
    words = told_to_the_widget(files["/widget.js"].content.decode())
    assert words["language"] == language
    assert words["send"] == project.responses["utter_widget_send"][0]["text"]


def test_the_widget_asks_for_the_words_that_there_are():
    source = (WIDGET / "widget.js").read_text(encoding="utf-8")
    words = told_to_the_widget(write_page(RasaProject.load())["/widget.js"].content.decode())
    asked = set(re.findall(r'\bsay\("([a-z_]+)"', source)) | {"language"}
    asked |= {f"said_{what}" for what in ("similar", "unlike", "up", "down")}
    asked |= {f"chip_{part}" for part in (*FILTER_KEYS, "like", "unlike")}
    kinds = re.search(r"const known = (\[.*?\]);", source)
    assert kinds is not None
    asked |= {f"why_{kind}" for kind in json.loads(kinds[1])}
    assert asked == words.keys()


def test_a_word_with_markup_stays_text():
    project = RasaProject.load()
    evil = "</p><script>\u2028"
    for name in ("utter_page_lead", "utter_widget_send"):
        project.domain["responses"][name] = [{"text": evil}]
    files = write_page(project)
    assert b"<p>&lt;/p&gt;&lt;script&gt;" in files["/"].content
    script = files["/widget.js"].content.decode()
    assert told_to_the_widget(script)["send"] == evil
    assert "\u2028" not in script
