"""The application: what it is made of, and in which order."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

import socketio
from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline
from pydantic import SecretStr
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp, Scope
from threadpoolctl import threadpool_limits

from bot.channels import rasa_actions, rasa_rest, rasa_socketio, web
from bot.channels.guards import RateLimits, needs
from bot.channels.problems import problems
from bot.channels.services import Services
from bot.desk import routes as desk
from bot.desk.desk import open_desk
from bot.dialogue.conversation import Conversation
from bot.files import images, page
from bot.live.admission import Admission
from bot.live.bundle import LiveBundle
from bot.live.catalog import open_catalog
from bot.live.lease import give_memory_back
from bot.live.originals import FETCHED_AT_ONCE, Originals
from bot.live.threads import Threads
from bot.live.thumbnails import Shared, Thumbnails
from bot.rewriting.rewriter import build_rewriter
from bot.server import probes
from bot.server.bodies import BodyLimit
from bot.server.errors import HANDLERS, SORRY, explain
from bot.server.metrics import Metrics
from bot.server.middleware import AtRoot, BelowPath, LastResort, OneForm, RequestLog
from bot.server.protocol import ADMISSION
from bot.server.readiness import Readiness
from bot.server.signals import ended_at_once
from bot.server.sites import Sites
from bot.sessions.connection import connect
from bot.sessions.questions import QuestionLog
from bot.sessions.store import SessionStore
from bot.settings import Settings, SettingsError, load_settings
from bot.stages import traced
from bot.understanding.interpreter import Interpreter
from bot.understanding.learned import build_interpreter
from bot.understanding.rasa_project import RasaProject
from embedding.pretrained.sentences import load_sentence_encoder
from retrieval.bundle.catalog import Catalog

# How long a thread that computes keeps the interpreter when the event loop wants it. Python's own 5
# ms are waited for at each connection: a crowd of 800 then takes seconds to be refused.
SWITCH_S = 0.0002
# A message of the greatest length, escaped, with a client's metadata around it.
LARGEST_BODY = 256_000
# What multipart puts around a picture and a text.
UPLOAD_OVERHEAD = 64_000


def create_app(settings: Settings | None = None, *, only_actions: bool = False) -> ASGIApp:
    """Return the ASGI application: the routes, and Socket.IO beside them.

    Args:
        settings: what to serve; None reads the environment (as a worker process does).
        only_actions: serve the Rasa action server, the pictures and the probes alone.

    Raises:
        SettingsError: `bundles` (or `store`) or `redis_url` is missing.
    """
    settings = settings or load_settings()
    api = create_api(settings, only_actions=only_actions)
    app: ASGIApp = api
    if not only_actions and settings.redis_url:
        api.state.sockets = rasa_socketio.create_socket_server(
            lambda: api.state.services,
            lambda error: explain(error, getattr(api.state, "project", None)),
            rasa_socketio.Windows(settings.redis_url),
            settings.rasa_token,
        )
        app = socketio.ASGIApp(api.state.sockets, app, socketio_path=rasa_socketio.PATH)
    app = Sites(
        app,
        settings.base_url,
        settings.trusted_hosts,
        settings.cors_origins,
        settings.frame_ancestors,
    )
    return AtRoot(RequestLog(app), settings.path_prefix)


def create_api(settings: Settings, *, only_actions: bool = False) -> FastAPI:
    """Return the routes with their middleware and error answers; see `create_app`."""
    if settings.redis_url is None:
        raise SettingsError("SHOWTELL_REDIS_URL is not set: name the Redis that keeps sessions.")

    catalog = open_catalog(settings)
    metrics = Metrics()

    def count(scope: Scope, status: int) -> None:
        metrics.requests.labels(scope["method"], status).inc()

    api = FastAPIOffline(
        redoc_url=None,
        responses=problems(400, 403, 500),
        favicon_url=f"{settings.path_prefix}/icon.svg",
        title="Showtell",
        version=version("showtell"),
        redirect_slashes=False,  # a redirect would name whatever host the client claims
        description="You tell, it shows: a chatbot that answers people with pictures.",
        lifespan=partial(
            _lifespan,
            settings=settings,
            catalog=catalog,
            redis_url=settings.redis_url,
            metrics=metrics,
        ),
        middleware=[
            Middleware(OneForm),
            # For all sites that `Sites`, before it, lets in. No cookies are used and Authorization
            # may not be sent, so their pages can chat but never administer.
            Middleware(
                CORSMiddleware,
                allow_origin_regex=".*",
                allow_methods=["GET", "POST"],
                allow_headers=["Content-Type", "X-Chat-Secret", "X-Request-ID"],
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
            Middleware(BelowPath, prefix=settings.path_prefix),
        ],
        exception_handlers=HANDLERS,
    )
    rasa = _behind(settings.rasa_token, in_query=True)
    api.include_router(probes.router)
    api.include_router(probes.metrics_router, **_behind(settings.metrics_token))
    api.include_router(rasa_actions.router, **rasa)
    api.include_router(images.router)
    if settings.admin_token:
        api.include_router(desk.create_router(settings.admin_token))
    if settings.mcp_token and not only_actions:
        _add_mcp(api, settings.mcp_token)
    if not only_actions:
        api.include_router(page.router)
        api.include_router(web.router)
        api.include_router(rasa_rest.router, **rasa)
        api.include_router(rasa_socketio.router)
    return api


def _add_mcp(api: FastAPI, token: SecretStr) -> None:
    from bot.channels import mcp  # its package comes with an extra

    server = mcp.create_mcp_server(
        lambda: api.state.services,
        lambda error: explain(error, getattr(api.state, "project", None)),
    )
    endpoint = mcp.McpEndpoint(server, token)
    # No GET: without a session of the protocol's own there is no stream to listen to.
    api.router.routes.append(Route(mcp.PATH, endpoint, methods=["POST"], include_in_schema=False))
    api.state.mcp = endpoint.manager


def _behind(token: SecretStr | None, *, in_query: bool = False) -> dict[str, Any]:
    """Return how a router is included whose routes may need a token."""
    if token is None:
        return {}
    return {"dependencies": [Depends(needs(token, in_query=in_query))], "responses": problems(401)}


@asynccontextmanager
async def _lifespan(
    app: FastAPI, *, settings: Settings, catalog: Catalog, redis_url: str, metrics: Metrics
) -> AsyncIterator[dict[str, Admission]]:
    """Open Redis, the Rasa project and the bundle; close them in reverse."""
    async with AsyncExitStack() as stack:
        stack.enter_context(traced())
        redis = connect(redis_url)
        stack.push_async_callback(redis.aclose)
        project = RasaProject.load(language=settings.language)
        app.state.project = project
        app.state.metrics = metrics
        app.state.page = page.write_page(project, settings)
        live = LiveBundle(
            catalog,
            images=settings.images,
            redis=redis,
            threads=settings.threads,
            poll_s=settings.poll_s,
            models=settings.data_dir / "models",
            on_swap=metrics.count_load,
            on_failure=metrics.count_background_failure,
            on_missing=metrics.missing_pictures.inc,
        )
        stack.push_async_callback(live.stop)
        with ended_at_once():
            # On the other core, while the bundle is opened.
            loading = asyncio.create_task(asyncio.to_thread(_interpreter, project, settings))
            await live.start()
            interpreter = await loading
        _tune_process()
        admission = Admission(settings.answer_within_s, metrics.refusals.inc)
        sessions = SessionStore(redis, settings.session_ttl_s, settings.lock_timeout_s)
        app.state.readiness = Readiness(redis_url, lambda: sessions.kept_at)
        stack.push_async_callback(app.state.readiness.close)
        pictures = Threads(settings.picture_threads, "pictures")
        stack.push_async_callback(pictures.close)
        fetching = Threads(FETCHED_AT_ONCE, "fetching")
        stack.push_async_callback(fetching.close)
        originals = Originals(
            settings.data_dir / "originals", fetching, settings.originals_mb * 1_000_000
        )
        rewriter = build_rewriter(settings, metrics.count_rewrite)
        stack.push_async_callback(rewriter.close)
        secret = settings.admin_token.get_secret_value() if settings.admin_token else ""
        questions = QuestionLog(redis, settings.keep_questions_days, secret)
        stack.push_async_callback(questions.close)
        conversation = Conversation(
            sessions, live, project, interpreter, settings, pictures, rewriter, questions
        )
        app.state.services = Services(
            settings=settings,
            sessions=sessions,
            live=live,
            conversation=conversation,
            actions=rasa_actions.create_executor(conversation, settings.base_url),
            figures=metrics,
            originals=originals,
            thumbnails=Thumbnails(
                *(settings.data_dir / "thumbnails", pictures, settings.thumbnails_mb * 1_000_000),
                originals,
                Shared(settings.thumbnails, fetching) if settings.thumbnails else None,
            ),
            admission=admission,
            rates=RateLimits(settings.limit_sender, settings.limit_address),
            background=(live.follower,),
        )
        app.state.desk = await stack.enter_async_context(
            open_desk(settings, catalog, redis, live, questions)
        )
        if sockets := getattr(app.state, "sockets", None):
            stack.push_async_callback(sockets.manager.close)
            stack.push_async_callback(sockets.shutdown)
        if mcp := getattr(app.state, "mcp", None):
            await stack.enter_async_context(mcp.run())
        yield {ADMISSION: admission}


def _tune_process() -> None:
    """Set what holds for the whole process, now that its libraries are loaded."""
    give_memory_back()  # to learn at the first start takes a gigabyte
    # They stay: the collection after each swap need not walk through their half a million objects,
    # which stops the event loop for half a second.
    gc.freeze()
    gc.enable()  # `bot.server.run.load_app` stopped it
    sys.setswitchinterval(SWITCH_S)
    # numpy's OpenBLAS waits for its own second thread by spinning, which another process on that
    # core turns into a hundred times the time of the product itself; the serving threads use the
    # cores already.
    threadpool_limits(1, user_api="blas")


def _interpreter(project: RasaProject, settings: Settings) -> Interpreter:
    encoder = load_sentence_encoder(settings.data_dir / "models")
    return build_interpreter(project, encoder, settings.data_dir / "cache")
