"""What a newcomer does with the demo: a few wishes, "more", a picture of their own, a reload."""

import re
from io import BytesIO

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import expect

from bot.commands.demo import EXAMPLES
from tests.fixtures.browser import OpenPage

# The first of them draws, trains and indexes the demo: minutes on a busy machine.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]

SWEET = r"cake|cookie|candy|chocolate|lollipop|doughnut|ice|honey|custard|pie|dango|pudding|sugar"
DRINK = r"drink|cocktail|beer|wine|beverage|champagne|tea|coffee|sake|glass|mug|cup|milk|juice"
MUSIC = r"music|guitar|saxophone|flute|drum|violin|keyboard|trumpet|banjo|accordion|maracas"
FRUIT = (
    r"fruit|pear|strawberr|banana|mango|tomato|apple|grape|melon|lemon|lime|peach|cherr|orange"
    r"|tangerine|coconut|blueberr|olive|avocado"
)


def test_newcomer_finds_pictures(demo_url: str, open_page: OpenPage) -> None:
    chat = open_page(demo_url)
    expect(chat.page.locator("#attribution")).to_contain_text("CC BY-SA 4.0")
    expect(chat.answers.first.locator(".chips button")).to_have_text(list(EXAMPLES))
    for wish, fitting, at_least, name in [
        ("something sweet to eat", SWEET, 2, "sweet"),
        ("a dog", r"\b(dog|poodle|puppy)\b", 4, "dog"),
        *zip(EXAMPLES, (DRINK, MUSIC, FRUIT), (4, 4, 4), ("drink", "music", "fruit"), strict=True),
    ]:
        chat.say(wish)
        captions = chat.captions()
        fit = [caption for caption in captions if re.search(fitting, caption, re.I)]
        assert len(fit) >= at_least, f"{wish}: {captions}"
        chat.loaded()
        chat.shoot(f"demo_{name}")


def test_more_never_repeats_and_likeness_leads_on(demo_url: str, open_page: OpenPage) -> None:
    chat = open_page(demo_url)
    chat.say("something sweet to eat")
    seen = chat.pictures()
    for _ in range(3):
        more = chat.answers.last.locator(".chips").get_by_role("button", name="More", exact=True)
        chat.answer_to(more.click)
        fresh = chat.pictures()
        assert fresh, "“more” shows nothing"
        assert not set(fresh) & set(seen), "a picture came twice"
        seen += fresh

    caption = chat.captions()[0]
    like = chat.answers.last.get_by_role("button", name="More like number 1", exact=True)
    chat.answer_to(like.click)
    assert chat.said[-1] == f"More like “{caption}”"
    assert chat.pictures()
    chat.loaded()
    chat.shoot("demo_more_like_this")


def test_upload_finds_pictures_and_a_reload_keeps_them(demo_url: str, open_page: OpenPage) -> None:
    drawing = Image.new("RGB", (400, 400), "white")
    ImageDraw.Draw(drawing).ellipse((60, 60, 340, 340), fill="red", outline="black", width=14)
    buffer = BytesIO()
    drawing.save(buffer, "PNG")

    chat = open_page(demo_url)
    chat.say("a dog")
    with chat.page.expect_file_chooser() as chooser:
        chat.page.get_by_role("button", name="Add a picture").click()
    chooser.value.set_files(
        {"name": "circle.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
    )
    expect(chat.page.locator(".preview")).to_contain_text("circle.png")
    chat.answer_to(lambda: chat.box.press("Enter"))
    assert chat.pictures()
    chat.loaded()
    chat.shoot("demo_upload")

    before = (chat.said, chat.captions(), chat.answers.count())
    chat.page.reload()
    expect(chat.answers).to_have_count(before[2])
    assert (chat.said, chat.captions(), chat.answers.count()) == before
    chat.say("a cat")  # and the conversation goes on
    assert chat.captions()
