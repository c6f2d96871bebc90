"""A command that is told to end clears away what is half made."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PATIENCE_S = 60


def test_a_terminated_build_leaves_nothing_behind(
    shapes_model_dir: Path, shapes_dir: Path, tmp_path: Path
) -> None:
    bundles = tmp_path / "bundles"
    command = [sys.executable, "-m", "bot", "index", str(shapes_dir), "--bundles", str(bundles)]
    process = subprocess.Popen(
        [*command, "--model", str(shapes_model_dir)],
        env=os.environ | {"SHOWTELL_DATA_DIR": str(tmp_path)},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + PATIENCE_S
    while not list(bundles.glob(".building-*")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=PATIENCE_S) == 128 + signal.SIGTERM
    assert not list(bundles.glob(".building-*"))
    assert not (bundles / "CURRENT").exists()
