"""Fixtures live in tests/fixtures, one file per room; this file only names them."""

import gc
import os
from pathlib import Path

import pytest

# Set before torch or onnxruntime is imported, and inherited by the workers and by what tests start.
# pytest-xdist keeps the cores busy with tests; several threads of one test would wait for each
# other in a loop. And glibc gives freed pictures back to the system page by page, only to ask for
# them anew: a quarter of the time that an image encoder takes.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", "4000000000")
os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", "16000000000")
# Each HTTP client reads the certificates of all authorities, 30 ms; the tests meet none of them.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = str(Path(__file__).parent / "fixtures")

pytest_plugins = [
    "tests.fixtures.models",
    "tests.fixtures.foreign",
    "tests.fixtures.bundles",
    "tests.fixtures.hub",
    "tests.fixtures.jargon",
    "tests.fixtures.languages",
    "tests.fixtures.redis",
    "tests.fixtures.remote",
    "tests.fixtures.postgres",
    "tests.fixtures.server",
    "tests.fixtures.browser",
    "tests.fixtures.firefox",
    "tests.fixtures.memory",
]

# A million objects of torch and of thousands of tests stay for good: none is to be looked at anew.
gc.disable()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Collect no garbage before every test is known, and none of what was made until then."""
    gc.collect()
    gc.freeze()
    gc.enable()
