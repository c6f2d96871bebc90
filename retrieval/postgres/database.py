"""Connections to PostgreSQL, and what goes wrong with them in sentences.

A server that restarts, or another that takes its place, is found again without a restart of ours:
what was read over a connection that broke is read once more over another, as often as there are
connections. Trying each before it is lent would double the ways to the server and back.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import Any, Protocol

from retrieval.errors import BundleError, NoBundle, StoreReadOnly, StoreUnavailable

try:
    import psycopg
    from psycopg_pool import ConnectionPool, PoolTimeout
except ImportError as error:
    raise BundleError(
        f"a gallery in PostgreSQL needs {error.name}: pip install 'showtell[postgres]'"
    ) from error

__all__ = ["Connection", "Database", "Reader"]

_CONNECTIONS = 10
_AWAY = ("08", "57")
"""The classes of errors of a server that is not there, goes away, starts or takes too long."""

_PATIENCE_S = 2
_BUILDERS = 0x53686F77
"""The advisory lock of whoever changes the gallery."""

# Statements of a turn end long before the turn would; JIT costs more than it gives to short ones.
# A search that a filter leaves short goes on in the index; what comes is sorted by us. So many as a
# search takes are looked for at once: in rounds of 200 it takes a fifth longer. With the memory of
# one `work_mem` it would end after some 23,000 rows, in silence.
_SETTINGS = """
SET statement_timeout = '5s';
SET jit = off;
SET hnsw.ef_search = 500;
SET hnsw.iterative_scan = relaxed_order;
SET hnsw.max_scan_tuples = 100000;
SET hnsw.scan_mem_multiplier = 4;
"""


class Reader(Protocol):
    """What reads from a database."""

    def fetch(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a statement; vectors as bytes, in PostgreSQL's binary form.

        Raises:
            StoreUnavailable: the server does not answer.
        """


class Connection:
    """One connection within a transaction."""

    def __init__(self, connection: "psycopg.Connection[tuple[Any, ...]]") -> None:
        self._connection = connection

    def fetch(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a statement."""
        cursor = self._connection.execute(statement.encode(), values, binary=True)
        return cursor.fetchall() if cursor.description else []

    def run(self, script: str) -> None:
        """Carry out several statements."""
        self._connection.execute(script.encode())

    def copy(self, table: str, columns: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> None:
        """Add many rows to a table at once, in PostgreSQL's binary form.

        Args:
            table: its name.
            columns: of the values, and their types; bytea is what is in the form of another type
                already.
            rows: the values.
        """
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
        with self._connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            copy.set_types([*columns.values()])
            for row in rows:
                copy.write_row(row)


class Database:
    """A PostgreSQL that is read by several threads; connections are made when they are needed.

    Args:
        url: postgresql://user:password@host:port/name, or as libpq takes it.
    """

    def __init__(self, url: str) -> None:
        self.name = re.sub(r"//[^@/]*@", "//", url).partition("?")[0]
        """The address without user, password and options."""
        # No prepared statements: a proxy such as PgBouncer may stand between. And a pool that
        # gives up soon begins anew with the next request, where it would wait longer and longer.
        self._pool = ConnectionPool(
            url,
            min_size=0,
            max_size=_CONNECTIONS,
            timeout=_PATIENCE_S,
            reconnect_timeout=_PATIENCE_S,
            open=False,
            configure=_configure,
            kwargs={
                "autocommit": True,
                "prepare_threshold": None,
                "connect_timeout": _PATIENCE_S,
                "application_name": "showtell",
            },
        )
        self._pool.open(wait=False)

    def fetch(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a statement; see `Reader`."""
        with self._named_failures():
            for _ in range(_CONNECTIONS):
                try:
                    return self._fetch(statement, values)
                except psycopg.OperationalError as error:
                    if not _is_broken(error):
                        raise
            return self._fetch(statement, values)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Give a connection whose changes are there at the end, all or none; one at a time."""
        self._pool.check()  # none that broke since it was used last
        with (
            self._named_failures(),
            self._pool.connection() as connection,
            connection.transaction(),
        ):
            connection.execute("SET LOCAL statement_timeout = 0")
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_BUILDERS,))
            yield Connection(connection)

    def migrate(self) -> None:
        """Bring the schema up to date, by the numbered files of migrations/, each once."""
        folder = files("retrieval.postgres").joinpath("migrations")
        scripts = sorted(folder.iterdir(), key=lambda one: one.name)
        with self.transaction() as connection:
            connection.fetch("CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY)")
            done = {name for (name,) in connection.fetch("SELECT name FROM migrations")}
            for script in scripts:
                if script.name not in done:
                    connection.run(script.read_text(encoding="utf-8"))
                    connection.fetch("INSERT INTO migrations VALUES (%s)", (script.name,))

    def tidy(self) -> None:
        """Note which pages all can read, so that an index alone answers."""
        with self._named_failures(), self._pool.connection() as connection:
            connection.execute("SET statement_timeout = 0")
            try:
                connection.execute("VACUUM (INDEX_CLEANUP off) pictures, postings")
            finally:
                connection.execute(_SETTINGS.encode())

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def _fetch(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self._pool.connection() as connection:
            return Connection(connection).fetch(statement, values)

    @contextmanager
    def _named_failures(self) -> Iterator[None]:
        try:
            yield
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if error.sqlstate and error.sqlstate[:2] not in _AWAY:
                raise BundleError(f"PostgreSQL at {self.name} refuses: {error}") from error
            raise StoreUnavailable(f"PostgreSQL at {self.name} does not answer: {error}") from error
        except psycopg.errors.UndefinedTable:
            raise NoBundle(
                f"there is no gallery in {self.name}; run `showtell index … --store` first"
            ) from None
        except psycopg.errors.ReadOnlySqlTransaction:
            raise StoreReadOnly(
                f"PostgreSQL at {self.name} may only be read; publish by the address of its primary"
            ) from None
        except psycopg.Error as error:
            raise BundleError(f"PostgreSQL at {self.name} refuses: {error}") from error


def _is_broken(error: psycopg.OperationalError) -> bool:
    """Tell whether a connection broke, so that another may do."""
    if error.sqlstate is None:
        return not isinstance(error, PoolTimeout)
    return error.sqlstate in ("57P01", "57P02", "57P03")


def _configure(connection: "psycopg.Connection[tuple[Any, ...]]") -> None:
    connection.execute(_SETTINGS.encode())
