"""All settings of the server, typed, in one object that is passed around: there is no global one.

Each comes from an argument, else from the environment variable `SHOWTELL_<NAME>`, else from its
default. A list is JSON, or separated by commas.
"""

from __future__ import annotations

import json
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from limits import parse as parse_rate
from platformdirs import user_data_path
from pydantic import (
    BeforeValidator,
    Field,
    InstanceOf,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.errors import BotError
from embedding.data.remote import RemoteFolder, folder_at, is_remote
from embedding.errors import DataError

PREFIX = "SHOWTELL_"
DAY_S = 24 * 60 * 60
ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared with, never bound to


_ORIGIN = re.compile(r"\*|null|https?://[^/\s?#,;]+")
_NODES = r"([^@/]*@)?[^@/:,]+:\d+(,[^@/:,]+:\d+)*"
_OWN = r"sentinel_(username|password)=[^&#]+"
_SENTINELS = re.compile(rf"redis\+sentinel://{_NODES}/\d+/[^/?#]+(\?{_OWN}(&{_OWN})*)?")
_CLUSTER = re.compile(rf"rediss?\+cluster://{_NODES}/?(\?[^#]+)?")
_HOST = re.compile(r"\*|[^/\s:?#,;]+")


def _folder(value: object) -> object:
    """Return the folder at an address; a path is read by pydantic."""
    if not isinstance(value, str) or not is_remote(value):
        return value
    try:
        return folder_at(value)
    except DataError as error:
        raise ValueError(str(error)) from None


def _writable(value: object) -> object:
    folder = _folder(value)
    if folder is None:
        return None
    if not isinstance(folder, RemoteFolder) or folder.is_web:
        raise ValueError("thumbnails can be shared at s3://bucket/folder or gs://bucket/folder")
    try:
        folder.open()
    except DataError as error:  # what reads such a place is not installed
        raise ValueError(str(error)) from None
    return folder


class SettingsError(BotError):
    """A setting has a value that cannot be used; the message names both."""

    exit_code = 2


class Settings(BaseSettings):
    """What the server can be told; every field is also an environment variable."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    bundles: Path | None = Field(None, description="The bundles directory.")
    store: str | None = Field(
        None,
        pattern=r"^postgres(ql)?://",
        repr=False,
        description="A gallery in PostgreSQL instead of bundles: postgresql://user@host/name.",
    )
    models: Path | None = Field(
        None, description="The models of a gallery in PostgreSQL; unset: below data_dir."
    )
    images: Annotated[Path | InstanceOf[RemoteFolder] | None, BeforeValidator(_folder)] = Field(
        None, description="The pictures' folder, if it has moved since they were indexed."
    )
    thumbnails: Annotated[InstanceOf[RemoteFolder] | None, BeforeValidator(_writable)] = Field(
        None,
        description="Where servers share thumbnails of pictures that lie elsewhere: s3://, gs://.",
    )
    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    workers: int = Field(1, ge=1, le=64, description="Processes that answer.")
    redis_url: str | None = Field(
        None,
        pattern=r"^((redis|valkey)(s?|s?\+cluster|\+sentinel)|unix)://",
        repr=False,
        description="Where session records are kept; unset: a Redis of our own.",
    )
    data_dir: Path = Field(
        default_factory=lambda: user_data_path("showtell"),
        description="Where thumbnails, caches and our own Redis keep their files.",
    )
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s?#]+$",
        description="How others reach this server; for picture addresses in Rasa's channels.",
    )
    admin_token: SecretStr | None = Field(
        None, description="Bearer token of the admin routes; unset: they do not exist."
    )
    keep_questions_days: int = Field(
        0,
        ge=0,
        le=3650,
        description="Days for which is kept what was searched for, for /admin; 0 keeps nothing.",
    )
    mcp_token: SecretStr | None = Field(
        None, description="Bearer token of /mcp, for other assistants; unset: it does not exist."
    )
    rasa_token: SecretStr | None = Field(
        None, description="Token of Rasa's doors: bearer, or ?token= as Rasa sends it."
    )
    metrics_token: SecretStr | None = Field(None, description="Bearer token of /metrics.")
    open_senders: bool = Field(
        True, description="Take conversations that are begun without a secret, as Rasa's are."
    )
    session_ttl_s: int = Field(30 * DAY_S, ge=1, description="Life of a silent session, seconds.")
    lock_timeout_s: float = Field(
        8, gt=0, description="Longest wait for a place or an earlier message, seconds."
    )
    results: int = Field(6, ge=1, le=24, description="Pictures in one reply.")
    ask: bool = Field(True, description="Ask back once where a search has clear groups.")
    language: Literal["en", "de"] = Field("en", description="Language of everything said.")
    max_text_length: int = Field(2000, ge=1, description="Longest message, in characters.")
    max_upload_bytes: int = Field(20_000_000, ge=1, description="Largest uploaded picture.")
    max_upload_pixels: int = Field(50_000_000, ge=1, description="Largest width x height.")
    limit_sender: str = Field(
        "120/minute", description="How often one sender may ask; blank for no limit."
    )
    limit_address: str = Field(
        "6000/minute", description="How often one address may ask; blank for no limit."
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        ("127.0.0.1", "::1"),
        description='Proxies, or their networks, that tell a client\'s address; "*" for all.',
    )
    answer_within_s: float = Field(
        10, gt=0, description="Longest time an answer may take; who would wait longer gets a 503."
    )
    threads: int = Field(2, ge=1, le=64, description="Turns that compute at once, per worker.")
    picture_threads: int = Field(
        1, ge=1, le=64, description="Thumbnails and uploads that are decoded at once, per worker."
    )
    thumbnails_mb: int = Field(1000, ge=1, description="What thumbnails may take on disk, MB.")
    originals_mb: int = Field(
        1000, ge=1, description="What copies of pictures that lie elsewhere may take on disk, MB."
    )
    poll_s: float = Field(3, gt=0, description="How often CURRENT is looked at, in seconds.")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description='Other sites that may embed the widget; "*" for all.'
    )
    frame_ancestors: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Sites that may show the page in a frame; unset: those of cors_origins."
    )
    trusted_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description='Further names that this server answers to; "*" for all.'
    )
    examples: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Things to ask for, shown in the chat; unset: from the gallery itself."
    )
    llm_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s?#]+$",
        description="Base of an OpenAI-compatible endpoint that helps to understand; unset: none.",
    )
    llm_model: str = Field("", validate_default=True, description="Its model.")
    llm_key: SecretStr | None = Field(None, description="Its key, sent as a bearer token.")
    llm_timeout_s: float = Field(
        2, gt=0, le=60, description="Longest wait for it, seconds; then the rules answer."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["line", "json"] = Field("line", description="For people, or machines.")

    @field_validator(
        *("redis_url", "public_url", "bundles", "images", "store", "models", "llm_url"),
        *("admin_token", "mcp_token", "rasa_token", "metrics_token", "llm_key"),
        mode="before",
    )
    @classmethod
    def _blank_is_unset(cls, value: object) -> object:
        """Compose files pass variables that nobody set as empty strings."""
        return None if value == "" else value

    @field_validator("redis_url")
    @classmethod
    def _can_be_read(cls, value: str | None) -> str | None:
        """Refuse now what redis-py would refuse when the server is already loaded."""
        if value is not None:
            from redis.asyncio.connection import parse_url

            value = re.sub(r"^valkey", "redis", value)
            try:
                if not _SENTINELS.fullmatch(value) and not _CLUSTER.fullmatch(value):
                    parse_url(value)
            except ValueError:
                raise ValueError(
                    "write redis://:password@host:port/0, with %-signs for special characters in "
                    "the password (%2F for a slash), "
                    "redis+sentinel://:password@host:port,host:port/0/service, or "
                    "redis+cluster://:password@host:port,host:port"
                ) from None
        return value

    @field_validator("llm_model")
    @classmethod
    def _is_named(cls, value: str, given: ValidationInfo) -> str:
        if given.data.get("llm_url") and not value:
            raise ValueError("name the model to use at SHOWTELL_LLM_URL")
        return value

    @field_validator("keep_questions_days")
    @classmethod
    def _can_be_seen(cls, value: int, given: ValidationInfo) -> int:
        if value and not given.data.get("admin_token"):
            raise ValueError("set SHOWTELL_ADMIN_TOKEN too: they are seen at /admin alone")
        return value

    @field_validator("limit_sender", "limit_address")
    @classmethod
    def _is_a_rate(cls, value: str) -> str:
        if value:
            try:
                parse_rate(value)
            except ValueError:
                raise ValueError("write a rate such as 60/minute, or nothing") from None
        return value

    @field_validator("cors_origins", "frame_ancestors", "trusted_hosts")
    @classmethod
    def _lower_case(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(part.lower().rstrip("/") for part in value)

    @field_validator("cors_origins", "frame_ancestors")
    @classmethod
    def _only_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"{origin!r} is not a site; write https://shop.example, without path"
                )
        return value

    @field_validator("trusted_hosts")
    @classmethod
    def _only_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not _HOST.fullmatch(name):
                raise ValueError(
                    f"{name!r} is not a host name; write chat.example, without scheme or port"
                )
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _only_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in value:
            if proxy != "*":
                try:
                    ip_network(proxy)
                except ValueError:
                    raise ValueError(
                        f"{proxy!r} is not an address; write 10.0.0.7, 10.0.0.0/8 or *"
                    ) from None
        return value

    @field_validator(
        *("cors_origins", "frame_ancestors", "trusted_hosts", "trusted_proxies", "examples"),
        mode="before",
    )
    @classmethod
    def _split_list(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            return json.loads(value)
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @field_validator("log_level", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @property
    def base_url(self) -> str:
        """The address under which others see this server, without a slash at the end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = ANY_HOST.get(self.host, self.host)
        if ":" in host and not host.startswith("["):
            host = f"[{host}]"
        return f"http://{host}:{self.port}"

    @property
    def path_prefix(self) -> str:
        """The path of that address: empty, or such as /bot, where a proxy publishes the server."""
        return urlsplit(self.base_url).path

    def as_environment(self) -> dict[str, str]:
        """Return the variables that make `load_settings()` in another process give the same."""
        environment = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, SecretStr):
                value = value.get_secret_value()
            elif isinstance(value, tuple):
                value = json.dumps(value)
            environment[PREFIX + name.upper()] = str(value)
        return environment


def load_settings(**given: Any) -> Settings:
    """Return the settings from arguments and environment.

    Args:
        given: settings by name; None means "not given".

    Raises:
        SettingsError: a value cannot be used; names the variable, the value and the reason.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    try:
        return Settings(**chosen)
    except ValidationError as error:
        raise SettingsError("; ".join(_sentence(item) for item in error.errors())) from None


def _sentence(item: Any) -> str:
    """Name one wrong setting and its value; a secret is never repeated."""
    name = str(item["loc"][0]) if item["loc"] else "settings"
    value = "(hidden)" if name.endswith(("_token", "_key")) else repr(item["input"])
    if name in ("redis_url", "store", "images", "thumbnails"):
        value = _hide_password(value)
    return f"{PREFIX}{name.upper()} is {value}: {item['msg'].removeprefix('Value error, ')}"


def _hide_password(address: str) -> str:
    """Return an address without what stands before its last @, and without password=…."""
    address = re.sub(r"^('?(?:\w+://)?).*@", r"\1***@", address)
    return re.sub(r"(password=)[^&']*", r"\1***", address)
