"""How often the intent of a message is understood, in English and in German, as JSON.

    python benchmarks/intents.py [--svg docs/confusion.svg] [--model photos]

Three figures for each language: stratified 5-fold cross-validation over the examples of nlu.yml;
the same with all examples of one pattern ("more like the <position> one") in one fold, so that none
is tested on a pattern it was trained on; and a file of messages that training never reads. The
picture shows the confusions of the first, in English: rows are meant, columns understood.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt
import yaml
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bot.understanding.intents import Encode, IntentClassifier  # noqa: E402
from bot.understanding.rasa_project import Example, RasaProject  # noqa: E402
from embedding.pretrained.names import load_model  # noqa: E402
from embedding.pretrained.sentences import load_sentence_encoder  # noqa: E402

HELD_OUT = {"en": "held_out.yml", "de": "held_out_de.yml"}
CELL, LEFT, TOP = 34, 150, 120


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--svg", type=Path, help="where the confusion matrix is drawn")
    parser.add_argument("--model", help="whose text encoder; MiniLM as its package has it if none")
    chosen = parser.parse_args()
    model = load_model(chosen.model) if chosen.model else load_sentence_encoder()
    encode = remember(model.encode_sentences)
    known = model.known_words
    report: dict[str, Any] = {"encoder": chosen.model or "MiniLM", "folds": 5}
    for language, file in HELD_OUT.items():
        project = RasaProject.load(language=language)
        held_out = yaml.safe_load(
            (ROOT / "tests" / "bot" / "understanding" / file).read_text(encoding="utf-8")
        )
        classifiers = known if language == "en" else frozenset()
        report[language], confusion = measure(project, held_out, encode, classifiers)
        if language == "en" and chosen.svg:
            chosen.svg.write_text(draw(project.intents, confusion), encoding="utf-8")
    json.dump(report, sys.stdout, indent=2, ensure_ascii=False)
    print()


def measure(
    project: RasaProject, held_out: dict[str, list[str]], encode: Encode, known: frozenset[str]
) -> tuple[dict[str, Any], npt.NDArray[np.int64]]:
    """Return the figures of one language, and its confusions (intents, intents)."""
    texts, intents = (np.array(column) for column in project.texts_and_intents())
    patterns = np.unique([pattern_of(e) for e in project.examples], return_inverse=True)[1]
    splits = {
        "cross_validated": StratifiedKFold(5, shuffle=True, random_state=0).split(texts, intents),
        "cross_validated_by_pattern": StratifiedGroupKFold(5, shuffle=True, random_state=0).split(
            texts, intents, patterns
        ),
    }
    check = known.__contains__ if known else None
    figures: dict[str, Any] = {"examples": len(texts), "patterns": int(patterns.max()) + 1}
    confusion = np.zeros((len(project.intents),) * 2, np.int64)
    for name, folds in splits.items():
        right = 0
        for train, test in folds:
            classifier = IntentClassifier(encode, check)
            classifier.fit(list(texts[train]), list(intents[train]))
            understood = first(classifier, list(texts[test]))
            right += sum(u == meant for u, meant in zip(understood, intents[test], strict=True))
            if name == "cross_validated":
                for meant, u in zip(intents[test], understood, strict=True):
                    confusion[project.intents.index(meant), project.intents.index(u)] += 1
        figures[name] = round(right / len(texts), 4)
    classifier = IntentClassifier(encode, check)
    classifier.fit(list(texts), list(intents))
    said = [(text, intent) for intent, some in held_out.items() for text in some]
    understood = first(classifier, [text for text, _ in said])
    wrong = [
        {"text": text, "meant": intent, "understood": u}
        for (text, intent), u in zip(said, understood, strict=True)
        if u != intent
    ]
    figures |= {"held_out": round(1 - len(wrong) / len(said), 4), "held_out_messages": len(said)}
    return figures | {"held_out_wrong": wrong}, confusion


def first(classifier: IntentClassifier, texts: list[str]) -> list[str]:
    """Return the likeliest intent of each text."""
    return [ranking[0][0] for ranking in classifier.rank(texts)]


def pattern_of(example: Example) -> str:
    """Return an example with its entities named and politeness and punctuation taken away."""
    text, end = "", 0
    for span in example.entities:
        text += example.text[end : span.start] + f"<{span.entity}>"
        end = span.end
    text = (text + example.text[end:]).lower()
    text = re.sub(r"\b(?:please|bitte)\b|[^\w<>' ]", " ", text)
    # An example that is content throughout is a pattern of its own.
    plain = re.sub(r"<\w+>", "", text).strip()
    return " ".join(text.split()) if plain else example.text.lower()


def remember(encode: Encode) -> Encode:
    """Return an encoder that encodes each text once."""
    kept: dict[str, npt.NDArray[np.float32]] = {}

    def recall(texts: Sequence[str]) -> npt.NDArray[np.float32]:
        missing = [text for text in dict.fromkeys(texts) if text not in kept]
        if missing:
            kept.update(zip(missing, encode(missing), strict=True))
        return np.stack([kept[text] for text in texts])

    return recall


def draw(names: Sequence[str], confusion: npt.NDArray[np.int64]) -> str:
    """Return the confusion matrix as SVG: counts, shaded by their share of the row."""
    size = len(names) * CELL
    width, height = LEFT + size + 90, TOP + size + 40
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="11" role="img" '
        f'aria-label="Confusion matrix of the intents">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="{LEFT}" y="{TOP + size + 24}" fill="#555">rows: what was meant; columns: what '
        f"was understood; 5-fold cross-validation over nlu.yml</text>",
    ]
    for i, name in enumerate(names):
        middle = TOP + i * CELL + CELL / 2
        x = LEFT + i * CELL + CELL / 2
        parts.append(
            f'<text x="{LEFT - 8}" y="{middle + 4}" text-anchor="end">{escape(name)}</text>'
        )
        parts.append(f'<text transform="translate({x + 4},{TOP - 8}) rotate(-45)">{name}</text>')
        for j in range(len(names)):
            count, share = int(confusion[i, j]), float(shares[i, j])
            left, top = LEFT + j * CELL, TOP + i * CELL
            color = "46,125,80" if i == j else "200,60,40"
            strength = share if i == j else min(1.0, 6 * share)
            parts.append(
                f'<rect x="{left}" y="{top}" width="{CELL - 1}" height="{CELL - 1}" '
                f'fill="rgba({color},{max(strength, 0.03):.2f})"/>'
            )
            if count:
                ink = "#fff" if strength > 0.6 else "#222"
                parts.append(
                    f'<text x="{left + CELL / 2}" y="{top + CELL / 2 + 4}" fill="{ink}" '
                    f'text-anchor="middle">{count}</text>'
                )
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    main()
