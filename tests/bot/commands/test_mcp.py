"""`showtell mcp`, started by the protocol's own client as assistants start it."""

import asyncio
import os
import sys
from pathlib import Path

from mcp import Client, StdioServerParameters

ROOT = Path(__file__).parents[3]


def test_the_tools_answer_over_standard_input_and_output(
    shapes_bundles, embedded_redis, server_data_dir, tmp_path
):
    """Whatever is printed goes elsewhere; one process is one session."""
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "bot", "mcp", "--bundles", str(shapes_bundles)],
        env={
            "PYTHONPATH": str(ROOT),
            "SHOWTELL_DATA_DIR": str(server_data_dir),
            "SHOWTELL_REDIS_URL": embedded_redis.url,
            "SHOWTELL_LOG_LEVEL": "DEBUG",
            "HOME": os.environ.get("HOME", str(tmp_path)),
        },
        cwd=tmp_path,
    )

    async def conversation():
        async with Client(server) as client:
            first = await client.call_tool("search", {"text": "a blue triangle"})
            second = await client.call_tool("search", {"without": ["big"]})
            picture = second.structured_content["pictures"][0]["id"]
            shown = await client.call_tool("show", {"images": [picture]})
            return first.structured_content, second.structured_content, shown

    first, second, shown = asyncio.run(conversation())
    assert "blue" in first["pictures"][0]["caption"]
    assert second["session"] == first["session"]
    assert second["search"]["wanted"] == ["a blue triangle"]
    assert second["search"]["excluded"] == ["big"]
    assert [block.type for block in shown.content] == ["text", "image"]
