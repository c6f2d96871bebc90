"""Weights are found without a hub, and refused when they are not what was published."""

import socket
from pathlib import Path

import pytest

from embedding.errors import ModelError
from embedding.packages import (
    MINILM,
    check_sha256,
    find_model,
    is_local,
)
from tests.fixtures.hub import Hub


def test_a_file_with_another_hash_is_refused(tmp_path: Path) -> None:
    altered = tmp_path / "model.safetensors"
    altered.write_bytes(b"other weights")
    with pytest.raises(ModelError, match=r"model\.safetensors has sha256 .* expected 00"):
        check_sha256(altered, "00" * 32)
    with pytest.raises(ModelError, match="is missing"):
        check_sha256(tmp_path / "gone", "00" * 32)


def test_minilm_and_paths_never_touch_the_network(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert find_model(MINILM) == find_model("minilm")
    assert find_model(str(tmp_path)) == tmp_path
    monkeypatch.chdir(tmp_path)
    for path in ("/no/such/model", "./model", "~/no-such-model", "a/b/c", "runs"):
        with pytest.raises(ModelError, match="check the path"):
            find_model(path)


def test_an_unreachable_hub_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
    with pytest.raises(ModelError, match=r"'nobody/nothing' is not on this machine.*minilm"):
        find_model("nobody/nothing")


def test_weights_of_an_older_repository_are_fetched_too(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    for name in ("config.json", "pytorch_model.bin", "tf_model.h5"):
        (tmp_path / "old" / name).write_bytes(name.encode())
    hub.repositories["nobody/old", "0" * 40] = tmp_path / "old"
    found = find_model("nobody/old")
    assert sorted(path.name for path in found.iterdir()) == ["config.json", "pytorch_model.bin"]
    hub.close()
    assert find_model("nobody/old") == found  # without a connection, from then on


@pytest.mark.parametrize(
    ("name", "local"),
    [("nobody/nothing", False), ("/x", True), ("../x/y", True), ("x", True), (Path("x/y"), True)],
)
def test_what_counts_as_a_path(name: str | Path, local: bool) -> None:
    assert is_local(name) is local
