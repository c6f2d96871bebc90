"""Redis over TLS, behind a relay: the Redis that comes with the tests has none of its own."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bot.errors import SessionsUnavailable
from tests.fixtures.redis import store_at


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and the certificate of 127.0.0.1 that it signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a Redis")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "redis.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(pem))
    return file


@asynccontextmanager
async def relay(redis_url: str, certificate: Path) -> AsyncIterator[str]:
    """Give the address at which a Redis answers over TLS."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, to_them = await asyncio.open_unix_connection(urlsplit(redis_url).path)
        await asyncio.gather(copy(reader, to_them), copy(theirs, writer))

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"rediss://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"


def test_a_turn_is_kept_over_tls(redis_url: str, certificate: Path) -> None:
    async def play() -> list[int]:
        turns = []
        async with relay(redis_url, certificate) as url:
            for _ in range(2):
                async with (
                    store_at(f"{url}?ssl_ca_certs={certificate}") as store,
                    store.turn("anna") as record,
                ):
                    record.turn += 1
                    turns.append(record.turn)
        return turns

    assert asyncio.run(play()) == [1, 2]


def test_a_redis_whose_certificate_nobody_vouches_for_gets_no_turn(
    redis_url: str, certificate: Path
) -> None:
    async def play() -> None:
        async with relay(redis_url, certificate) as url, store_at(url) as store:
            with pytest.raises(SessionsUnavailable) as refused:
                async with store.turn("anna"):
                    pytest.fail("the turn began")
            assert "certificate" in str(refused.value.__cause__)

    asyncio.run(play())
