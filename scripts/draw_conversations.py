"""Play the conversations of conversations.yml and write docs/conversations.md as they ran.

    python scripts/draw_conversations.py --photographs BUNDLES --data DATA

The photographs are Flickr8k's, for research use and not to be handed on: their captions stand for
them. The demo's pictures are OpenMoji's, CC BY-SA 4.0, and are shown in strips beside the page.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml
from PIL import Image

sys.path.insert(0, str(ROOT := Path(__file__).resolve().parent.parent))

from benchmarks.serving import serve
from benchmarks.talks.checks import pictures, said

SCRIPT = Path(__file__).with_name("conversations.yml")
PAGE = ROOT / "docs" / "conversations.md"
STRIPS = ROOT / "docs" / "conversations"
SIDE, GAP = 96, 8
HEAD = """# Twenty conversations

As they ran, word for word, on a real server with the extra `languages`
(`scripts/draw_conversations.py`): what people type,
what is answered, what is shown, and, in small print, the search as it stands then.
"""
PHOTOGRAPHS = """
## Over photographs

A gallery of 1,000 photographs with captions (the dev images of Flickr8k), by the model `photos`.
The photographs may not be handed on: a caption stands for each.
"""
DEMO = """
## Over the demo's gallery

1,900 emoji with their names, by the model that `make demo` trains. The pictures are
[OpenMoji](https://openmoji.org), CC BY-SA 4.0.
"""


def main() -> None:
    """Play, draw, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photographs", type=Path, required=True, help="bundles of dev images")
    parser.add_argument("--data", type=Path, required=True, help="where `showtell demo` keeps all")
    options = parser.parse_args()
    conversations = yaml.safe_load(SCRIPT.read_text(encoding="utf-8"))
    shutil.rmtree(STRIPS, ignore_errors=True)
    lines = [HEAD]
    with connect(options.photographs, options.data) as client:
        lines.append(PHOTOGRAPHS)
        for conversation in conversations["photographs"]:
            lines += play(client, conversation)
    demo = options.data / "demo"
    with connect(demo / "bundles", options.data, demo / "images") as client:
        lines.append(DEMO)
        for number, conversation in enumerate(conversations["demo"], start=1):
            lines += play(client, conversation, STRIPS / str(number))
    PAGE.write_text("\n".join(lines), encoding="utf-8")


@contextmanager
def connect(bundles: Path, data_dir: Path, images: Path | None = None) -> Iterator[httpx.Client]:
    """Give a client of a server over a gallery; see `serve` for the arguments."""
    settings = {"images": str(images.resolve())} if images else {}
    with (
        serve(bundles, data_dir, **settings) as server,
        httpx.Client(base_url=server.url, timeout=120) as client,
    ):
        yield client


def play(
    client: httpx.Client, conversation: dict[str, Any], strips: Path | None = None
) -> Iterator[str]:
    """Say the messages of a conversation in a session of its own; yield the lines of its page.

    Args:
        client: of the server.
        conversation: its title, messages and note.
        strips: where pictures are drawn, beginning of the files' names; None writes captions.
    """
    yield f"### {conversation['title']}\n"
    sender = f"page-{uuid.uuid4().hex}"
    for turn, text in enumerate(conversation["say"], start=1):
        response = client.post("/api/messages", data={"sender": sender, "text": text})
        answer = response.raise_for_status().json()
        yield f"**{text}**\n"
        yield f"{said(answer)}\n"
        shown = pictures(answer)
        captions = [" ".join(picture["caption"].split()).rstrip(" .") for picture in shown]
        if shown and strips is not None:
            file = strips.with_name(f"{strips.name}-{turn}.webp")
            draw([load(client, picture["thumbnail"]) for picture in shown], file)
            yield f"![{'; '.join(captions)}]({file.relative_to(PAGE.parent)})\n"
        elif shown:
            yield "".join(f"{i}. {caption}\n" for i, caption in enumerate(captions, start=1))
        yield f"<sub>{describe(answer.get('search'))}</sub>\n"
    if conversation.get("note"):
        yield f"*{conversation['note']}*\n"


def load(client: httpx.Client, address: str) -> Image.Image:
    """Return a picture of the server."""
    return Image.open(io.BytesIO(client.get(address).raise_for_status().content)).convert("RGBA")


def draw(images: list[Image.Image], file: Path) -> None:
    """Write pictures side by side on white."""
    strip = Image.new("RGBA", (len(images) * (SIDE + GAP) - GAP, SIDE), "white")
    for i, image in enumerate(images):
        image.thumbnail((SIDE, SIDE))
        strip.alpha_composite(image, (i * (SIDE + GAP), 0))
    file.parent.mkdir(exist_ok=True)
    strip.convert("RGB").save(file, quality=80)


def describe(search: dict[str, Any] | None) -> str:
    """Return the search as it stands in one line."""
    if not search:
        return "no search"
    parts = [f"“{text}”" for text in search["wanted"]]
    parts += [f"without “{text}”" for text in search["excluded"]]
    parts += [f"{name} {len(search[name])}" for name in ("liked", "disliked") if search[name]]
    parts += [f"{key} {value}" for key, value in search["filters"].items()]
    return ", ".join(parts)


if __name__ == "__main__":
    main()
