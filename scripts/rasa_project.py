"""Writes the Rasa project in another language, for a Rasa server that speaks it.

    python scripts/rasa_project.py build/rasa-de --language de

bot/rasa speaks English. Here its domain gets the other language's responses, and data/nlu.yml its
examples; train and run the copy as you would bot/rasa, and start Showtell with SHOWTELL_LANGUAGE.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bot.understanding.rasa_project import PROJECT_DIR, RasaProject  # noqa: E402


def write_project(out: Path, language: str) -> Path:
    """Write the project in a language to a folder that is not there yet; return the folder."""
    project = RasaProject.load(language=language)
    ignored = shutil.ignore_patterns("__pycache__", "languages")
    shutil.copytree(PROJECT_DIR, out, ignore=ignored)
    if language != "en":
        domain = yaml.safe_dump(project.domain, allow_unicode=True, sort_keys=False, width=1000)
        (out / "domain.yml").write_text(domain, encoding="utf-8")
        examples = PROJECT_DIR / "languages" / language / "nlu.yml"
        shutil.copyfile(examples, out / "data" / "nlu.yml")
        config = (out / "config.yml").read_text(encoding="utf-8")
        config = config.replace("\nlanguage: en\n", f"\nlanguage: {language}\n")
        (out / "config.yml").write_text(config, encoding="utf-8")
    return out


def main() -> None:
    """Write it where the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("--language", default="de", choices=["en", "de"])
    chosen = parser.parse_args()
    print(write_project(chosen.out, chosen.language))


if __name__ == "__main__":
    main()
