"""The models of a gallery in a database: immutable directories, named by fingerprint.

MODELS/<fingerprint>/ holds model/, scenes/ and, where typical requests are known, requests.npz.
Several servers share the directory, or each has a copy of it.
"""

import secrets
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakValueDictionary

from embedding.model.encoder import Encoder
from embedding.onnx.encoder import load_encoder
from retrieval.bundle.calibration import measure_model
from retrieval.bundle.manifest import MODEL, REQUESTS, SCENES
from retrieval.errors import RetrievalError
from retrieval.search.query_bank import RequestBank
from retrieval.search.scenes import Scenes

__all__ = ["Model", "Models"]


@dataclass(frozen=True)
class Model:
    """A model and what it alone decides.

    Attributes:
        directory: of the model itself.
        encoder: encodes texts and pictures.
        requests: typical ones; None where none are known.
        scenes: how they look.
    """

    directory: Path
    encoder: Encoder
    requests: RequestBank | None
    scenes: Scenes


class Models:
    """The directory; safe to use from several threads.

    Args:
        directory: made when the first model is kept.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        # Versions of one gallery have one model, and it is loaded once.
        self._encoders: WeakValueDictionary[str, Encoder] = WeakValueDictionary()
        self._lock = threading.Lock()

    def keep(self, model_dir: Path, encoder: Encoder) -> Model:
        """Copy a model into the directory, if it is not there yet; return it.

        Args:
            model_dir: a model directory.
            encoder: of that model.
        """
        target = self._directory / encoder.fingerprint
        if not target.is_dir():
            self._directory.mkdir(parents=True, exist_ok=True)
            temporary = self._directory / f".{target.name}.{secrets.token_hex(4)}"
            try:
                shutil.copytree(model_dir, temporary / MODEL, ignore=shutil.ignore_patterns(".*"))
                bank, scenes = measure_model(model_dir, encoder)
                scenes.save(temporary / SCENES)
                if bank is not None:
                    bank.save(temporary / REQUESTS)
                if not target.is_dir():  # another indexer may have been quicker
                    temporary.rename(target)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
        with self._lock:
            self._encoders[encoder.fingerprint] = encoder
        return self.load(encoder.fingerprint, encoder.name)

    def directory_of(self, fingerprint: str) -> Path:
        """Return where the model of a fingerprint lies, if it is here."""
        return self._directory / fingerprint / MODEL

    def load(self, fingerprint: str, name: str) -> Model:
        """Return the model of a fingerprint.

        Args:
            fingerprint: of the model.
            name: what people call it.

        Raises:
            RetrievalError: it is not here, damaged, or not the one that it is called.
            EmbeddingError: it cannot be loaded.
        """
        directory = self._directory / fingerprint
        if not directory.is_dir():
            raise RetrievalError(
                f"its model {name!r} (fingerprint {fingerprint}) is not on this server; copy the "
                "directory of that name into SHOWTELL_MODELS from where the pictures were indexed"
            )
        with self._lock:
            encoder = self._encoders.get(fingerprint)
            if encoder is None:
                encoder = load_encoder(directory / MODEL)
                self._encoders[fingerprint] = encoder
        if encoder.fingerprint != fingerprint:
            raise RetrievalError(
                f"the model in SHOWTELL_MODELS/{fingerprint} has the fingerprint "
                f"{encoder.fingerprint}; copy it anew from where the pictures were indexed"
            )
        requests = directory / REQUESTS
        bank = RequestBank.load(requests) if requests.is_file() else None
        return Model(directory / MODEL, encoder, bank, Scenes.load(directory / SCENES))
