"""A Rasa 3.6 component that asks Showtell's server what a message means.

It needs nothing but what a Rasa installation has. The server is named by the pipeline's option
`url`, else by the environment variable SHOWTELL_URL, else it is http://127.0.0.1:8000. Where it
does not answer, the intent is nlu_fallback, and rules.yml says what people are told then.
"""

# mypy: ignore-errors
from __future__ import annotations

import logging
import os
from typing import Any

import requests
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import ENTITIES, INTENT, INTENT_RANKING_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message

logger = logging.getLogger(__name__)

NO_ANSWER = {"name": "nlu_fallback", "confidence": 1.0}


@DefaultV1Recipe.register(
    [
        DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER,
        DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR,
    ],
    is_trainable=False,
)
class ShowtellInterpreter(GraphComponent):
    """Sets intent, ranking and entities of messages as Showtell's server gives them."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return the options of the pipeline entry and their defaults."""
        return {"url": None, "timeout_s": 10.0}

    def __init__(self, config: dict[str, Any]) -> None:
        base = config["url"] or os.environ.get("SHOWTELL_URL") or "http://127.0.0.1:8000"
        self._url = base.rstrip("/") + "/model/parse"
        self._timeout_s = config["timeout_s"]
        self._session = requests.Session()

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,  # noqa: ARG003
        resource: Resource,  # noqa: ARG003
        execution_context: ExecutionContext,  # noqa: ARG003
    ) -> ShowtellInterpreter:
        """Make the component from its pipeline entry."""
        return cls(config)

    def process(self, messages: list[Message]) -> list[Message]:
        """Understand each message that has a text."""
        for message in messages:
            text = message.get(TEXT)
            if text:
                self._understand(message, text)
        return messages

    def _understand(self, message: Message, text: str) -> None:
        try:
            response = self._session.post(self._url, json={"text": text}, timeout=self._timeout_s)
            response.raise_for_status()
            meaning = response.json()
            found = meaning[INTENT], meaning[INTENT_RANKING_KEY], meaning[ENTITIES]
        except (requests.RequestException, ValueError, KeyError) as error:
            logger.error("%s did not say what a message means: %s", self._url, error)
            found = NO_ANSWER, [NO_ANSWER], []
        intent, ranking, entities = found
        message.set(INTENT, intent, add_to_output=True)
        message.set(INTENT_RANKING_KEY, ranking, add_to_output=True)
        message.set(ENTITIES, entities, add_to_output=True)
