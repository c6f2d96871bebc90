"""Fetching models from a hub at pinned revisions, and looking at what came."""

import hashlib
import os
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path

from embedding.errors import ModelError
from embedding.pretrained.catalogue import KnownModel, Source

__all__ = ["fetch", "fetched"]

_CONNECT_TIMEOUT_S = 5
_WANTED = ("*.json", "*.txt", "*.model")
_SAFE, _PICKLED = "*.safetensors", "*pytorch_model.bin"


def fetched(model: KnownModel) -> list[Path]:
    """Return the directories of a model's repositories on this machine, one for each source.

    Raises:
        ModelError: one of them was not fetched, or not to its end.
    """
    return [_fetched(model, source) for source in model.sources]


def fetch(source: Source) -> tuple[Path, int]:
    """Fetch a repository's weights and settings, and compare each file with what the hub names.

    The hub's client draws the progress. Weights as safetensors are preferred; pickled ones are
    fetched where there are no others, and are never run as code (transformers reads them so).

    Args:
        source: which one.

    Returns:
        Its directory in the hub's cache, and how many files were compared.

    Raises:
        ModelError: the hub cannot be reached, has no such revision, or a file is another one.
    """
    # Lazily: importing the hub's client takes a while, and only who fetches needs it.
    import httpx
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    try:
        httpx.head(endpoint, timeout=_CONNECT_TIMEOUT_S)
        files = (
            HfApi(endpoint=endpoint)
            .model_info(source.repository, revision=source.revision, files_metadata=True)
            .siblings
        )
        is_safe = any(fnmatch(file.rfilename, _SAFE) for file in files or ())
        path = Path(
            snapshot_download(
                source.repository,
                revision=source.revision,
                endpoint=endpoint,
                allow_patterns=[*_WANTED, _SAFE if is_safe else _PICKLED],
            )
        )
    except (
        HfHubHTTPError,
        httpx.HTTPError,
        LocalEntryNotFoundError,
        OSError,
        ValueError,  # a page of some proxy, in the place of JSON
    ) as error:
        raise ModelError(
            f"{source.repository} cannot be fetched from {endpoint} ({type(error).__name__}); "
            "where there is no way to a hub, copy the model's directory here and give its path "
            "with --model"
        ) from error
    compared = 0
    for file in files or ():
        if (path / file.rfilename).is_file():
            _compare(path / file.rfilename, file.lfs.sha256 if file.lfs else "", file.blob_id or "")
            compared += 1
    return path, compared


def _fetched(model: KnownModel, source: Source) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    for weights in (_SAFE, _PICKLED):
        with suppress(LocalEntryNotFoundError):
            path = Path(
                snapshot_download(
                    source.repository,
                    revision=source.revision,
                    local_files_only=True,
                    allow_patterns=[*_WANTED, weights],
                )
            )
            if any(path.rglob(weights)):
                return path
    raise ModelError(
        f"the model {model.name!r} is not on this machine; fetch it with `showtell pull "
        f"{model.name}` ({model.megabytes:,} MB), or give a model directory with --model"
    )


def _compare(path: Path, sha256: str, blob: str) -> None:
    """Refuse a file that is not the one that the hub named: by its sha256, or by git's hash.

    Raises:
        ModelError: it is another one.
    """
    if sha256:
        with path.open("rb") as file:
            found, expected = hashlib.file_digest(file, "sha256").hexdigest(), sha256
    else:
        data = path.read_bytes()
        header = f"blob {len(data)}\0".encode()
        found, expected = hashlib.sha1(header + data, usedforsecurity=False).hexdigest(), blob
    if expected and found != expected:
        raise ModelError(
            f"{path.name} has the hash {found}, the hub names {expected}; delete {path.resolve()} "
            "and fetch it again"
        )
