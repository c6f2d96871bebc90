"""Follow one message through the application, and draw its way into docs/architecture.md.

    python scripts/draw_way.py BUNDLES

The application answers "dogs on a beach" in this process, and a hook looks at every function of
ours that runs meanwhile. A file is on the way if one of its functions has the message or its
answer, in one of their shapes, as an argument or a variable, or if it defines a shape. Functions
that are given a text, words, rows or vectors out of it do not know that there is a message: they
are tools, each to be understood alone. tests/test_way.py refuses a page that no longer agrees.
"""

from __future__ import annotations

import ast
import re
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from inspect import CO_VARARGS
from pathlib import Path
from types import FrameType
from typing import Any

from starlette.testclient import TestClient

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bot.dialogue.draft import Draft  # noqa: E402
from bot.dialogue.message import Message, Said, Turn  # noqa: E402
from bot.understanding.meaning import Meaning  # noqa: E402
from bot.understanding.operations import Operation  # noqa: E402
from bot.understanding.reading import Parts, Reading  # noqa: E402
from retrieval.search.query import Hit, Query, SearchResult  # noqa: E402
from scripts.draw_rooms import PAGE, ROOMS  # noqa: E402

TEXT = "dogs on a beach"
SHAPES: Mapping[str, tuple[type, ...]] = {
    "Message": (Message,),
    "Reading": (Reading, Parts),
    "Meaning": (Meaning, Operation),
    "Draft": (Draft,),
    "Query": (Query,),
    "SearchResult": (SearchResult, Hit),
    "Turn": (Turn, Said),
}
"""The shapes of a message and its answer, in their order; each with what it is made of."""
Way = dict[str, set[str]]
"""Files, in the order in which they are reached, with the shapes that their functions have."""


class Recorder:
    """Sees which functions of ours have the message while it is on its way.

    Attributes:
        way: what was seen.
        ran: files of which any function ran.
    """

    def __init__(self) -> None:
        self.way: Way = {}
        self.ran: set[str] = set()
        self._recording = False

    @contextmanager
    def hooked(self) -> Iterator[None]:
        """Look into the threads that are started within this block."""
        threading.setprofile(self._look)
        try:
            yield
        finally:
            threading.setprofile(None)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record what they do within this block."""
        self._recording = True
        try:
            yield
        finally:
            self._recording = False

    def _look(self, frame: FrameType, event: str, _: Any) -> None:
        if self._recording and event in ("call", "return"):
            if event == "call" and frame.f_back:  # what the caller has, it had before
                self._note(frame.f_back)
            self._note(frame)

    def _note(self, frame: FrameType) -> None:
        path = Path(frame.f_code.co_filename)
        if not path.is_relative_to(ROOT) or path.relative_to(ROOT).parts[0] not in ROOMS:
            return
        file = path.relative_to(ROOT).with_suffix("").as_posix()
        self.ran.add(file)
        for value in _named_values(frame):
            for shape, parts in SHAPES.items():
                if isinstance(value, parts):
                    self.way.setdefault(file, set()).add(shape)
                    defined_in = type(value).__module__.replace(".", "/")
                    self.way.setdefault(defined_in, set()).add(shape)


def _named_values(frame: FrameType) -> Iterator[object]:
    """Yield the arguments and variables of a function, and the first item of each list.

    What is handed on as `*arguments` has no name: whoever runs any function knows none of them.
    """
    code = frame.f_code
    last_argument = code.co_argcount + code.co_kwonlyargcount
    unnamed = code.co_varnames[last_argument] if code.co_flags & CO_VARARGS else None
    for name, value in list(frame.f_locals.items()):
        if name != unnamed:
            yield value[0] if isinstance(value, (list, tuple)) and value else value


def follow(recorder: Recorder, client: TestClient) -> None:
    """Send a message, and another one before it, so that nothing happens for the first time."""
    for text in ("a red circle", TEXT):
        fields = {"sender": text, "text": text, "secret": "a secret"}
        with recorder.recording() if text == TEXT else nullcontext():
            client.post("/api/messages", data=fields).raise_for_status()


def handed_on(way: Way) -> list[str]:
    """Return the shapes that more rooms than one have; any other is a room's own."""
    rooms = {
        shape: {file.rpartition("/")[0] for file, shapes in way.items() if shape in shapes}
        for shape in SHAPES
    }
    return [shape for shape, those in rooms.items() if len(those) > 1]


def draw(way: Way) -> str:
    """Return the list of the files, in Markdown."""
    lines = ["| | file | has | what it does |", "|---|---|---|---|"]
    for number, (file, shapes) in enumerate(way.items(), 1):
        has = ", ".join(f"`{shape}`" for shape in SHAPES if shape in shapes)
        text = (ROOT / f"{file}.py").read_text(encoding="utf-8")
        about = (ast.get_docstring(ast.parse(text)) or "").split("\n")[0]
        lines.append(f"| {number} | `{file}` | {has} | {about} |")
    return "\n".join(lines) + "\n"


def page(text: str, way: Way) -> str:
    """Return the page with the list of today."""
    return re.sub(
        r"(?<=<!-- way -->\n).*?(?=<!-- end of way -->)", lambda _: draw(way), text, flags=re.S
    )


def main(bundles: Path) -> None:
    """Start the application over a bundle, follow the message, write the page."""
    from bot.server.app import create_app
    from bot.server.embedded_redis import EmbeddedRedis
    from bot.settings import load_settings

    recorder = Recorder()
    with tempfile.TemporaryDirectory() as folder, EmbeddedRedis(Path(folder)) as redis:
        settings = load_settings(bundles=bundles, redis_url=redis.url)
        with (
            recorder.hooked(),
            TestClient(create_app(settings), base_url="http://127.0.0.1") as client,
        ):
            follow(recorder, client)
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), recorder.way), encoding="utf-8")
    print(f"{len(recorder.way)} files have the message; {len(recorder.ran)} run for it")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
