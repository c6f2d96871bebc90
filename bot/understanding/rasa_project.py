"""Reads the Rasa project in bot/rasa: what can be understood, said and done.

The embedded dialogue manager works from this; a Rasa server works from the same files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import dropwhile
from pathlib import Path
from typing import Any, Self

import yaml

from bot.errors import ProjectError
from bot.wording.phrases import spelled_out

PROJECT_DIR = Path(__file__).parents[1] / "rasa"

# Rasa has these without being told (rasa/shared/core/constants.py).
_BUILT_IN_INTENTS = {"nlu_fallback", "out_of_scope", "restart", "back", "session_start"}
_ENTITY = re.compile(r"\[(?P<text>[^\]]+)\](?:\((?P<name>[^):]+)\)|(?P<json>\{[^}]*\}))")
# Parts of clauses.yml that list regular expressions.
_REGULAR = {"swap", "remark", "asker", "purpose", "announcing", "dropped_regular"}
_VARIABLE = re.compile(r"{([^\n{}]+?)}")


@dataclass(frozen=True)
class EntitySpan:
    """An annotated part of an example: text[start:end] is an `entity`."""

    entity: str
    start: int
    end: int


@dataclass(frozen=True)
class Example:
    """One thing people say, from nlu.yml."""

    text: str
    intent: str
    entities: tuple[EntitySpan, ...] = ()

    @classmethod
    def parse(cls, line: str, intent: str) -> Self:
        """Read Rasa's notation: "more like the [second](position) one"."""
        text, entities, end = "", [], 0
        for match in _ENTITY.finditer(line):
            text += line[end : match.start()]
            name = match["name"] or json.loads(match["json"])["entity"]
            entities.append(EntitySpan(name, len(text), len(text) + len(match["text"])))
            text += match["text"]
            end = match.end()
        return cls(text + line[end:], intent, tuple(entities))


@dataclass(frozen=True)
class RasaProject:
    """A Rasa project as far as a conversation needs it.

    Attributes:
        directory: where it lies.
        domain: domain.yml as it is; actions are given it.
        examples: what people say, with its intent and entities.
        synonyms: lower-cased phrase -> the value it stands for.
        rules: intent -> the actions that answer it.
        language: of the examples and of everything that is said.
        clauses: the phrases that a message falls into parts by, by their part.
        needs: intent -> words of which one must be there, or it takes more likelihood.
        subjects: what is talked about beside pictures: subject -> words that tell.
        others: languages that are recognised, and what is said in each.
        questions: how questions about pictures begin; see questions.py.
        classes: words that can stand in the place of each other; see wording/classes.py.
    """

    directory: Path
    domain: dict[str, Any]
    examples: tuple[Example, ...]
    synonyms: dict[str, str]
    rules: dict[str, tuple[str, ...]] = field(default_factory=dict)
    language: str = "en"
    clauses: dict[str, list[str]] = field(default_factory=dict)
    needs: dict[str, list[str]] = field(default_factory=dict)
    classes: dict[str, dict[str, str]] = field(default_factory=dict)
    questions: dict[str, list[str]] = field(default_factory=dict)
    subjects: dict[str, list[str]] = field(default_factory=dict)
    others: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def load(cls, directory: Path = PROJECT_DIR, language: str = "en") -> Self:
        """Read and check the project.

        Args:
            directory: where it lies.
            language: "en" is domain.yml and data/nlu.yml; any other is languages/<language>, whose
                responses stand in the place of the domain's. One that it lacks stays English.

        Raises:
            ProjectError: a file is missing or no valid YAML, or the files contradict each other.
        """
        domain = _read_yaml(directory / "domain.yml")
        nlu_file = directory / "data" / "nlu.yml"
        if language != "en":
            folder = directory / "languages" / language
            spoken = _read_yaml(folder / "responses.yml").get("responses", {})
            domain = {**domain, "responses": {**domain.get("responses", {}), **spoken}}
            nlu_file = folder / "nlu.yml"
        nlu = _read_yaml(nlu_file)
        rules = _read_yaml(directory / "data" / "rules.yml")
        examples, synonyms = _read_nlu(nlu)
        spoken_words = directory / "languages" / language
        clauses = _read_yaml(spoken_words / "clauses.yml", optional=True)
        project = cls(
            directory=directory,
            domain=domain,
            examples=tuple(examples),
            synonyms=synonyms,
            rules=_read_rules(rules),
            language=language,
            needs=clauses.pop("needs", {}),
            clauses={part: _phrases(part, listed) for part, listed in clauses.items()},
            classes=_read_yaml(spoken_words / "classes.yml", optional=True),
            questions=_read_yaml(spoken_words / "questions.yml", optional=True),
            subjects=_read_yaml(spoken_words / "subjects.yml", optional=True),
            others=_read_yaml(directory / "languages" / "others.yml", optional=True),
        )
        project._check()
        return project

    @property
    def intents(self) -> list[str]:
        """Names of all intents of the domain."""
        return [name if isinstance(name, str) else next(iter(name)) for name in self._intents]

    @property
    def responses(self) -> dict[str, list[dict[str, Any]]]:
        """Everything that can be said: name -> variations."""
        return dict(self.domain.get("responses", {}))

    @property
    def actions(self) -> list[str]:
        """Names of all custom actions of the domain."""
        return list(self.domain.get("actions", []))

    def actions_for(self, intent: str) -> tuple[str, ...]:
        """Return what the rules answer to an intent.

        Raises:
            ProjectError: no rule is for this intent.
        """
        try:
            return self.rules[intent]
        except KeyError:
            raise ProjectError(f"no rule in {self.directory} answers the intent {intent}") from None

    def wish(self, language: str, text: str) -> str:
        """Return what a text in another language looks for, without the words that ask for it."""
        openings = set(str(self.others[language].get("openings", "")).split())
        words = text.split()
        rest = list(dropwhile(lambda word: word.lower().strip(",.:!") in openings, words))
        return " ".join(rest or words)

    def turn_away(self, language: str) -> str:
        """Return the sentence, in another language, that says which one is spoken here."""
        other = self.others[language]
        return str(other["sentence"]).replace("{languages}", str(other["names"][self.language]))

    def render(self, name: str, values: Mapping[str, object], turn: int = 0) -> dict[str, Any]:
        """Return a response with its variables filled in.

        Args:
            name: such as utter_greet.
            values: for the variables in braces; they are never interpreted themselves.
            turn: chooses among variations, so that the same script gives the same replies.

        Raises:
            ProjectError: there is no such response, or a variable has no value.
        """
        try:
            variations = self.responses[name]
        except KeyError:
            raise ProjectError(f"the domain has no response {name!r}") from None
        try:
            filled = _fill(variations[turn % len(variations)], values)
        except KeyError as error:
            raise ProjectError(f"{name} needs a value for {{{error.args[0]}}}") from None
        return dict(filled)

    def texts_and_intents(self) -> tuple[list[str], list[str]]:
        """Return what people say, and what each of it is an example of."""
        return [one.text for one in self.examples], [one.intent for one in self.examples]

    @property
    def _intents(self) -> list[str | dict[str, Any]]:
        return list(self.domain.get("intents", []))

    def _check(self) -> None:
        """Raise ProjectError on the first contradiction."""
        intents = set(self.intents)
        entities = {
            entity if isinstance(entity, str) else next(iter(entity))
            for entity in self.domain.get("entities", [])
        }
        for example in self.examples:
            self._require(example.intent in intents, "nlu.yml", "intent", example.intent)
            for span in example.entities:
                self._require(span.entity in entities, "nlu.yml", "entity", span.entity)
        known_actions = set(self.actions) | set(self.responses)
        for intent, actions in self.rules.items():
            known = intent in intents | _BUILT_IN_INTENTS
            self._require(known, "rules.yml", "intent", intent)
            for action in actions:
                self._require(action in known_actions, "rules.yml", "action", action)
        for intent in intents - self.rules.keys():
            raise ProjectError(f"{self.directory}: no rule in rules.yml answers {intent}")
        for name, variations in self.responses.items():
            if not variations:
                raise ProjectError(f"{self.directory}: the response {name} is empty in domain.yml")

    def _require(self, known: bool, file: str, kind: str, name: str) -> None:
        if not known:
            raise ProjectError(
                f"{self.directory}: {file} names the {kind} {name!r}, which domain.yml lacks"
            )


def _read_yaml(path: Path, *, optional: bool = False) -> dict[str, Any]:
    if optional and not path.exists():
        return {}
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProjectError(f"cannot read {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ProjectError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise ProjectError(f"{path} has no mapping at its top level")
    return content


def _phrases(part: str, listed: list[str]) -> list[str]:
    """Return the phrases of a part of clauses.yml, spelled out where they hold alternatives."""
    if part in _REGULAR:
        return listed
    return [one for phrase in listed for one in spelled_out(phrase)]


def _read_nlu(content: dict[str, Any]) -> tuple[list[Example], dict[str, str]]:
    examples: list[Example] = []
    synonyms: dict[str, str] = {}
    for item in content.get("nlu", []):
        lines = [line[2:].strip() for line in item["examples"].splitlines() if line[:2] == "- "]
        if "intent" in item:
            examples += [Example.parse(line, item["intent"]) for line in lines]
        elif "synonym" in item:
            synonyms |= {line.lower(): str(item["synonym"]) for line in lines}
        else:
            raise ProjectError(
                f"nlu.yml has an item that is neither an intent nor a synonym: {item}"
            )
    return examples, synonyms


def _read_rules(content: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    rules: dict[str, tuple[str, ...]] = {}
    for rule in content.get("rules", []):
        steps = rule["steps"]
        intents = [step["intent"] for step in steps if "intent" in step]
        actions = tuple(step["action"] for step in steps if "action" in step)
        if len(intents) != 1 or not actions or intents[0] in rules:
            raise ProjectError(
                f"the rule {rule.get('rule')!r} must go from one intent of its own to its actions"
            )
        rules[intents[0]] = actions
    return rules


def _fill(template: Any, values: Mapping[str, object]) -> Any:
    """Fill in {variables} in all strings of a template, as Rasa's interpolator does."""
    if isinstance(template, str):
        return _VARIABLE.sub(lambda match: str(values[match[1]]), template)
    if isinstance(template, dict):
        return {key: _fill(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [_fill(value, values) for value in template]
    return template
