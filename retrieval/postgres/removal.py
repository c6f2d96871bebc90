"""What is left of a removed version: rows that no version has, and counts of versions gone."""

from retrieval.postgres.database import Connection

__all__ = ["remove_rows"]

_UNUSED = """
DELETE FROM {table} WHERE NOT EXISTS
    (SELECT FROM versions WHERE number >= since AND number < until)
"""
# What the oldest versions changed adds up in the oldest one that is left.
_ADD_UP = """
WITH first AS (SELECT min(number) AS number FROM versions),
gone AS (DELETE FROM counts USING first WHERE version < first.number RETURNING kind, name, change)
INSERT INTO counts (kind, name, version, change)
SELECT kind, name, number, sum(change) FROM gone, first GROUP BY kind, name, number
HAVING sum(change) <> 0
"""


def remove_rows(connection: Connection) -> None:
    """Remove what no version has any more, within a transaction."""
    for table in ("pictures", "postings"):
        connection.fetch(_UNUSED.format(table=table))
    # Those of the newest are no longer between two others.
    connection.fetch(
        "DELETE FROM counts WHERE version > (SELECT coalesce(max(number), 0) FROM versions)"
    )
    connection.fetch(_ADD_UP)
