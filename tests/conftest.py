"""Fixtures live in tests/fixtures, one file per room; this file only names them."""

pytest_plugins = [
    "tests.fixtures.models",
    "tests.fixtures.foreign",
    "tests.fixtures.bundles",
    "tests.fixtures.redis",
    "tests.fixtures.server",
    "tests.fixtures.browser",
]
