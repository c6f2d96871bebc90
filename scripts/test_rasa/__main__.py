"""Plays the same script through a real Rasa server and through the embedded dialogue manager.

    python scripts/test_rasa                 # installs Rasa 3.6.21 in build/rasa first
    python scripts/test_rasa --rasa VENV     # uses an environment that has it

Rasa needs CPython 3.10 and an environment of its own. Started here: our server with the action
server over the drawn shapes, a Redis for each side, `rasa data validate`, `rasa train`, `rasa run`.
The scripts go over REST and SocketIO, through a question back, filters, feedback, uploads, a
failing action, and restarts of either server in mid-conversation; short talks go through our
widget, and through rasa-webchat from npm, in a browser. Prints one JSON object; exits with 1 if any
reply differs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # in the place of this folder

from bot.server.embedded_redis import EmbeddedRedis  # noqa: E402
from bot.understanding.rasa_project import RasaProject  # noqa: E402
from retrieval.bundle.bundle import Candidate, build_bundle, publish  # noqa: E402
from scripts.rasa_project import write_project  # noqa: E402
from scripts.test_rasa.comparison import compare, say  # noqa: E402
from scripts.test_rasa.servers import (  # noqa: E402
    Restartable,
    free_port,
    install_rasa,
    rasa_environment,
    run_rasa,
    served,
    staged_search,
    tcp_redis,
    timed,
)
from scripts.test_rasa.webchat import compare_webchat  # noqa: E402
from scripts.test_rasa.widget import compare_widget  # noqa: E402
from tests.fixtures.bundles import shape_candidates  # noqa: E402
from tests.fixtures.models import make_shapes, train_shapes_model  # noqa: E402
from tests.fixtures.server import make_settings  # noqa: E402


def main() -> int:
    """Run everything; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rasa", type=Path, help="virtual environment that has Rasa")
    chosen = parser.parse_args()
    environment = chosen.rasa or install_rasa(ROOT / "build" / "rasa")
    rasa = environment.absolute() / "bin" / "rasa"
    report: dict[str, Any] = {}
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="showtell-rasa-")))
        shapes = make_shapes(work / "shapes")
        model = train_shapes_model(shapes, work / "model")
        candidates = [dated(candidate) for candidate in shape_candidates(shapes)]
        built = build_bundle(candidates, root=shapes, model_dir=model, bundles=work / "bundles")
        publish(work / "bundles", built.version)

        project = work / "project"
        write_project(project, "en")
        run = {"cwd": project, "check": True, "env": rasa_environment()}
        report["validate_s"] = timed([rasa, "data", "validate"], **run)
        train = [rasa, "train", "--out", work / "models", "--fixed-model-name", "showtell"]
        report["train_s"] = timed(train, **run)

        redis = stack.enter_context(EmbeddedRedis(work / "redis"))
        rasa_redis = stack.enter_context(tcp_redis())
        settings = make_settings(work / "bundles", redis.url, work / "data")
        stack.enter_context(staged_search())
        port = free_port()
        variables = rasa_environment(
            SHOWTELL_URL=f"http://127.0.0.1:{port}",
            SHOWTELL_ACTIONS_URL=f"http://127.0.0.1:{port}/webhook",
            RASA_REDIS_HOST="127.0.0.1",
            RASA_REDIS_PORT=str(rasa_redis),
        )
        model_file = work / "models" / "showtell.tar.gz"
        own = Restartable(lambda: served(settings, port))
        started = time.monotonic()
        stack.enter_context(own)
        other = Restartable(lambda: run_rasa(rasa, project, model_file, variables))
        stack.enter_context(other)
        report["ready_s"] = round(time.monotonic() - started, 1)
        seen = compare_widget(other.url, own.url)
        seen += compare_webchat(other.url, own.url, ROOT / "build" / "rasa-webchat")
        report |= compare(other, own)
        report["differences"] += seen
        own.stop()
        report["unavailable"] = say(other.url, "anna", "a red circle")
    unavailable = RasaProject.load().render("utter_unavailable", {})
    expected = [{"text": unavailable["text"]}]
    if report["unavailable"] != expected:
        report["differences"].append(
            {"said": "with our server gone", "rasa": report["unavailable"], "embedded": expected}
        )
    json.dump(report, sys.stdout, indent=2, ensure_ascii=False)
    print()
    return 1 if report["differences"] else 0


def dated(candidate: Candidate) -> Candidate:
    """Return a shape with a date and a tag to filter by."""
    color, shape = candidate.metadata["color"], candidate.metadata["shape"]
    year = "2023" if color in ("red", "blue") else "2021"
    return replace(candidate, metadata={**candidate.metadata, "date": year, "tags": shape})


if __name__ == "__main__":
    sys.exit(main())
