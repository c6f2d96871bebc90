"""What was learned of a project's examples, kept on disk so that it is learned once."""

from __future__ import annotations

import hashlib
import json
import logging
import zipfile
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bot.understanding.intents import Encode
from bot.understanding.interpreter import Interpreter
from bot.understanding.rasa_project import RasaProject
from retrieval.store.files import atomic_path

if TYPE_CHECKING:
    from embedding.model.encoder import SentenceEncoder

__all__ = ["build_interpreter"]

logger = logging.getLogger(__name__)

# The code that decides what is learned: other code, another file on disk.
_LEARNERS = {
    "bot.understanding": ("intents.py", "entities.py", "features.py", "variations.py"),
    "bot.wording": ("spelling.py", "text.py", "tfidf.py"),
}


def build_interpreter(
    project: RasaProject, encoder: SentenceEncoder, cache_dir: Path | None = None
) -> Interpreter:
    """Return an interpreter; no gallery plays a part in it.

    Args:
        project: what is learned.
        encoder: turns sentences into vectors.
        cache_dir: where what was learned is kept; learning takes seconds and some hundred
            megabytes, and a server that starts again need not do it twice.
    """
    encode: Encode = encoder.encode_sentences
    known = encoder.known_words.__contains__ if encoder.known_words else None
    if cache_dir is None:
        return Interpreter(project, encode, known)
    path = cache_dir / f"understanding-{_digest(project, encoder)}.npz"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return Interpreter(project, encode, known, dict(arrays))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        if not isinstance(error, FileNotFoundError):
            logger.warning("%s is damaged and learned anew: %s", path, error)
    logger.info("learning the examples, once for this data folder: about a minute on two cores")
    interpreter = Interpreter(project, encode, known)
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        learned: dict[str, Any] = dict(interpreter.arrays())
        with atomic_path(path) as temporary, temporary.open("wb") as target:
            np.savez(target, **learned)
    except OSError as error:
        logger.warning("what was learned cannot be kept: %s", error)
    return interpreter


def _digest(project: RasaProject, encoder: SentenceEncoder) -> str:
    """Return what changes whenever something else would be learned."""
    examples = [
        (
            example.text,
            example.intent,
            [(span.entity, span.start, span.end) for span in example.entities],
        )
        for example in project.examples
    ]
    code = [
        files(package).joinpath(name).read_text(encoding="utf-8")
        for package, names in _LEARNERS.items()
        for name in names
    ]
    parts = [code, encoder.fingerprint, project.language, project.synonyms, examples]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]
