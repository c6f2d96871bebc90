"""What each error answers: one table for HTTP and for channels without status codes."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from bot.errors import (
    ComeAgain,
    IndexingRuns,
    MessageRefused,
    NothingToRollBackTo,
    NotYours,
    Overloaded,
    SessionsUnavailable,
    TooOften,
    UnknownVersion,
)
from bot.understanding.rasa_project import RasaProject
from embedding.data.decode import ImageError, ImageTooLarge
from embedding.errors import PicturesUnavailable
from retrieval.errors import BundleRefused, GalleryError, NoBundle, StoreReadOnly, StoreUnavailable

logger = logging.getLogger(__name__)

RETRY = {"Retry-After": "5"}
# A body with thousands of wrong fields is not answered with as many sentences.
MOST_TOLD = 3
LONGEST_TOLD = 40
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
SORRY = "Something went wrong on our side. Please try again in a moment."


@dataclass(frozen=True)
class ErrorAnswer:
    """What an error answers; without a sentence of its own, the error's text is it."""

    status: int
    sentence: str = ""
    headers: dict[str, str] = field(default_factory=dict)


# The first class that fits counts. A fixed sentence where the error's text is for the operator.
ERRORS: dict[type[Exception], ErrorAnswer] = {
    Overloaded: ErrorAnswer(503),
    TooOften: ErrorAnswer(429),
    SessionsUnavailable: ErrorAnswer(503, headers=RETRY),
    NoBundle: ErrorAnswer(
        503, "There are no pictures to show yet. Please try again in a moment.", RETRY
    ),
    NotYours: ErrorAnswer(403),
    MessageRefused: ErrorAnswer(422),
    ImageTooLarge: ErrorAnswer(413),
    ImageError: ErrorAnswer(415),
    StoreUnavailable: ErrorAnswer(
        503, "The pictures cannot be searched just now. Please try again in a moment.", RETRY
    ),
    PicturesUnavailable: ErrorAnswer(
        503, "The picture cannot be fetched just now. Please try again in a moment.", RETRY
    ),
    GalleryError: ErrorAnswer(404, "There is no such picture."),
    BundleRefused: ErrorAnswer(409),
    StoreReadOnly: ErrorAnswer(409),
    IndexingRuns: ErrorAnswer(409),
    UnknownVersion: ErrorAnswer(404),
    NothingToRollBackTo: ErrorAnswer(409),
}


# What a sender is told in another language than English, whose sentences say more.
SENTENCES: dict[type[Exception], str] = {
    ComeAgain: "utter_error_busy",
    SessionsUnavailable: "utter_error_busy",
    StoreUnavailable: "utter_error_busy",
    PicturesUnavailable: "utter_error_busy",
    NoBundle: "utter_error_no_pictures",
    ImageTooLarge: "utter_error_image_too_large",
    ImageError: "utter_error_image",
}


def find_answer(error: Exception, project: RasaProject | None = None) -> ErrorAnswer | None:
    """Return what an error answers, its sentence filled in; None for one nobody foresaw.

    Args:
        error: what happened.
        project: has the sentences of the language that is spoken; None speaks English.
    """
    for kind, answer in ERRORS.items():
        if isinstance(error, kind):
            sentence = _translate(error, project) or answer.sentence or finish(str(error))
            headers = answer.headers
            if isinstance(error, ComeAgain):
                headers = {"Retry-After": str(error.retry_after_s)}
            return replace(answer, sentence=sentence, headers=headers)
    return None


def _translate(error: Exception, project: RasaProject | None) -> str | None:
    """Return the sentence of a language other than English, where it has one for this error."""
    if project is None or project.language == "en":
        return None
    if isinstance(error, MessageRefused):
        return project.render(error.response, error.values)["text"] if error.response else None
    for kind, response in SENTENCES.items():
        if isinstance(error, kind):
            return str(project.render(response, {})["text"])
    return None


def explain(error: Exception, project: RasaProject | None = None) -> str:
    """Return an error's sentence for a channel without status codes; log one nobody foresaw."""
    answer = find_answer(error, project)
    if answer:
        return answer.sentence
    logger.error("a message failed", exc_info=error)
    return str(project.render("utter_error", {})["text"]) if project else SORRY


def _answer(status: int, sentence: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": sentence}, status_code=status, headers=headers)


async def answer_error(request: Request, error: Exception) -> JSONResponse:
    """Answer what the table says."""
    project = getattr(request.app.state, "project", None)
    answer = find_answer(error, project) or ErrorAnswer(500, SORRY)
    return _answer(answer.status, answer.sentence, answer.headers)


async def answer_http_error(request: Request, error: HTTPException) -> JSONResponse:
    """Answer what a route or Starlette raised on purpose."""
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted(_methods_at(request)))
    return _answer(error.status_code, finish(error.detail), headers)


def _methods_at(request: Request) -> set[str]:
    """Return all methods of a path; Starlette names those of the first route alone."""
    return {
        method
        for method in _METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    }


async def answer_validation_error(_: Request, error: RequestValidationError) -> JSONResponse:
    """Answer what is wrong with each field, in one text."""
    return _answer(422, " ".join(_sentence_of(item) for item in error.errors()[:MOST_TOLD]))


def _sentence_of(item: dict[str, Any]) -> str:
    """Say what is wrong with one field; what was sent is not repeated."""
    if item["type"] == "json_invalid":
        return "The body is not valid JSON."
    names = [str(part)[:LONGEST_TOLD] for part in item["loc"][1:]]
    message = str(item["msg"]).removeprefix("Value error, ")
    return finish(f"{'.'.join(names) or 'The body'}: {message}")


def finish(sentence: str) -> str:
    """Return a sentence that begins with a capital and ends with a full stop."""
    sentence = sentence[:1].upper() + sentence[1:]
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."


HANDLERS: dict[Any, Any] = {
    HTTPException: answer_http_error,
    RequestValidationError: answer_validation_error,
    **dict.fromkeys(ERRORS, answer_error),
}
