"""Showtell as tools of other assistants, by the Model Context Protocol.

The model that calls has understood its user already: each tool is an operation, carried out in a
session like those of the other channels.
"""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, SecretStr
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from bot.channels.answers import THUMBNAIL, Search, to_answer
from bot.channels.guards import needs
from bot.channels.services import Services
from bot.dialogue.message import Turn, check_message
from bot.errors import ExtraMissing
from bot.live.serving import Serving
from bot.understanding import operations as op
from bot.understanding.reading import LONGEST_TEXT
from retrieval.errors import GalleryError
from retrieval.search.query import Hit

try:
    from mcp.server import MCPServer
    from mcp.server.mcpserver.exceptions import ToolError
    from mcp.server.transport_security import TransportSecuritySettings
    from mcp.types import CallToolResult, ContentBlock, ImageContent, TextContent
except ImportError as error:
    raise ExtraMissing(
        f"the Model Context Protocol needs {error.name}: pip install 'showtell[mcp]'"
    ) from error

PATH = "/mcp"
CHANNEL = "mcp"
MOST_PICTURES = 12
INSTRUCTIONS = """Pictures of one gallery, found by what they show. Begin with `search`, look at \
what was found with `show`, and narrow down with `search` (narrow), `like` and `unlike`. Every \
answer names its session: give it back to go on with that search."""

Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
ImageId = Annotated[str, Field(pattern="^[0-9a-f]{16}$", description="Id of a picture.")]
ImageIds = Annotated[list[ImageId], Field(min_length=1, max_length=MOST_PICTURES)]
SessionName = Annotated[
    str, Field(max_length=200, description="The session of an earlier answer; empty: a new one.")
]


class Picture(BaseModel):
    """A picture that was found."""

    id: str
    caption: str = Field(description="Empty where the gallery has none.")
    reasons: list[str] = Field(description="Why it was found, in words.")
    width: int
    height: int


class Found(BaseModel):
    """The answer to a change of the search."""

    session: str = Field(description="Give it back to go on with this search.")
    said: list[str] = Field(description="What people would be told, such as that nothing fits.")
    pictures: list[Picture] = Field(description="Best first.")
    search: Search | None = Field(None, description="The search as it stands now.")


class Shown(BaseModel):
    """The pictures of the image blocks, in their order."""

    pictures: list[Picture]


class Tools:
    """What the model that calls can do.

    Args:
        services: returns what the app shares; asked at each call.
        explain: returns the sentence that an error is answered with.
        session: for calls that name none; empty makes one up for each.
    """

    def __init__(
        self,
        services: Callable[[], Services],
        explain: Callable[[Exception], str],
        session: str = "",
    ) -> None:
        self._services = services
        self._explain = explain
        self._session = session

    async def search(
        self,
        text: Annotated[Text, Field(description="What the pictures show, in plain words.")] = "",
        without: Annotated[
            list[Text], Field(max_length=8, description="Things that they must not show.")
        ] = [],  # noqa: B006 - never changed, and its schema is plainer than that of None
        narrow: Annotated[
            bool, Field(description="Add to the running search instead of beginning one.")
        ] = False,
        session: SessionName = "",
    ) -> Found:
        """Find pictures by what they show, or narrow a running search down."""
        operations: list[op.Operation] = [op.Exclude(thing) for thing in without]
        if text or not operations:
            operations.insert(0, op.Refine(text) if narrow else op.Search(text))
        return await self._carry_out("search", session, operations, text, *without)

    async def more(self, session: SessionName = "") -> Found:
        """Find the next pictures of the running search."""
        return await self._carry_out("more", session, [op.More()])

    async def like(self, images: ImageIds, session: SessionName = "") -> Found:
        """Find more pictures like these."""
        return await self._carry_out("like", session, [op.Like(image=one) for one in images])

    async def unlike(self, images: ImageIds, session: SessionName = "") -> Found:
        """Draw the running search away from these pictures."""
        return await self._carry_out("unlike", session, [op.Unlike(image=one) for one in images])

    async def rate(
        self, image: ImageId, rating: Literal["up", "down"], session: SessionName = ""
    ) -> Found:
        """Keep a thumb up or down for a picture; later pages of the search follow it."""
        return await self._carry_out("rate", session, [op.Rate(image=image, rating=rating)])

    async def show(self, images: ImageIds) -> Annotated[CallToolResult, Shown]:
        """Look at pictures: a thumbnail of each, with its caption."""
        services = self._services()
        pictures: list[Picture] = []
        blocks: list[ContentBlock] = []
        try:
            with services.live.lease() as serving:
                for image_id in images:
                    hit, thumbnail = await _load(services, serving, image_id)
                    pictures.append(_picture(hit))
                    data = base64.b64encode(thumbnail).decode()
                    blocks.append(TextContent(text=f"{image_id}: {hit.caption}"))
                    blocks.append(ImageContent(data=data, mime_type="image/webp"))
        except Exception as error:
            raise ToolError(self._explain(error)) from error
        shown = Shown(pictures=pictures)
        return CallToolResult(content=blocks, structured_content=shown.model_dump())

    async def _carry_out(
        self, tool: str, session: str, operations: Sequence[op.Operation], *texts: str
    ) -> Found:
        services = self._services()
        session = session or self._session or f"mcp-{uuid.uuid4().hex}"
        try:
            for text in texts:
                check_message(text, LONGEST_TEXT, nothing_else=False)
            turn = await services.carry_out(CHANNEL, session, operations, tool)
        except Exception as error:
            raise ToolError(self._explain(error)) from error
        return _found(session, turn)


class McpEndpoint:
    """The ASGI application at /mcp: streamable HTTP for those who have the token.

    Any worker answers any request: what lasts is in the session record.

    Args:
        server: has the tools.
        token: that every request must bear.
    """

    def __init__(self, server: MCPServer, token: SecretStr) -> None:
        # Names and origins are checked before, for all channels; this makes the manager.
        security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        server.streamable_http_app(
            stateless_http=True, json_response=True, transport_security=security
        )
        self.manager = server.session_manager
        self._check = needs(token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._check(Request(scope))
        await self.manager.handle_request(scope, receive, send)


def create_mcp_server(
    services: Callable[[], Services], explain: Callable[[Exception], str], session: str = ""
) -> MCPServer:
    """Return a server with the tools; see `Tools` for the arguments."""
    server = MCPServer("showtell", version=version("showtell"), instructions=INSTRUCTIONS)
    tools = Tools(services, explain, session)
    for tool in (tools.search, tools.more, tools.like, tools.unlike, tools.rate, tools.show):
        server.add_tool(tool)
    return server


async def _load(services: Services, serving: Serving, image_id: str) -> tuple[Hit, bytes]:
    """Return a picture and its thumbnail.

    Raises:
        GalleryError: the gallery has none of that id.
        ImageError: its file is damaged.
    """
    hit = await serving.find(image_id)
    if hit is None:
        raise GalleryError(f"there is no picture {image_id}")
    path = serving.bundle.store.file(image_id)
    found = await services.thumbnails.get(path, hit.picture.sha256, THUMBNAIL)
    return hit, await asyncio.to_thread(found.read_bytes) if isinstance(found, Path) else found


def _found(session: str, turn: Turn) -> Found:
    answer = to_answer(turn)
    return Found(
        session=session,
        said=[reply.text for reply in answer.replies if reply.text],
        pictures=[_picture(hit) for said in turn.said for hit in said.pictures],
        search=answer.search,
    )


def _picture(hit: Hit) -> Picture:
    return Picture(
        id=hit.image_id,
        caption=hit.caption,
        reasons=list(hit.reasons),
        width=hit.picture.width,
        height=hit.picture.height,
    )
