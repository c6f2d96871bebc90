import gzip
import json
import re

import pytest

from bot.files.page import PAGE_FILES, WIDGET, write_page
from bot.settings import load_settings
from bot.understanding.rasa_project import RasaProject
from bot.understanding.reading import FILTER_KEYS


@pytest.mark.parametrize("path", PAGE_FILES)
def test_page_files_have_types_and_etags(client, path):
    kinds = {
        "/": "text/html",
        "/examples": "text/html",
        "css": "text/css",
        "js": "text/javascript",
        "svg": "image/svg+xml",
        "webmanifest": "application/manifest+json",
    }
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


def test_page_files_are_sent_compressed_and_may_be_kept_by_their_hash(client):
    page = client.get("/").text
    address = re.search(r'src="(widget\.js\?v=\w+)"', page)[1]
    answer = client.get(f"/{address}", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < 30_000
    assert "immutable" in answer.headers["cache-control"]
    plain = client.get("/widget.js", headers={"Accept-Encoding": "identity"})
    assert plain.content == answer.content == gzip.decompress(gzip.compress(plain.content))
    assert plain.headers["cache-control"] == "no-cache"
    assert plain.headers["etag"] != answer.headers["etag"]


def files_of(project: RasaProject, **settings: object) -> dict[str, bytes]:
    return {
        path: file.content for path, file in write_page(project, load_settings(**settings)).items()
    }


def told_to_the_widget(script: bytes) -> dict:
    told = script.decode()
    told, _ = json.JSONDecoder().raw_decode(told[told.index('{"language"') :])
    return told


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_page_speaks_the_servers_language(language):
    project = RasaProject.load(language=language)
    files = files_of(project, max_upload_bytes=1234)
    page = files["/"].decode()
    assert f'<html lang="{language}">' in page
    assert "{{" not in page
    assert project.responses["utter_page_lead"][0]["text"] in page
    told = told_to_the_widget(files["/widget.js"])
    assert told["language"] == language
    assert told["words"]["send"] == project.responses["utter_widget_send"][0]["text"]
    assert told["limits"]["bytes"] == 1234
    assert "JPEG" in told["limits"]["formats"]


def test_the_widget_asks_for_the_words_that_there_are():
    source = "".join(file.read_text(encoding="utf-8") for file in WIDGET.glob("src/**/*.js"))
    words = told_to_the_widget(files_of(RasaProject.load())["/widget.js"])["words"].keys()
    assert set(re.findall(r'\bsay\("([a-z_]+)"', source)) <= words
    asked = set(re.findall(r'"([a-z_]+)"', source))
    asked |= {f"said_{what}" for what in ("similar", "unlike", "up", "down")}
    asked |= {f"chip_{part}" for part in FILTER_KEYS}
    kinds = re.search(r"const KNOWN_REASONS = (\[.*?\]);", source)
    asked |= {f"why_{kind}" for kind in json.loads(kinds[1])}
    assert words <= asked, "words that nothing says"


def test_the_widget_speaks_languages_beside_the_servers_own(client):
    own = told_to_the_widget(client.get("/widget.js?language=xx").content)
    assert own["language"] == "en"
    told = told_to_the_widget(client.get("/widget.js?language=ar").content)
    assert (told["language"], told["words"]["direction"]) == ("ar", "rtl")
    assert told["words"].keys() == own["words"].keys()
    variables = re.compile(r"{\w+}")
    for name, word in own["words"].items():
        other = told["words"][name]
        assert set(variables.findall(word)) == set(variables.findall(other)), name
        assert word != other or not re.search("[a-z]", variables.sub("", word)), name


def test_a_word_with_markup_stays_text():
    project = RasaProject.load()
    evil = "</p><script>\u2028"
    for name in ("utter_page_lead", "utter_widget_send"):
        project.domain["responses"][name] = [{"text": evil}]
    files = files_of(project)
    assert b"<p>&lt;/p&gt;&lt;script&gt;" in files["/"]
    script = files["/widget.js"]
    assert told_to_the_widget(script)["words"]["send"] == evil
    assert "\u2028" not in script.decode()
