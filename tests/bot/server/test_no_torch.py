"""A server that answers texts and pictures has neither torch nor transformers in its process."""

import json
import os
import subprocess
import sys
from pathlib import Path

from bot.server.embedded_redis import EmbeddedRedis
from tests.test_imports import HEAVY, ROOT

TALK = f"""
import json, sys
from pathlib import Path
from starlette.testclient import TestClient
from bot.server.app import create_app

picture = Path(sys.argv[1]).read_bytes()
with TestClient(create_app(), base_url="http://127.0.0.1") as client:
    answers = [
        client.post("/api/messages", data={{"sender": "s" * 32, "text": text}}, files=files)
        for text, files in (
            ("a red star", {{}}),
            ("no circles", {{}}),
            ("more like this", {{"image": ("star.png", picture, "image/png")}}),
        )
    ]
print(json.dumps({{
    "statuses": [answer.status_code for answer in answers],
    "shown": [len(reply.get("images", ())) for reply in answers[-1].json()["replies"]],
    "heavy": sorted(set({HEAVY}) & sys.modules.keys()),
}}))
"""


def test_texts_and_pictures_are_answered_without_torch(
    shapes_dir: Path, shapes_bundles: Path, embedded_redis: EmbeddedRedis, server_data_dir: Path
) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "SHOWTELL_BUNDLES": str(shapes_bundles),
        "SHOWTELL_REDIS_URL": embedded_redis.url,
        "SHOWTELL_DATA_DIR": str(server_data_dir),
    }
    done = subprocess.run(
        [sys.executable, "-c", TALK, shapes_dir / "red-star-0.png"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["statuses"] == [200, 200, 200]
    assert max(told["shown"]) > 0
    assert told["heavy"] == []
