"""The application: what it is made of, in which order, and what each error answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import socketio
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Scope

from bot.channels import admin, images, page, rasa_actions, rasa_rest, rasa_socketio, web
from bot.channels.services import Services
from bot.channels.thumbnails import Thumbnails
from bot.dialogue.conversation import Conversation
from bot.errors import MessageRefused, NothingToRollBackTo, SessionsUnavailable, UnknownVersion
from bot.live.bundle import LiveBundle
from bot.server import probes
from bot.server.metrics import Metrics
from bot.server.middleware import BodyLimit, LastResort, RequestLog
from bot.sessions.store import SessionStore, connect
from bot.settings import Settings, SettingsError, load_settings
from bot.understanding.interpreter import Interpreter, build_interpreter
from bot.understanding.rasa_project import RasaProject
from embedding.data.decode import ImageError, ImageTooLarge
from retrieval.errors import BundleRefused, GalleryError, NoBundle

logger = logging.getLogger(__name__)

# A message of the greatest length, escaped, with a client's metadata around it.
LARGEST_BODY = 256_000
# What multipart puts around a picture and a text.
UPLOAD_OVERHEAD = 64_000
RETRY = {"Retry-After": "5"}
SORRY = "Something went wrong on our side. Please try again in a moment."


@dataclass(frozen=True)
class ErrorAnswer:
    """What an error answers; without a sentence of its own, the error's text is it."""

    status: int
    sentence: str = ""
    headers: dict[str, str] = field(default_factory=dict)


# The first class that fits counts. A fixed sentence where the error's text is for the operator.
ERRORS: dict[type[Exception], ErrorAnswer] = {
    SessionsUnavailable: ErrorAnswer(503, headers=RETRY),
    NoBundle: ErrorAnswer(
        503, "There are no pictures to show yet. Please try again in a moment.", RETRY
    ),
    MessageRefused: ErrorAnswer(422),
    ImageTooLarge: ErrorAnswer(413),
    ImageError: ErrorAnswer(415),
    GalleryError: ErrorAnswer(404, "There is no such picture."),
    BundleRefused: ErrorAnswer(409),
    UnknownVersion: ErrorAnswer(404),
    NothingToRollBackTo: ErrorAnswer(409),
}


# What a sender is told in another language than English, whose sentences say more.
SENTENCES: dict[type[Exception], str] = {
    SessionsUnavailable: "utter_error_busy",
    NoBundle: "utter_error_no_pictures",
    ImageTooLarge: "utter_error_image_too_large",
    ImageError: "utter_error_image",
}


def find_answer(error: Exception, project: RasaProject | None = None) -> ErrorAnswer | None:
    """Return what an error answers, its sentence filled in; None for one nobody foresaw.

    Args:
        error: What happened.
        project: Has the sentences of the language that is spoken; None speaks English.
    """
    for kind, answer in ERRORS.items():
        if isinstance(error, kind):
            sentence = answer.sentence or _finish(str(error))
            return replace(answer, sentence=_translate(error, project) or sentence)
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


def create_app(settings: Settings | None = None, *, only_actions: bool = False) -> ASGIApp:
    """Return the ASGI application: the routes, and Socket.IO beside them.

    Args:
        settings: What to serve; None reads the environment (as a worker process does).
        only_actions: Serve the Rasa action server, the pictures and the probes alone.

    Raises:
        SettingsError: `bundles` or `redis_url` is missing.
    """
    settings = settings or load_settings()
    api = create_api(settings, only_actions=only_actions)
    if only_actions:
        return RequestLog(api)
    api.state.sockets = rasa_socketio.create_socket_server(
        lambda: api.state.services,
        lambda error: explain(error, getattr(api.state, "project", None)),
        {settings.base_url, *settings.cors_origins},
    )
    return RequestLog(socketio.ASGIApp(api.state.sockets, api, socketio_path=rasa_socketio.PATH))


def create_api(settings: Settings, *, only_actions: bool = False) -> FastAPI:
    """Return the routes with their middleware and error answers; see `create_app`."""
    if settings.bundles is None:
        raise SettingsError("SHOWTELL_BUNDLES is not set: name the directory of the bundles.")
    if settings.redis_url is None:
        raise SettingsError("SHOWTELL_REDIS_URL is not set: name the Redis that keeps sessions.")

    metrics = Metrics()

    def count(scope: Scope, status: int) -> None:
        metrics.requests.labels(scope["method"], status).inc()

    api = FastAPI(
        title="Showtell",
        version=version("showtell"),
        redirect_slashes=False,  # a redirect would name whatever host the client claims
        description="You tell, it shows: a chatbot that answers people with pictures.",
        lifespan=partial(
            _lifespan,
            settings=settings,
            bundles=settings.bundles,
            redis_url=settings.redis_url,
            metrics=metrics,
        ),
        middleware=[
            # Any site may embed the widget unless settings say otherwise. No cookies are used and
            # Authorization may not be sent, so a foreign page can chat but never administer.
            Middleware(
                CORSMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=["GET", "POST"],
                allow_headers=["Content-Type", "X-Request-ID"],
                expose_headers=["Retry-After", "X-Request-ID"],
            ),
            Middleware(LastResort, count=count, sentence=SORRY),
            Middleware(
                BodyLimit,
                default=LARGEST_BODY,
                limits={
                    "/api/messages": settings.max_upload_bytes + UPLOAD_OVERHEAD,
                    "/webhook": rasa_actions.LARGEST_CALL,
                },
            ),
        ],
        exception_handlers={
            HTTPException: _answer_http_error,
            RequestValidationError: _answer_validation_error,
            **dict.fromkeys(ERRORS, _answer_error),
        },
    )
    api.include_router(probes.router)
    api.include_router(rasa_actions.router)
    api.include_router(images.router)
    if settings.admin_token:
        api.include_router(admin.create_router(settings.admin_token))
    if not only_actions:
        api.include_router(page.router)
        api.include_router(web.router)
        api.include_router(rasa_rest.router)
        api.include_router(rasa_socketio.router)
    return api


def create_action_app() -> ASGIApp:
    """Return the action server alone, with settings from the environment."""
    return create_app(only_actions=True)


@asynccontextmanager
async def _lifespan(
    app: FastAPI, *, settings: Settings, bundles: Path, redis_url: str, metrics: Metrics
) -> AsyncIterator[None]:
    """Open Redis, the Rasa project and the bundle; close them in reverse."""
    async with AsyncExitStack() as stack:
        redis = connect(redis_url)
        stack.push_async_callback(redis.aclose)
        project = RasaProject.load(language=settings.language)
        app.state.project = project
        app.state.metrics = metrics
        app.state.page = page.write_page(project)
        interpreter = await asyncio.to_thread(_interpreter, project, settings)
        live = LiveBundle(
            bundles,
            images=settings.images,
            redis=redis,
            threads=settings.threads,
            torch_threads=settings.torch_threads,
            poll_s=settings.poll_s,
            on_swap=metrics.count_load,
        )
        stack.push_async_callback(live.stop)
        await live.start()
        sessions = SessionStore(redis, settings.session_ttl_s, settings.lock_timeout_s)
        conversation = Conversation(sessions, live, project, interpreter, settings)
        app.state.services = Services(
            settings=settings,
            sessions=sessions,
            live=live,
            conversation=conversation,
            actions=rasa_actions.create_executor(conversation, settings.base_url),
            figures=metrics,
            thumbnails=Thumbnails(settings.data_dir / "thumbnails"),
        )
        if sockets := getattr(app.state, "sockets", None):
            stack.push_async_callback(sockets.shutdown)
        yield


def _interpreter(project: RasaProject, settings: Settings) -> Interpreter:
    # Lazily: torch takes seconds to import, and an app may be made only to be asked for its routes.
    from embedding.pretrained.sentences import load_sentence_encoder

    return build_interpreter(project, load_sentence_encoder(), settings.data_dir / "cache")


def _answer(status: int, sentence: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": sentence}, status_code=status, headers=headers)


async def _answer_error(request: Request, error: Exception) -> JSONResponse:
    project = getattr(request.app.state, "project", None)
    answer = find_answer(error, project) or ErrorAnswer(500, SORRY)
    return _answer(answer.status, answer.sentence, answer.headers)


async def _answer_http_error(_: Request, error: HTTPException) -> JSONResponse:
    return _answer(error.status_code, _finish(error.detail), dict(error.headers or {}))


async def _answer_validation_error(_: Request, error: RequestValidationError) -> JSONResponse:
    return _answer(422, " ".join(_sentence_of(item) for item in error.errors()))


def _sentence_of(item: dict[str, Any]) -> str:
    """Say what is wrong with one field; what was sent is not repeated."""
    names = [str(part) for part in item["loc"][1:]]
    return _finish(f"{'.'.join(names) or 'The body'}: {item['msg']}")


def _finish(sentence: str) -> str:
    sentence = sentence[:1].upper() + sentence[1:]
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
