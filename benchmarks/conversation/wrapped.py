"""Requests wrapped in command words that bot/rasa/data/nlu.yml does not have: two lists of ten."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.conversation.data import World, plain
from bot.sessions.record import SessionRecord
from bot.understanding.interpreter import Interpreter
from bot.understanding.learned import build_interpreter
from bot.understanding.meaning import decide
from bot.understanding.operations import Search
from bot.understanding.rasa_project import RasaProject
from embedding.pretrained.sentences import load_sentence_encoder
from retrieval.search.query import Query

K = 10
WRAPPERS = (
    "could you please show me a picture where {}",
    "I'm hunting for a photograph in which {}",
    "do you happen to have any snapshot of {}",
    "it'd be lovely if you dug up an image with {}",
    "my boss asked me for a shot that shows {}",
    "would there be a pic of {} somewhere in your collection?",
    "hello there, I remember a photo: {}. can you find it?",
    "let's try this: {}",
    "{} - have you got something along those lines?",
    "seek out {}, if that is not too much trouble",
)
# Nobody looks at these while tuning: what they give is measured once, when all is done.
SECOND_WRAPPERS = (
    "got anything resembling {}",
    "I've been dreaming about a scene with {}, could you help me out?",
    "{}: does a picture like that exist?",
    "any luck with {}?",
    "my niece adores pictures of {} and wants one now",
    "if you wouldn't mind, scan the archive for {} and let me know",
    "the thing is, I need {} for a poster",
    "{}, thanks in advance!",
    "there ought to be a photograph depicting {} in here",
    "please, {} - I know you can do it",
)


def measure_wrapped(world: World, users: int, cache: Path) -> dict[str, Any]:
    """Return Recall@10 of bare captions, and of wrapped ones (both lists) as a ratio to it.

    A message that is not taken for a search finds nothing.
    """
    interpreter = build_interpreter(RasaProject.load(), load_sentence_encoder(), cache)
    choose = random.Random(0)
    asked = [(user, plain(choose.choice(world.captions[user]))) for user in range(users)]
    bare = _recall(world, [(user, text) for user, text in asked])
    report: dict[str, Any] = {"users": users, "bare_recall": round(100 * bare, 1)}
    report |= _ask(world, interpreter, asked, bare, WRAPPERS)
    report["second_list"] = _ask(world, interpreter, asked, bare, SECOND_WRAPPERS)
    return report


def _ask(
    world: World,
    interpreter: Interpreter,
    asked: list[tuple[int, str]],
    bare: float,
    wrappers: Sequence[str],
) -> dict[str, Any]:
    wrapped: dict[str, Any] = {}
    for wrapper in wrappers:
        heard: list[tuple[int, str | None]] = []
        other: dict[str, int] = {}
        for user, caption in asked:
            reading = interpreter.read(wrapper.format(caption))
            meaning = decide(reading, SessionRecord(sender_id="user"), interpreter.closeness)
            wish = meaning.operations[0]
            if not isinstance(wish, Search):
                other[meaning.intent] = other.get(meaning.intent, 0) + 1
            heard.append((user, wish.text or None if isinstance(wish, Search) else None))
        ratio = round(_recall(world, heard) / bare, 3) if bare else 0.0
        wrapped[wrapper] = {"ratio": ratio, "other_intents": other}
    mean = sum(found["ratio"] for found in wrapped.values()) / len(wrapped)
    return {"ratio": round(mean, 3), "wrappers": wrapped}


def _recall(world: World, asked: list[tuple[int, str | None]]) -> float:
    found = [
        text is not None and world.ids[user] in world.search(Query(texts=(text,)), K)
        for user, text in asked
    ]
    return sum(found) / len(found)
