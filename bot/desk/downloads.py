"""What people asked and what would have been right, as files that train and index again.

One JSON object a line, `{"image": path, "caption": text}`: `showtell train --data jsonl:FILE` and
`showtell index FOLDER --captions FILE` read them (embedding/data/captions.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bot.desk.corrections import Correction
from bot.sessions.questions import Question
from embedding.data.captions import RESERVED
from retrieval.store.protocol import Picture, Store

_BATCH = 500


def correction_lines(corrections: Iterable[Correction]) -> Iterator[str]:
    """Yield a pair for each correction."""
    return (_line({"image": one.path, "caption": one.caption}) for one in corrections)


def question_lines(
    questions: Iterable[Question], corrections: Mapping[str, Correction]
) -> Iterator[str]:
    """Yield a line for each question: a pair where it is known which picture was right.

    Readers leave out the others, which name no picture.
    """
    for question in questions:
        right = corrections.get(question.id)
        pair = {"image": right.path, "caption": right.caption} if right else {}
        asked = question.model_dump(exclude={"goes_on"})
        yield _line({**pair, "question": asked})


def gallery_lines(store: Store, corrections: Sequence[Correction]) -> Iterator[str]:
    """Yield all captions of a gallery with its metadata, and the corrections as further captions.

    Args:
        store: stays open until the last line is taken.
        corrections: of pictures that are in it; the others are left out.
    """
    added: dict[str, list[str]] = {}
    for one in corrections:
        added.setdefault(one.image, []).append(one.caption)
    rows = store.first(len(store)).tolist()
    for start in range(0, len(rows), _BATCH):
        for picture in store.pictures(rows[start : start + _BATCH]):
            captions = dict.fromkeys([*picture.captions, *added.get(picture.image_id, ())])
            yield from _picture_lines(picture, [one for one in captions if one.strip()])


def _picture_lines(picture: Picture, captions: Sequence[str]) -> Iterator[str]:
    metadata = {key: value for key, value in picture.metadata.items() if key not in RESERVED}
    if captions or metadata:
        yield _line({"image": picture.path, "captions": captions, **metadata})


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"
