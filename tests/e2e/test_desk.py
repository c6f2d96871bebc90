"""The operator's desk in a real browser: from the token to a corrected question."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.fixtures.browser import OUTPUT, violations
from tests.fixtures.server import TOKEN, RunningServer

pytestmark = pytest.mark.browser

ASKED = "a wobbly lollipop"


@pytest.fixture(scope="module")
def asked(shared_server: RunningServer) -> str:
    """A server of which somebody asked for what it has, and for what it lacks."""
    with httpx.Client(base_url=shared_server.url, timeout=60) as client:
        headers = {"Authorization": f"Bearer {TOKEN}".encode()}
        client.delete("/admin/questions", headers=headers)  # type: ignore[arg-type]
        for number, text in enumerate(("a red circle", ASKED, "a blue star")):
            client.post("/api/messages", data={"sender": f"desk-{number}", "text": text})
    return shared_server.url


@pytest.fixture
def desk(browser: Browser, asked: str) -> Iterator[Page]:
    """The desk's page; at the end nothing was refused, broken, or asked of another host."""
    OUTPUT.mkdir(exist_ok=True)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    errors: list[str] = []
    hosts: set[str] = set()
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("response", lambda response: hosts.add(urlsplit(response.url).netloc))
    page.goto(f"{asked}/admin")
    yield page
    context.close()
    assert [one for one in errors if not re.search(r"status of 4(01|09|22)", one)] == []
    assert {host for host in hosts if host} == {urlsplit(asked).netloc}


def enter(page: Page, section: str) -> None:
    """Give the token and go to a section, by the keyboard."""
    page.get_by_label("Admin token").fill(TOKEN)
    page.keyboard.press("Enter")
    link = page.get_by_role("link", name=section)
    link.press("Enter")
    expect(page.get_by_role("heading", name=section, level=2)).to_be_visible()
    expect(link).to_have_attribute("aria-current", "page")


def test_only_the_token_opens_it_and_only_this_tab_keeps_it(desk: Page) -> None:
    field = desk.get_by_label("Admin token")
    field.fill("wrong")
    desk.get_by_role("button", name="Enter").click()
    expect(desk.get_by_role("alert")).to_have_text("This is not the server's token.")
    expect(field).to_be_focused()
    expect(desk.get_by_role("navigation")).to_be_hidden()
    enter(desk, "Gallery")
    expect(desk.locator(".live")).to_contain_text("is live")
    assert desk.evaluate("localStorage.length") == 0
    assert desk.evaluate("document.cookie") == ""
    desk.reload()
    expect(desk.locator(".live")).to_contain_text("is live")
    desk.get_by_role("button", name="Sign out").click()
    expect(field).to_be_visible()
    assert desk.evaluate("sessionStorage.length") == 0


def test_the_history_tells_recall_and_rolls_back_to_a_version_by_its_name(desk: Page) -> None:
    known = {"size": 1e8, "created": "2026-11-26T09:00:00Z", "count": 90, "model": "photos"}
    known |= {"accuracy": 0.9, "problem": None}
    told = {"value": 78.26, "data": "flickr8k:f, dev", "gain": 1.5}
    versions = [
        {**known, "version": "0002-00000000", "live": True, "recall": told},
        {**known, "version": "0001-00000000", "live": False, "recall": None},
    ]
    live = {"version": "0002-00000000", "images": 90, "model": "photos", "loaded_at": None}
    asked: list[object] = []

    def reload(route: Route) -> None:
        asked.append(route.request.post_data_json)
        route.fulfill(json={"version": "0001-00000000"})

    desk.route("**/admin/bundles", lambda route: route.fulfill(json=versions))
    desk.route("**/admin/model", lambda route: route.fulfill(json=live))
    desk.route("**/admin/reload", reload)
    enter(desk, "Gallery")
    cells = desk.locator('td[data-name$="recall@10"]')
    expect(cells).to_have_text(["78.3 % on flickr8k:f, dev +1.5 by adapting", "\N{EN DASH}"])
    desk.screenshot(path=OUTPUT / "desk_gallery.png", full_page=True)
    # By name: where another tab has gone back already, this one goes back no further.
    desk.get_by_role("button", name="Roll back").click()
    desk.get_by_role("dialog").get_by_role("button", name="Roll back to 0001-00000000").click()
    expect(desk.get_by_role("status")).to_have_text("0001-00000000 is live.")
    assert asked == [{"version": "0001-00000000"}]


def test_a_second_tab_shows_what_the_first_did(desk: Page) -> None:
    known = {"size": 1e8, "created": "2026-11-26T09:00:00Z", "count": 90, "model": "photos"}
    known |= {"accuracy": 0.9, "problem": None, "recall": None}
    names = ["0003-00000000", "0002-00000000", "0001-00000000"]
    now = {"live": names[0], "job": "idle"}

    def versions(route: Route) -> None:
        route.fulfill(json=[known | {"version": n, "live": n == now["live"]} for n in names])

    def model(route: Route) -> None:
        live = {"version": now["live"], "images": 90, "model": "photos", "loaded_at": None}
        route.fulfill(json=live)

    def remove(route: Route) -> None:
        now["live"] = names[1]
        route.fulfill(status=409, json={"detail": f"{names[1]} is live."})

    def index(route: Route) -> None:
        if route.request.method == "POST":
            now["job"] = "running"
            route.fulfill(status=409, json={"detail": "A folder is being indexed already."})
            return
        job = {"state": now["job"], "folder": "/theirs", "what": "pictures", "done": 3, "total": 9}
        route.fulfill(json=job | {"ended": None, "sentence": "", "skipped": []})

    desk.route("**/admin/bundles", versions)
    desk.route("**/admin/model", model)
    desk.route("**/admin/bundles/*", remove)
    desk.route("**/admin/index", index)
    desk.clock.install()
    enter(desk, "Gallery")
    expect(desk.locator(".live")).to_have_text(f"{names[0]} is live")

    now["live"] = names[2]
    desk.clock.run_for(6_000)
    # In real time where a look was on its way just then, which puts the next one off.
    expect(desk.locator(".live")).to_have_text(f"{names[2]} is live", timeout=30_000)
    expect(desk.get_by_role("button", name="Roll back")).to_be_disabled()

    desk.get_by_role("button", name=f"Remove {names[1]}").click()
    desk.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(desk.get_by_role("status")).to_have_text(f"{names[1]} is live.")
    expect(desk.locator(".live")).to_have_text(f"{names[1]} is live")
    # What is offered is older than what is live now, not than what was drawn.
    now["live"] = names[0]
    desk.get_by_role("button", name="Roll back").click()
    expect(desk.get_by_role("dialog", name=f"Roll back to {names[1]}?")).to_be_visible()
    desk.keyboard.press("Escape")

    found = {"pictures": 20, "captioned": 0, "model": "minilm", "trained_on": "openmoji"}
    desk.route("**/admin/folder?**", lambda route: route.fulfill(json=found))
    desk.get_by_label("Folder on the server").fill("/mine")
    desk.keyboard.press("Enter")
    told = "/mine: 20 pictures, none with a caption, by the model minilm (trained on openmoji)."
    expect(desk.get_by_role("dialog")).to_contain_text(told)
    desk.get_by_role("dialog").get_by_role("button", name="Index").click()
    expect(desk.get_by_text("A folder is being indexed already.")).to_be_visible()
    expect(desk.get_by_role("progressbar")).to_have_js_property("value", 3)
    expect(desk.get_by_role("button", name="Stop")).to_be_visible()


def test_nothing_is_changed_before_it_is_confirmed(desk: Page) -> None:
    enter(desk, "Gallery")
    expect(desk.get_by_role("row")).to_have_count(2)
    expect(desk.get_by_role("button", name="Roll back")).to_be_disabled()
    newest = desk.get_by_role("button", name="Take the newest")
    newest.click()
    dialog = desk.get_by_role("dialog", name="Take the newest?")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    desk.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(newest).to_be_focused()


def test_what_goes_on_is_told_in_figures(desk: Page) -> None:
    enter(desk, "Now")
    expect(desk.locator(".tile", has_text="turns answered").locator("strong")).not_to_have_text("0")
    expect(desk.get_by_role("row", name=re.compile("Understanding"))).to_contain_text(
        re.compile(r"\d m?s")
    )
    bar = desk.locator(".bar").last.bounding_box()
    assert bar is not None
    assert bar["width"] > 100, "the bars are drawn under the strict policy"


def test_a_question_is_corrected_and_downloaded(desk: Page, tmp_path: Path) -> None:
    enter(desk, "Questions")
    row = desk.get_by_role("row", name=re.compile(ASKED))
    expect(row).to_be_visible()
    expect(desk.get_by_role("row", name=re.compile("a red circle"))).to_have_count(0)
    row.get_by_role("button", name="Choose").click()
    dialog = desk.get_by_role("dialog", name="Which picture is right?")
    expect(dialog.get_by_label("What it shows")).to_have_value(ASKED)
    dialog.get_by_label("Look for it").fill("a green square")
    dialog.get_by_label("Look for it").press("Enter")
    expect(dialog.get_by_role("status")).to_have_text("Click the picture that is right.")
    found = dialog.get_by_role("button", name=re.compile("right picture: .*green"))
    found.first.press("Enter")
    expect(dialog).to_have_count(0)
    desk.get_by_label("Show", exact=True).select_option("corrected")
    expect(row.get_by_role("img", name=ASKED)).to_be_visible()
    desk.screenshot(path=OUTPUT / "desk_questions.png")
    with desk.expect_download() as saving:
        desk.get_by_role("button", name="Corrections (JSONL)").click()
    saving.value.save_as(tmp_path / "corrections.jsonl")
    assert saving.value.suggested_filename.startswith("corrections-")
    (line,) = (tmp_path / "corrections.jsonl").read_text().splitlines()
    assert json.loads(line)["caption"] == ASKED
    row.get_by_role("button", name="Take back").click()
    expect(desk.get_by_text("None of this kind.")).to_be_visible()


def test_the_map_shows_pictures_and_questions_and_reads_as_a_list(desk: Page) -> None:
    enter(desk, "Map")
    expect(desk.locator("#map")).to_contain_text("All 90 pictures", timeout=60_000)
    canvas = desk.get_by_role("application")
    colors = """canvas => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return new Set(new Uint32Array(data.buffer)).size;
    }"""
    desk.wait_for_function(f"() => ({colors})(document.querySelector('canvas')) > 50", polling=100)
    desk.screenshot(path=OUTPUT / "desk_map.png")
    desk.get_by_text("The same as a list").click()
    desk.get_by_role("button", name=f"Show {ASKED} on the map").click()
    expect(canvas).to_be_focused()
    picked = desk.get_by_role("region", name="What was chosen")
    expect(picked).to_contain_text(ASKED)
    expect(picked.get_by_role("img")).to_have_count(5)
    before = canvas.evaluate("canvas => canvas.toDataURL()")
    desk.keyboard.press("0")
    desk.wait_for_function(
        "before => document.querySelector('canvas').toDataURL() !== before", arg=before
    )


@pytest.mark.parametrize(
    "look",
    [
        {},
        {"color_scheme": "dark", "viewport": {"width": 360, "height": 740}},
        {"forced_colors": "active"},
    ],
    ids=["light", "dark phone", "forced colors"],
)
def test_axe_finds_nothing_in_any_section(
    browser: Browser, asked: str, look: dict[str, object]
) -> None:
    context = browser.new_context(**look)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{asked}/admin")
    assert violations(page) == [], "the token"
    for section in ("Gallery", "Now", "Questions", "Map"):
        if section == "Gallery":
            enter(page, section)
        page.get_by_role("link", name=section).click()
        expect(page.get_by_role("heading", name=section, level=2)).to_be_visible()
        page.wait_for_load_state("networkidle")
        if section == "Questions":
            page.get_by_role("button", name="Choose").first.click()
            expect(page.locator(".candidates img").first).to_be_visible()
            assert violations(page) == [], "the right picture"
            page.keyboard.press("Escape")
        if section == "Map":
            page.get_by_text("The same as a list").click()
            page.get_by_role("button", name=f"Show {ASKED} on the map").click()
        assert violations(page) == [], section
    context.close()
