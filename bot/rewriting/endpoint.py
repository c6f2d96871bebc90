"""One question to a language model behind an OpenAI-compatible endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from pydantic import BaseModel, Field, SecretStr, ValidationError

__all__ = ["Endpoint", "EndpointFailed"]

# Ten operations with their texts; what is longer is no answer of ours.
_MOST_TOKENS = 500
_MOST_BYTES = 64_000


class EndpointFailed(Exception):
    """It did not answer, not in time, or not in its own format."""


class _Words(BaseModel):
    content: str


class _Choice(BaseModel):
    message: _Words


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)


class Endpoint:
    """Asks one model.

    Args:
        url: its base, such as http://127.0.0.1:11434/v1.
        model: the name that it has there.
        key: sent as bearer token; None sends none.
        timeout_s: until the whole answer is here.
    """

    def __init__(self, url: str, model: str, key: SecretStr | None, timeout_s: float) -> None:
        headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
        # Proxies of the environment are for addresses outside; this one is often next door.
        self._client = httpx.AsyncClient(headers=headers, timeout=timeout_s, trust_env=False)
        self._address = f"{url.rstrip('/')}/chat/completions"
        self._model = model
        self._timeout_s = timeout_s

    async def ask(self, messages: Sequence[Mapping[str, str]], schema: Mapping[str, Any]) -> str:
        """Return what the model answers, which may or may not be JSON of that schema.

        Raises:
            EndpointFailed: it was not reached, refused, took too long, or answered something else.
        """
        body = {
            "model": self._model,
            "messages": messages,
            "temperature": 0,
            "max_tokens": _MOST_TOKENS,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "operations", "strict": True, "schema": schema},
            },
        }
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._post(body)
            return _Completion.model_validate_json(answer).choices[0].message.content
        except TimeoutError:
            raise EndpointFailed(f"no answer within {self._timeout_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise EndpointFailed(f"{type(error).__name__}: {error}") from error
        except ValidationError:
            raise EndpointFailed("its answer is not a chat completion") from None

    async def _post(self, body: Mapping[str, Any]) -> bytes:
        read = bytearray()
        async with self._client.stream("POST", self._address, json=body) as response:
            response.raise_for_status()
            async for part in response.aiter_bytes():
                read += part
                if len(read) > _MOST_BYTES:
                    raise EndpointFailed(f"its answer has more than {_MOST_BYTES} bytes")
        return bytes(read)

    async def close(self) -> None:
        """Let go of its connections."""
        await self._client.aclose()
